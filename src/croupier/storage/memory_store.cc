#include "croupier/storage/memory_store.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/buffer_builder.h>
#include <arrow/util/io_util.h>

#include "croupier/base/memory_pool.h"
#include "croupier/base/process_local.h"
#include "croupier/base/wall_clock.h"

namespace croupier::storage {

namespace {

constexpr ReadHabits kHabits = {
    .coalesce = {}, .num_concurrent = 0, .rereads_are_cheap = true, .counted_as = "memory://"};

arrow::Status NotFound(const std::string& location) {
  return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError, location,
                                          ": no such object");
}

class MemoryObject : public Object {
 public:
  MemoryObject(std::shared_ptr<arrow::Buffer> bytes, std::string location)
      : bytes_(std::move(bytes)), location_(std::move(location)) {}

  int64_t size_bytes() const override { return bytes_->size(); }
  const std::string& location() const override { return location_; }

  const ReadHabits& habits() const override { return kHabits; }

  arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                       const CancelToken& /*cancel*/) const override {
    const int64_t count = ReadCached(offset_bytes, destination);
    if (count == static_cast<int64_t>(destination.size())) return arrow::Status::OK();
    return arrow::Status::IOError(location_, ": the object ends early: want ", destination.size(),
                                  " bytes at ", offset_bytes, ", have ", count);
  }

  int64_t ReadCached(int64_t offset_bytes, std::span<uint8_t> destination) const override {
    if (offset_bytes < 0 || offset_bytes >= bytes_->size()) return 0;
    const auto count =
        std::min(static_cast<int64_t>(destination.size()), bytes_->size() - offset_bytes);
    std::memcpy(destination.data(), bytes_->data() + offset_bytes, static_cast<size_t>(count));
    return count;
  }

 private:
  const std::shared_ptr<arrow::Buffer> bytes_;
  const std::string location_;
};

struct StoredObject {
  std::shared_ptr<arrow::Buffer> bytes;
  int64_t modified_us = 0;  // since the epoch
};
using Snapshot = std::map<std::string, StoredObject>;

int64_t NowMicroseconds() { return WallClockNanoseconds() / 1000; }

// The objects of a named store. Writers replace all of them at once, so that a fork at any moment
// leaves them whole: the lock is that of one process, and what it guards is behind one pointer.
class MemoryBucket {
 public:
  explicit MemoryBucket(Snapshot objects)
      : current_(std::make_unique<Held>(std::make_shared<const Snapshot>(std::move(objects)))
                     .release()) {}
  MemoryBucket(const MemoryBucket&) = delete;
  MemoryBucket& operator=(const MemoryBucket&) = delete;
  ~MemoryBucket() { delete current_.load(); }

  std::shared_ptr<const Snapshot> Read() const {
    const std::lock_guard lock(mutex_.Get());
    return *current_.load();
  }

  // Let `change` edit the objects; they stay as they were unless it returns true.
  template <typename Change>
  bool Edit(Change change) {
    const std::lock_guard lock(mutex_.Get());
    const std::unique_ptr<Held> old(current_.load());
    auto edited = std::make_shared<Snapshot>(**old);
    const bool changed = change(edited.get());
    current_.store(std::make_unique<Held>(changed ? std::move(edited) : *old).release());
    return changed;
  }

 private:
  using Held = std::shared_ptr<const Snapshot>;
  mutable ProcessLocal<std::mutex> mutex_;  // held only to copy or to replace what is held
  std::atomic<Held*> current_;
};

class MemoryWriter : public ObjectWriter {
 public:
  MemoryWriter(std::shared_ptr<MemoryBucket> bucket, std::string path, std::string location)
      : bucket_(std::move(bucket)), path_(std::move(path)), location_(std::move(location)) {}

  int64_t size_bytes() const override { return builder_.length(); }

  arrow::Status Append(std::span<const uint8_t> bytes) override {
    if (is_closed_) return arrow::Status::Invalid(location_, ": closed already");
    return builder_.Append(bytes.data(), std::ssize(bytes));
  }

  arrow::Status Close() override {
    if (is_closed_) return arrow::Status::Invalid(location_, ": closed already");
    is_closed_ = true;
    ARROW_ASSIGN_OR_RAISE(auto bytes, builder_.Finish());
    const bool is_new = bucket_->Edit([&](Snapshot* objects) {
      return objects->emplace(path_, StoredObject{std::move(bytes), NowMicroseconds()}).second;
    });
    if (is_new) return arrow::Status::OK();
    return arrow::internal::StatusFromErrno(EEXIST, arrow::StatusCode::IOError, location_,
                                            ": cannot create the object");
  }

