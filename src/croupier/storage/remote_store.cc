#include "croupier/storage/remote_store.h"

#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "croupier/base/process_local.h"
#include "croupier/storage/failure.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/storage/remote_connection.h"
#include "croupier/storage/remote_writes.h"

namespace croupier::storage {

namespace {

// A request takes tens of milliseconds, in which a connection delivers a megabyte or so: reading
// over a gap is cheaper than another request, and many requests at a time fill the network.
const ReadHabits& RemoteHabits() {
  static constexpr ReadHabits kHabits = {
      .coalesce = {.max_gap_bytes = 256 << 10, .max_read_bytes = 16 << 20},
      .num_concurrent = 64,
      .counted_as = nullptr};
  return kHabits;
}

// What this process has opened of an object.
struct OpenedObject {
  std::mutex mutex;  // guards object; lives in a ProcessLocal
  std::shared_ptr<ClientObject> object;
};

class RemoteObject : public Object {
 public:
  RemoteObject(std::shared_ptr<const RemoteConnection> connection, std::string path,
               std::string service_path, std::string location, int64_t size_bytes)
      : connection_(std::move(connection)),
        path_(std::move(path)),
        service_path_(std::move(service_path)),
        location_(std::move(location)),
        size_bytes_(size_bytes) {}

  int64_t size_bytes() const override { return size_bytes_; }
  const std::string& location() const override { return location_; }
  const ReadHabits& habits() const override { return RemoteHabits(); }

  arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                       const CancelToken& cancel) const override {
    const auto size = static_cast<int64_t>(destination.size());
    if (offset_bytes < 0 || offset_bytes > size_bytes_ || size > size_bytes_ - offset_bytes) {
      return arrow::Status::IOError(location_, ": the object ends early: want ", size, " bytes at ",
                                    offset_bytes, " of ", size_bytes_);
    }
    if (size == 0) return arrow::Status::OK();
    int64_t done = 0;
    return connection_->Send(path_, cancel, [&](ObjectClient* client) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(const auto object, Opened(client, cancel));
      ARROW_ASSIGN_OR_RAISE(const int64_t count,
                            object->ReadAt(offset_bytes + done,
                                           destination.subspan(static_cast<size_t>(done)), cancel));
      connection_->CountBytes(count);
      done += count;
      if (done == size) return arrow::Status::OK();
      // What came is kept: the next request asks for the rest.
      return MakeFailure(Failure::kTransient, "short read: " + std::to_string(done) + " of " +
                                                  std::to_string(size) + " bytes at " +
                                                  std::to_string(offset_bytes) + " came");
    });
  }

  int64_t ReadCached(int64_t, std::span<uint8_t>) const override { return 0; }

  // Take over what the caller opened.
  void SetOpened(std::shared_ptr<ClientObject> object) {
    OpenedObject& opened = opened_.Get();
    const std::lock_guard lock(opened.mutex);
    opened.object = std::move(object);
  }

 private:
  arrow::Result<std::shared_ptr<ClientObject>> Opened(ObjectClient* client,
                                                      const CancelToken& cancel) const {
    OpenedObject& opened = opened_.Get();
    {
      const std::lock_guard lock(opened.mutex);
      if (opened.object != nullptr) return opened.object;
    }
    ARROW_ASSIGN_OR_RAISE(auto object, client->Open(service_path_, size_bytes_, cancel));
    const std::lock_guard lock(opened.mutex);
    if (opened.object == nullptr) opened.object = std::move(object);
    return opened.object;
  }

  const std::shared_ptr<const RemoteConnection> connection_;
  const std::string path_;
  const std::string service_path_;
  const std::string location_;
  const int64_t size_bytes_;
  mutable ProcessLocal<OpenedObject> opened_;
};

class RemoteStore : public ObjectStore, public std::enable_shared_from_this<RemoteStore> {
 public:
  explicit RemoteStore(RemoteStoreOptions options)
      : connection_(std::make_shared<const RemoteConnection>(std::move(options))) {}

  const std::string& location() const override { return connection_->options().location; }

