#include "croupier/storage/object_store.h"

#include <cerrno>
#include <string_view>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/util/io_util.h>
#include <arrow/util/uri.h>

#include "croupier/storage/local_store.h"

namespace croupier::storage {

bool IsNotFound(const arrow::Status& status) {
  const int error = arrow::internal::ErrnoFromStatus(status);
  return error == ENOENT || error == ENOTDIR;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> ReadWhole(const Object& object, int64_t limit_bytes) {
  if (object.size_bytes() > limit_bytes) {
    return arrow::Status::CapacityError(object.location(),
                                        ": the file is too large: ", object.size_bytes(),
                                        " bytes, at most ", limit_bytes);
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(object.size_bytes()));
  ARROW_RETURN_NOT_OK(
      object.ReadAt(0, {buffer->mutable_data(), static_cast<size_t>(buffer->size())}));
  return buffer;
}

arrow::Result<std::shared_ptr<const ObjectStore>> OpenObjectStore(const std::string& uri) {
  const size_t scheme_end = uri.find("://");
  if (scheme_end == std::string::npos) return OpenLocalStore(uri);
  const auto scheme = std::string_view(uri).substr(0, scheme_end);
  if (scheme != "file") {
    return arrow::Status::NotImplemented("cannot read from '", scheme,
                                         "://' yet; readable: paths and file:// URIs");
  }
  arrow::util::Uri parsed;
  ARROW_RETURN_NOT_OK(parsed.Parse(uri));
  if (!parsed.host().empty() && parsed.host() != "localhost") {
    return arrow::Status::Invalid("a file:// URI cannot name another host: '", uri, "'");
  }
  return OpenLocalStore(parsed.path());
}

}  // namespace croupier::storage
