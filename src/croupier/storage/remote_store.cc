#include "croupier/storage/remote_store.h"

#include <mutex>
#include <utility>
#include <vector>

#include "croupier/base/process_local.h"
#include "croupier/storage/io_scheduler.h"

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

// The connection of one process, shared by the store and its objects.
class Connection {
 public:
  explicit Connection(RemoteStoreOptions options)
      : options_(std::move(options)),
        state_([this] { return std::make_unique<State>(&TallyOf(options_.store)); }) {}

  const RemoteStoreOptions& options() const { return options_; }

  // Send a request, with retries; what fails names `path`.
  arrow::Status Send(const std::string& path, const CancelToken& cancel,
                     const std::function<arrow::Status(ObjectClient*)>& request) const {
    State& state = state_.Get();
    ObjectClient* client = nullptr;
    const auto status = SendWithRetries(
        options_.retry, cancel, state.tally,
        [&](const arrow::Status& failed) {
          if (client != nullptr) return client->Classify(failed);
          return failed.IsIOError() ? Failure::kTransient : Failure::kFinal;
        },
        [&] {
          ARROW_ASSIGN_OR_RAISE(client, ClientOf(&state));
          return request(client);
        });
    return status.ok() || status.IsCancelled() ? status : Explain(path, status);
  }

  void CountBytes(int64_t num_bytes) const {
    state_.Get().tally->num_bytes.fetch_add(num_bytes, std::memory_order_relaxed);
  }

 private:
  struct State {
    explicit State(StoreTally* tally) : tally(tally) {}
    StoreTally* const tally;
    std::mutex mutex;  // guards client while it is made; lives in a ProcessLocal
    std::shared_ptr<ObjectClient> client;
  };

  arrow::Result<ObjectClient*> ClientOf(State* state) const {
    const std::lock_guard lock(state->mutex);
    if (state->client == nullptr) {
      ARROW_ASSIGN_OR_RAISE(state->client, options_.connect());
    }
    return state->client.get();
  }

  arrow::Status Explain(const std::string& path, const arrow::Status& status) const {
    std::string place = options_.location;
    if (!path.empty()) place += (place.ends_with('/') ? "" : "/") + path;
    return status.WithMessage(place, ": ", options_.redact(status.message()));
  }

  const RemoteStoreOptions options_;
  mutable ProcessLocal<State> state_;
};

// What this process has opened of an object.
struct OpenedObject {
  std::mutex mutex;  // guards object; lives in a ProcessLocal
  std::shared_ptr<ClientObject> object;
};

class RemoteObject : public Object {
 public:
  RemoteObject(std::shared_ptr<const Connection> connection, std::string path,
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
      ARROW_ASSIGN_OR_RAISE(const auto object, Opened(client));
      ARROW_ASSIGN_OR_RAISE(
          const int64_t count,
          object->ReadAt(offset_bytes + done, destination.subspan(static_cast<size_t>(done))));
      connection_->CountBytes(count);
      done += count;
      if (done == size) return arrow::Status::OK();
      // What came is kept: the next request asks for the rest.
      return arrow::Status::IOError("short read: ", done, " of ", size, " bytes at ", offset_bytes,
                                    " came");
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
  arrow::Result<std::shared_ptr<ClientObject>> Opened(ObjectClient* client) const {
    OpenedObject& opened = opened_.Get();
    {
      const std::lock_guard lock(opened.mutex);
      if (opened.object != nullptr) return opened.object;
    }
    ARROW_ASSIGN_OR_RAISE(auto object, client->Open(service_path_, size_bytes_));
    const std::lock_guard lock(opened.mutex);
    if (opened.object == nullptr) opened.object = std::move(object);
    return opened.object;
  }

  const std::shared_ptr<const Connection> connection_;
  const std::string path_;
  const std::string service_path_;
  const std::string location_;
  const int64_t size_bytes_;
  mutable ProcessLocal<OpenedObject> opened_;
};

class RemoteStore : public ObjectStore {
 public:
  explicit RemoteStore(RemoteStoreOptions options)
      : connection_(std::make_shared<const Connection>(std::move(options))) {}

