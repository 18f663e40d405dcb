#include "croupier/storage/object_store.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>
#include <arrow/util/uri.h>

#include "croupier/base/memory_pool.h"
#include "croupier/storage/cloud_store.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/storage/local_store.h"
#include "croupier/storage/memory_store.h"
#include "croupier/storage/storage_settings.h"
#include "croupier/storage/store_uri.h"

namespace croupier::storage {

bool IsNotFound(const arrow::Status& status) {
  const int error = arrow::internal::ErrnoFromStatus(status);
  return error == ENOENT || error == ENOTDIR;
}

arrow::Status CheckInside(const std::string& location, const std::string& path) {
  bool leads_out = path.starts_with('/') || path.find('\0') != std::string::npos;
  std::string_view rest = path;
  while (!leads_out && !rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    leads_out = part == "..";
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  if (!leads_out) return arrow::Status::OK();
  return arrow::Status::IOError(location, ": a path leads out of the directory: '", path, "'");
}

arrow::Result<std::vector<std::shared_ptr<const Object>>> ObjectStore::OpenAll(
    const std::vector<std::string>& paths, const CancelToken& cancel) const {
  std::vector<std::shared_ptr<const Object>> objects(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    auto object = Open(paths[i], std::nullopt, cancel);
    if (IsNotFound(object.status())) continue;
    ARROW_ASSIGN_OR_RAISE(objects[i], std::move(object));
  }
  return objects;
}

arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> ReadWhole(
    const std::vector<std::shared_ptr<const Object>>& objects, int64_t limit_bytes,
    const CancelToken& cancel) {
  using Buffers = std::vector<std::shared_ptr<arrow::Buffer>>;
  auto buffers = std::make_shared<Buffers>();
  std::vector<ReadRequest> requests;
  for (const auto& object : objects) {
    if (object->size_bytes() > limit_bytes) {
      return arrow::Status::CapacityError(object->location(),
                                          ": the file is too large: ", object->size_bytes(),
                                          " bytes, at most ", limit_bytes);
    }
    ARROW_ASSIGN_OR_RAISE(auto buffer,
                          arrow::AllocateBuffer(object->size_bytes(), DefaultMemoryPool()));
    requests.push_back({object, 0, {buffer->mutable_data(), static_cast<size_t>(buffer->size())}});
    buffers->push_back(std::move(buffer));
  }
  ARROW_RETURN_NOT_OK(IoScheduler::Default().Read(requests, buffers, cancel));
  return *buffers;
}

arrow::Status ObjectStore::CheckWritable() const {
  return arrow::Status::NotImplemented(
      location(),
      ": cannot write here. Writing needs a request that creates an object only if it does not "
      "exist, and none was tested with this kind of store; paths, file://, memory:// and s3:// can "
      "be written");
}

arrow::Result<std::unique_ptr<ObjectWriter>> ObjectStore::OpenWrite(const std::string&,
                                                                    const CancelToken&) const {
  return CheckWritable();
}

arrow::Result<bool> ObjectStore::PutIfAbsent(const std::string&, std::span<const uint8_t>) const {
  return CheckWritable();
}

arrow::Status ObjectStore::Put(const std::string&, std::span<const uint8_t>) const {
  return CheckWritable();
}

arrow::Status ObjectStore::Delete(const std::string&) const { return CheckWritable(); }

arrow::Status ObjectStore::DeleteDirectory(const std::string&) const { return CheckWritable(); }

arrow::Status ObjectStore::RenameDirectory(const std::string&, const std::string&) const {
  return CheckWritable();
}

arrow::Result<int64_t> ObjectStore::ModifiedAt(const std::string&) const { return CheckWritable(); }

arrow::Result<std::shared_ptr<arrow::Buffer>> ReadWhole(const std::shared_ptr<const Object>& object,
                                                        int64_t limit_bytes,
                                                        const CancelToken& cancel) {
  ARROW_ASSIGN_OR_RAISE(auto buffers, ReadWhole(std::vector{object}, limit_bytes, cancel));
  return std::move(buffers.front());
}

arrow::Result<std::optional<std::string>> LocalPathOf(const std::string& uri) {
  if (uri.find("://") == std::string::npos) return uri;
  if (!uri.starts_with("file://")) return std::nullopt;
  arrow::util::Uri parsed;
  ARROW_RETURN_NOT_OK(parsed.Parse(uri));
  if (!parsed.host().empty() && parsed.host() != "localhost") {
    return arrow::Status::Invalid("a file:// URI cannot name another host: '", uri, "'");
  }
  return parsed.path();
}

arrow::Result<std::shared_ptr<const ObjectStore>> OpenObjectStore(const std::string& uri,
                                                                  const StorageOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto settings, StorageSettings::Make(options));
  ARROW_ASSIGN_OR_RAISE(const auto local_path, LocalPathOf(uri));
  if (local_path.has_value()) return OpenLocalStore(*local_path);
  const auto scheme = std::string_view(uri).substr(0, uri.find("://"));
  if (scheme == "memory") {
    ARROW_ASSIGN_OR_RAISE(const auto parsed, StoreUri::Parse(uri));
    return OpenMemoryStore(parsed);
  }
  if (IsCloudScheme(scheme)) {
    ARROW_ASSIGN_OR_RAISE(auto parsed, StoreUri::Parse(uri));
    return OpenCloudStore(std::move(parsed), std::move(settings));
  }
  return arrow::Status::NotImplemented("cannot read from '", scheme,
                                       "://'; readable: paths and file://, s3://, gs://, az://, "
                                       "abfss:// and memory:// URIs");
}

}  // namespace croupier::storage