  arrow::Result<std::shared_ptr<const Object>> Open(const std::string& path,
                                                    std::optional<int64_t> known_size_bytes,
                                                    const CancelToken& cancel) const override {
    ARROW_RETURN_NOT_OK(CheckInside(location(), path));
    if (known_size_bytes.has_value()) return MakeObject(path, *known_size_bytes, nullptr);
    ARROW_ASSIGN_OR_RAISE(auto opened,
                          Ask<Opened>(path, cancel,
                                      [service_path = connection_->ServicePath(path)](
                                          ObjectClient* client, const CancelToken& abandoned) {
                                        return client->Open(service_path, std::nullopt, abandoned);
                                      }));
    const int64_t size_bytes = opened->size_bytes();
    return MakeObject(path, size_bytes, std::move(opened));
  }

  arrow::Result<std::vector<std::shared_ptr<const Object>>> OpenAll(
      const std::vector<std::string>& paths, const CancelToken& cancel) const override {
    struct Opening {
      std::vector<std::pair<std::string, std::string>> paths;  // in the store, in the service
      std::vector<Opened> opened;
    };
    auto opening = std::make_shared<Opening>();
    for (const auto& path : paths) {
      ARROW_RETURN_NOT_OK(CheckInside(location(), path));
      opening->paths.emplace_back(path, connection_->ServicePath(path));
    }
    opening->opened.resize(paths.size());
    ARROW_RETURN_NOT_OK(IoScheduler::Default().Run(
        paths.size(),
        [opening, connection = connection_](size_t i, const CancelToken& abandoned) {
          const auto& [path, service_path] = opening->paths[i];
          const auto status = connection->Send(path, abandoned, [&](ObjectClient* client) {
            return client->Open(service_path, std::nullopt, abandoned).Value(&opening->opened[i]);
          });
          return IsNotFound(status) ? arrow::Status::OK() : status;
        },
        RemoteHabits().num_concurrent, cancel));
    std::vector<std::shared_ptr<const Object>> objects(paths.size());
    for (size_t i = 0; i < paths.size(); ++i) {
      auto& opened = opening->opened[i];
      if (opened == nullptr) continue;
      const int64_t size_bytes = opened->size_bytes();
      ARROW_ASSIGN_OR_RAISE(objects[i], MakeObject(paths[i], size_bytes, std::move(opened)));
    }
    return objects;
  }

  arrow::Result<std::vector<std::string>> ListFiles(const std::string& directory,
                                                    const ListOptions& options) const override {
    return List(directory, /*directories=*/false, options);
  }

  arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory, const ListOptions& options) const override {
    return List(directory, /*directories=*/true, options);
  }

  arrow::Status CheckWritable() const override {
    const auto& check = connection_->options().check_writable;
    return check ? check() : ObjectStore::CheckWritable();
  }

  arrow::Result<std::unique_ptr<ObjectWriter>> OpenWrite(const std::string& path,
                                                         const CancelToken& cancel) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(path));
    return BeginRemoteObject(connection_, shared_from_this(), path, cancel);
  }

  arrow::Result<bool> PutIfAbsent(const std::string& path,
                                  std::span<const uint8_t> bytes) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(path));
    return PutRemoteIfAbsent(*connection_, *this, path, bytes);
  }

  arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(path));
    return connection_->SendWrite(path, CancelToken::Never(), [&](ObjectWrites* writes) {
      return writes->Put(connection_->ServicePath(path), bytes, CancelToken::Never());
    });
  }

  arrow::Status Delete(const std::string& path) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(path));
    // Services do not say whether there was an object.
    ARROW_RETURN_NOT_OK(Open(path, std::nullopt, CancelToken::Never()).status());
    return connection_->SendWrite(path, CancelToken::Never(), [&](ObjectWrites* writes) {
      return writes->Delete(connection_->ServicePath(path), CancelToken::Never());
    });
  }

  arrow::Status DeleteDirectory(const std::string& directory) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(directory));
    if (directory.empty()) {
      return arrow::Status::Invalid(location(), ": not the name of a directory below: ''");
    }
    auto paths = std::make_shared<std::vector<std::string>>();
    ARROW_RETURN_NOT_OK(FindBelow(directory, paths.get()));
    return IoScheduler::Default().Run(
        paths->size(),
        [paths, connection = connection_](size_t i, const CancelToken& abandoned) {
          const auto& path = (*paths)[i];
          return connection->SendWrite(path, abandoned, [&](ObjectWrites* writes) {
            return writes->Delete(connection->ServicePath(path), abandoned);
          });
        },
        RemoteHabits().num_concurrent, CancelToken::Never());
  }

  arrow::Status RenameDirectory(const std::string& from, const std::string& to) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(from));
    ARROW_RETURN_NOT_OK(CheckWrite(to));
    return arrow::Status::NotImplemented(
        connection_->LocationOf(from),
        ": cannot be renamed: an object store can only copy objects one by one");
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path) const override {
    ARROW_RETURN_NOT_OK(CheckWrite(path));
    return Ask<int64_t>(path, CancelToken::Never(),
                        [service_path = connection_->ServicePath(path)](
                            ObjectClient* client, const CancelToken& abandoned) {
                          return client->ModifiedAt(service_path, abandoned);
                        });
  }

 private:
  using Opened = std::shared_ptr<ClientObject>;

  // `opened` is null if the size was known.
  arrow::Result<std::shared_ptr<const Object>> MakeObject(const std::string& path,
                                                          int64_t size_bytes, Opened opened) const {
    if (size_bytes < 0) {
      return arrow::Status::IOError(connection_->LocationOf(path), ": an object cannot have ",
                                    size_bytes, " bytes");
    }
    auto object = std::make_shared<RemoteObject>(connection_, path, connection_->ServicePath(path),
                                                 connection_->LocationOf(path), size_bytes);
    if (opened != nullptr) object->SetOpened(std::move(opened));
    return object;
  }

  // Send a request that the caller can give up: it runs on a thread of the pool, and what it makes
  // outlives the call.
  template <typename T>
  arrow::Result<T> Ask(
      const std::string& path, const CancelToken& cancel,
      std::function<arrow::Result<T>(ObjectClient*, const CancelToken&)> request) const {
    auto answer = std::make_shared<T>();
    ARROW_RETURN_NOT_OK(IoScheduler::Default().Run(
        1,
        [answer, path, request = std::move(request), connection = connection_](
            size_t, const CancelToken& abandoned) {
          return connection->Send(path, abandoned, [&](ObjectClient* client) {
            return request(client, abandoned).Value(answer.get());
          });
        },
        1, cancel));
    return std::move(*answer);
  }

  arrow::Status CheckWrite(const std::string& path) const {
    ARROW_RETURN_NOT_OK(CheckWritable());
    return CheckInside(location(), path);
  }

  // Append the paths of all objects below a directory.
  arrow::Status FindBelow(const std::string& directory, std::vector<std::string>* paths) const {
    const auto files = ListFiles(directory, {});
    if (IsNotFound(files.status())) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(files.status());
    const std::filesystem::path folder = directory;
    paths->push_back(folder / "");  // an object that some tools make for a directory
    for (const auto& name : *files) paths->push_back(folder / name);
    ARROW_ASSIGN_OR_RAISE(const auto directories, ListDirectories(directory, {}));
    for (const auto& name : directories) {
      ARROW_RETURN_NOT_OK(FindBelow(folder / name, paths));
    }
    return arrow::Status::OK();
  }

  arrow::Result<std::vector<std::string>> List(const std::string& directory, bool directories,
                                               const ListOptions& options) const {
    ARROW_RETURN_NOT_OK(CheckInside(location(), directory));
    using Names = std::vector<std::string>;
    return Ask<Names>(
        directory, *options.cancel,
        [service_path = connection_->ServicePath(directory), directories, limit = options.limit](
            ObjectClient* client, const CancelToken& abandoned) -> arrow::Result<Names> {
          Names names;
          if (limit == 0) return names;
          ARROW_RETURN_NOT_OK(client->List(
              service_path,
              [&](std::string_view name, bool is_directory) {
                if (is_directory == directories) names.emplace_back(name);
                return names.size() < limit;
              },
              abandoned));
          return names;
        });
  }

  const std::shared_ptr<const RemoteConnection> connection_;
};

}  // namespace

std::shared_ptr<const ObjectStore> MakeRemoteStore(RemoteStoreOptions options) {
  return std::make_shared<const RemoteStore>(std::move(options));
}

}  // namespace croupier::storage