 private:
  const std::shared_ptr<MemoryBucket> bucket_;
  const std::string path_;
  const std::string location_;
  arrow::BufferBuilder builder_{DefaultMemoryPool()};
  bool is_closed_ = false;
};

class MemoryStore : public ObjectStore {
 public:
  MemoryStore(std::string location, std::shared_ptr<MemoryBucket> bucket, std::string prefix)
      : location_(std::move(location)), bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

  const std::string& location() const override { return location_; }

  arrow::Result<std::shared_ptr<const Object>> Open(const std::string& path,
                                                    std::optional<int64_t> /*known_size_bytes*/,
                                                    const CancelToken& /*cancel*/) const override {
    ARROW_ASSIGN_OR_RAISE(const auto key, KeyOf(path));
    const auto objects = bucket_->Read();
    const auto found = objects->find(key);
    if (found == objects->end()) return NotFound(LocationOf(path));
    return std::make_shared<const MemoryObject>(found->second.bytes, LocationOf(path));
  }

  arrow::Result<std::vector<std::string>> ListFiles(const std::string& directory,
                                                    const ListOptions& options) const override {
    return List(directory, /*directories=*/false, options);
  }

  arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory, const ListOptions& options) const override {
    return List(directory, /*directories=*/true, options);
  }

  arrow::Status CheckWritable() const override { return arrow::Status::OK(); }

  arrow::Result<std::unique_ptr<ObjectWriter>> OpenWrite(
      const std::string& path, const CancelToken& /*cancel*/) const override {
    ARROW_ASSIGN_OR_RAISE(auto key, KeyOf(path));
    return std::make_unique<MemoryWriter>(bucket_, std::move(key), LocationOf(path));
  }

  arrow::Result<bool> PutIfAbsent(const std::string& path,
                                  std::span<const uint8_t> bytes) const override {
    ARROW_ASSIGN_OR_RAISE(const auto key, KeyOf(path));
    return bucket_->Edit([&](Snapshot* objects) {
      return objects->emplace(key, StoredObject{Copy(bytes), NowMicroseconds()}).second;
    });
  }

  arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes) const override {
    ARROW_ASSIGN_OR_RAISE(const auto key, KeyOf(path));
    bucket_->Edit([&](Snapshot* objects) {
      (*objects)[key] = {Copy(bytes), NowMicroseconds()};
      return true;
    });
    return arrow::Status::OK();
  }

  arrow::Status Delete(const std::string& path) const override {
    ARROW_ASSIGN_OR_RAISE(const auto key, KeyOf(path));
    const bool existed = bucket_->Edit([&](Snapshot* objects) { return objects->erase(key) != 0; });
    return existed ? arrow::Status::OK() : NotFound(LocationOf(path));
  }

  arrow::Status DeleteDirectory(const std::string& directory) const override {
    ARROW_ASSIGN_OR_RAISE(const auto prefix, DirectoryKeyOf(directory));
    bucket_->Edit([&](Snapshot* objects) {
      return std::erase_if(*objects,
                           [&](const auto& entry) { return entry.first.starts_with(prefix); }) != 0;
    });
    return arrow::Status::OK();
  }

  arrow::Status RenameDirectory(const std::string& from, const std::string& to) const override {
    ARROW_ASSIGN_OR_RAISE(const auto prefix, DirectoryKeyOf(from));
    ARROW_ASSIGN_OR_RAISE(const auto target, DirectoryKeyOf(to));
    bool is_taken = false;
    const bool renamed = bucket_->Edit([&](Snapshot* objects) {
      const auto first = objects->lower_bound(target);
      is_taken = first != objects->end() && first->first.starts_with(target);
      if (is_taken) return false;
      Snapshot moved;
      for (const auto& [key, object] : *objects) {
        if (key.starts_with(prefix)) moved.emplace(target + key.substr(prefix.size()), object);
      }
      if (moved.empty()) return false;
      std::erase_if(*objects, [&](const auto& entry) { return entry.first.starts_with(prefix); });
      objects->merge(moved);
      return true;
    });
    if (is_taken) {
      return arrow::internal::StatusFromErrno(EEXIST, arrow::StatusCode::IOError, LocationOf(from),
                                              ": cannot rename it to ", to);
    }
    return renamed ? arrow::Status::OK() : NotFound(LocationOf(from));
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path) const override {
    ARROW_ASSIGN_OR_RAISE(const auto key, KeyOf(path));
    const auto objects = bucket_->Read();
    const auto found = objects->find(key);
    if (found == objects->end()) return NotFound(LocationOf(path));
    return found->second.modified_us;
  }

 private:
  static std::shared_ptr<arrow::Buffer> Copy(std::span<const uint8_t> bytes) {
    return arrow::Buffer::FromString(std::string(bytes.begin(), bytes.end()));
  }

  std::string LocationOf(const std::string& path) const { return location_ + "/" + path; }

  arrow::Result<std::string> KeyOf(const std::string& path) const {
    ARROW_RETURN_NOT_OK(CheckInside(location_, path));
    return prefix_ + path;
  }

  // What the names of all objects below a directory begin with.
  arrow::Result<std::string> DirectoryKeyOf(const std::string& directory) const {
    if (directory.empty()) {
      return arrow::Status::Invalid(location_, ": not the name of a directory below: ''");
    }
    ARROW_ASSIGN_OR_RAISE(auto key, KeyOf(directory));
    return key + "/";
  }

  arrow::Result<std::vector<std::string>> List(const std::string& directory, bool directories,
                                               const ListOptions& options) const {
    ARROW_RETURN_NOT_OK(CheckInside(location_, directory));
    const std::string prefix = prefix_ + (directory.empty() ? "" : directory + "/");
    const auto objects = bucket_->Read();
    std::set<std::string> names;
    bool exists = prefix.empty();
    for (auto entry = objects->lower_bound(prefix);
         entry != objects->end() && entry->first.starts_with(prefix); ++entry) {
      exists = true;
      const auto rest = entry->first.substr(prefix.size());
      const size_t slash = rest.find('/');
      if ((slash != std::string::npos) == directories) names.insert(rest.substr(0, slash));
    }
    if (!exists) return NotFound(location_ + "/" + directory);
    std::vector<std::string> first(names.begin(), names.end());
    if (first.size() > options.limit) first.resize(options.limit);
    return first;
  }

  const std::string location_;
  const std::shared_ptr<MemoryBucket> bucket_;
  const std::string prefix_;
};

