#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/storage/retry.h"

namespace croupier::storage {

/// An object that a client has opened. Any number of threads may read.
class ClientObject {
 public:
  virtual ~ClientObject() = default;
  virtual int64_t size_bytes() const = 0;
  /// Read by one request; gives the number of bytes that came, which may be fewer.
  virtual arrow::Result<int64_t> ReadAt(int64_t offset_bytes, std::span<uint8_t> destination) = 0;
};

/// A connection to a service, without retries: what RemoteStore makes a store of.
///
/// Paths are those of the service: `bucket/prefix/name`. Any number of threads. Belongs to the
/// process that made it.
class ObjectClient {
 public:
  virtual ~ObjectClient() = default;

  /// Open an object; asks for the size only if it is not known.
  virtual arrow::Result<std::shared_ptr<ClientObject>> Open(
      const std::string& path, std::optional<int64_t> known_size_bytes) = 0;

  /// Visit the names right below a directory, in the order of their bytes, until `visit` returns
  /// false.
  ///
  /// \return IOError with the errno detail of a missing file if nothing is there
  virtual arrow::Status List(
      const std::string& directory,
      const std::function<bool(std::string_view name, bool is_directory)>& visit) = 0;

  /// Tell what a failure of this client means for the next request.
  virtual Failure Classify(const arrow::Status& status) const = 0;
};

}  // namespace croupier::storage