  const std::string& location() const override { return connection_->options().location; }

  arrow::Result<std::shared_ptr<const Object>> Open(const std::string& path,
                                                    std::optional<int64_t> known_size_bytes,
                                                    const CancelToken& cancel) const override {
    ARROW_RETURN_NOT_OK(CheckInside(location(), path));
    if (known_size_bytes.has_value()) return MakeObject(path, *known_size_bytes, nullptr);
    ARROW_ASSIGN_OR_RAISE(
        auto opened,
        Ask<Opened>(path, cancel, [service_path = ServicePath(path)](ObjectClient* client) {
          return client->Open(service_path, std::nullopt);
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
      opening->paths.emplace_back(path, ServicePath(path));
    }
    opening->opened.resize(paths.size());
    ARROW_RETURN_NOT_OK(IoScheduler::Default().Run(
        paths.size(),
        [opening, connection = connection_](size_t i, const CancelToken& abandoned) {
          const auto& [path, service_path] = opening->paths[i];
          const auto status = connection->Send(path, abandoned, [&](ObjectClient* client) {
            return client->Open(service_path, std::nullopt).Value(&opening->opened[i]);
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

 private:
  using Opened = std::shared_ptr<ClientObject>;

  // `opened` is null if the size was known.
  arrow::Result<std::shared_ptr<const Object>> MakeObject(const std::string& path,
                                                          int64_t size_bytes, Opened opened) const {
    if (size_bytes < 0) {
      return arrow::Status::IOError(location(), "/", path, ": an object cannot have ", size_bytes,
                                    " bytes");
    }
    auto object = std::make_shared<RemoteObject>(connection_, path, ServicePath(path),
                                                 Join(location(), path), size_bytes);
    if (opened != nullptr) object->SetOpened(std::move(opened));
    return object;
  }

  static std::string Join(const std::string& parent, const std::string& path) {
    return path.empty() ? parent : parent + (parent.ends_with('/') ? "" : "/") + path;
  }

  std::string ServicePath(const std::string& path) const {
    return Join(connection_->options().root, path);
  }

  // Send a request that the caller can give up: it runs on a thread of the pool, and what it makes
  // outlives the call.
  template <typename T>
  arrow::Result<T> Ask(const std::string& path, const CancelToken& cancel,
                       std::function<arrow::Result<T>(ObjectClient*)> request) const {
    auto answer = std::make_shared<T>();
    ARROW_RETURN_NOT_OK(IoScheduler::Default().Run(
        1,
        [answer, path, request = std::move(request), connection = connection_](
            size_t, const CancelToken& abandoned) {
          return connection->Send(path, abandoned, [&](ObjectClient* client) {
            return request(client).Value(answer.get());
          });
        },
        1, cancel));
    return std::move(*answer);
  }

  arrow::Result<std::vector<std::string>> List(const std::string& directory, bool directories,
                                               const ListOptions& options) const {
    ARROW_RETURN_NOT_OK(CheckInside(location(), directory));
    using Names = std::vector<std::string>;
    return Ask<Names>(directory, *options.cancel,
                      [service_path = ServicePath(directory), directories,
                       limit = options.limit](ObjectClient* client) -> arrow::Result<Names> {
                        Names names;
                        if (limit == 0) return names;
                        ARROW_RETURN_NOT_OK(client->List(
                            service_path, [&](std::string_view name, bool is_directory) {
                              if (is_directory == directories) names.emplace_back(name);
                              return names.size() < limit;
                            }));
                        return names;
                      });
  }

  const std::shared_ptr<const Connection> connection_;
};

}  // namespace

std::shared_ptr<const ObjectStore> MakeRemoteStore(RemoteStoreOptions options) {
  return std::make_shared<const RemoteStore>(std::move(options));
}

}  // namespace croupier::storage
