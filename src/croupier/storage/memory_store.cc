#include "croupier/storage/memory_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>

namespace croupier::storage {

namespace {

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

  arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination) const override {
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
  explicit MemoryStore(std::map<std::string, std::shared_ptr<arrow::Buffer>> objects)
      : objects_(std::move(objects)) {}

  const std::string& location() const override { return location_; }

  arrow::Result<std::shared_ptr<const Object>> Open(
      const std::string& path, std::optional<int64_t> /*known_size_bytes*/) const override {
    const auto found = objects_.find(path);
    if (found == objects_.end()) return NotFound(location_ + path);
    return std::make_shared<const MemoryObject>(found->second, location_ + path);
  }

  arrow::Result<std::vector<std::string>> ListFiles(const std::string& directory) const override {
    return List(directory, /*directories=*/false);
  }

  arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory) const override {
    return List(directory, /*directories=*/true);
  }

 private:
  arrow::Result<std::vector<std::string>> List(const std::string& directory,
                                               bool directories) const {
    const std::string prefix = directory.empty() ? "" : directory + "/";
    std::set<std::string> names;
    bool exists = directory.empty();
    for (const auto& [path, bytes] : objects_) {
      if (!path.starts_with(prefix)) continue;
      exists = true;
      const auto rest = path.substr(prefix.size());
      const size_t slash = rest.find('/');
      if ((slash != std::string::npos) == directories) names.insert(rest.substr(0, slash));
    }
    if (!exists) return NotFound(location_ + directory);
    return std::vector<std::string>(names.begin(), names.end());
  }

  const std::string location_ = "memory://";
  const std::map<std::string, std::shared_ptr<arrow::Buffer>> objects_;
};

}  // namespace

std::shared_ptr<const ObjectStore> MakeMemoryStore(
    std::map<std::string, std::shared_ptr<arrow::Buffer>> objects) {
  return std::make_shared<const MemoryStore>(std::move(objects));
}

}  // namespace croupier::storage
