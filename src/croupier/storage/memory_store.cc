#include "croupier/storage/memory_store.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>

namespace croupier::storage {

namespace {

constexpr ReadHabits kHabits = {.coalesce = {}, .num_concurrent = 0, .counted_as = "memory://"};

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

class MemoryStore : public ObjectStore {
 public:
  MemoryStore(std::string location, std::shared_ptr<const MemoryObjects> objects,
              std::string prefix)
      : location_(std::move(location)), objects_(std::move(objects)), prefix_(std::move(prefix)) {}

  const std::string& location() const override { return location_; }

  arrow::Result<std::shared_ptr<const Object>> Open(const std::string& path,
                                                    std::optional<int64_t> /*known_size_bytes*/,
                                                    const CancelToken& /*cancel*/) const override {
    ARROW_RETURN_NOT_OK(CheckInside(location_, path));
    const auto found = objects_->find(prefix_ + path);
    if (found == objects_->end()) return NotFound(location_ + "/" + path);
    return std::make_shared<const MemoryObject>(found->second, location_ + "/" + path);
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
  arrow::Result<std::vector<std::string>> List(const std::string& directory, bool directories,
                                               const ListOptions& options) const {
    ARROW_RETURN_NOT_OK(CheckInside(location_, directory));
    const std::string prefix = prefix_ + (directory.empty() ? "" : directory + "/");
    std::set<std::string> names;
    bool exists = prefix.empty();
    for (auto entry = objects_->lower_bound(prefix);
         entry != objects_->end() && entry->first.starts_with(prefix); ++entry) {
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
  const std::shared_ptr<const MemoryObjects> objects_;
  const std::string prefix_;
};

// The stores by name, newest first. Never changed once it is there, so that a fork at any moment
// leaves it whole; never freed.
struct NamedStore {
  const std::string name;
  const std::shared_ptr<const MemoryObjects> objects;
  NamedStore* next;
};
std::atomic<NamedStore*> named_stores{nullptr};

}  // namespace

std::shared_ptr<const ObjectStore> MakeMemoryStore(const std::string& name, MemoryObjects objects) {
  auto held = std::make_shared<const MemoryObjects>(std::move(objects));
  NamedStore* const named =
      std::make_unique<NamedStore>(NamedStore{name, held, named_stores.load()}).release();
  while (!named_stores.compare_exchange_weak(named->next, named)) {
  }
  return std::make_shared<const MemoryStore>("memory://" + name, std::move(held), "");
}

arrow::Result<std::shared_ptr<const ObjectStore>> OpenMemoryStore(const StoreUri& uri) {
  for (const NamedStore* named = named_stores.load(); named != nullptr; named = named->next) {
    if (named->name != uri.bucket) continue;
    const bool is_root = uri.prefix.empty();
    return std::make_shared<const MemoryStore>(uri.location, named->objects,
                                               is_root ? "" : uri.prefix + "/");
  }
  return arrow::Status::Invalid("there is no store ", uri.store(), " in this process");
}

}  // namespace croupier::storage