// The stores by name, newest first. A list that only grows, so that a fork at any moment leaves it
// whole; never freed.
struct NamedStore {
  const std::string name;
  const std::weak_ptr<MemoryBucket> bucket;
  const std::shared_ptr<MemoryBucket> kept;  // the same, or null for a transient store
  NamedStore* next = nullptr;
};
std::atomic<NamedStore*> named_stores{nullptr};

// The newest store of a name from one on; null if there is none, or it has ended.
std::shared_ptr<MemoryBucket> FindNamed(NamedStore* from, const std::string& name) {
  while (from != nullptr && from->name != name) from = from->next;
  return from == nullptr ? nullptr : from->bucket.lock();
}

std::shared_ptr<const ObjectStore> MakeNamed(const std::string& name, MemoryObjects objects,
                                             bool is_kept) {
  Snapshot stored;
  for (auto& [path, bytes] : objects) stored[path] = {std::move(bytes), NowMicroseconds()};
  auto bucket = std::make_shared<MemoryBucket>(std::move(stored));
  NamedStore* const named =
      std::make_unique<NamedStore>(
          NamedStore{name, bucket, is_kept ? bucket : nullptr, named_stores.load()})
          .release();
  while (!named_stores.compare_exchange_weak(named->next, named)) {
  }
  return std::make_shared<const MemoryStore>("memory://" + name, std::move(bucket), "");
}

}  // namespace

std::shared_ptr<const ObjectStore> MakeMemoryStore(const std::string& name, MemoryObjects objects) {
  return MakeNamed(name, std::move(objects), /*is_kept=*/true);
}

std::shared_ptr<const ObjectStore> MakeTransientMemoryStore(const std::string& name,
                                                            MemoryObjects objects) {
  return MakeNamed(name, std::move(objects), /*is_kept=*/false);
}

arrow::Result<std::shared_ptr<const ObjectStore>> OpenMemoryStore(const StoreUri& uri) {
  NamedStore* const newest = named_stores.load();
  auto bucket = FindNamed(newest, uri.bucket);
  if (bucket == nullptr) {
    bucket = std::make_shared<MemoryBucket>(Snapshot());
    auto fresh = std::make_unique<NamedStore>(NamedStore{uri.bucket, bucket, bucket, newest});
    // Another thread may have been faster, with this name.
    std::shared_ptr<MemoryBucket> other;
    while (other == nullptr && !named_stores.compare_exchange_weak(fresh->next, fresh.get())) {
      other = FindNamed(fresh->next, uri.bucket);
    }
    if (other == nullptr) {
      std::ignore = fresh.release();  // in the list now
    } else {
      bucket = std::move(other);
    }
  }
  const bool is_root = uri.prefix.empty();
  return std::make_shared<const MemoryStore>(uri.location, std::move(bucket),
                                             is_root ? "" : uri.prefix + "/");
}

}  // namespace croupier::storage
