#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

namespace croupier::storage {

/// One immutable object (a file) that is open for reading.
///
/// Any number of threads may read. Usable in a forked child: reads name their own position.
class Object {
 public:
  virtual ~Object() = default;

  virtual int64_t size_bytes() const = 0;
  /// Where the object is, for messages.
  virtual const std::string& location() const = 0;

  /// Read exactly destination.size() bytes from `offset_bytes`; waits for the storage.
  ///
  /// \return IOError, naming the location, if the object ends before or the storage fails
  virtual arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination) const = 0;

  /// Read what is in memory already, without waiting for storage.
  ///
  /// \return number of bytes read from the front of the range; 0 if none is at hand, or on any
  /// error
  ///         (ReadAt then reports it)
  virtual int64_t ReadCached(int64_t offset_bytes, std::span<uint8_t> destination) const = 0;
};

/// The objects below one root, named by relative paths with '/' between parts.
///
/// Any number of threads may call. Usable in a forked child.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// The root, as the user would name it.
  virtual const std::string& location() const = 0;

  /// Open an object. With `known_size_bytes` a store may skip asking for the size.
  ///
  /// \return IOError with the errno detail of a missing file (IsNotFound tells) or another failure
  virtual arrow::Result<std::shared_ptr<const Object>> Open(
      const std::string& path, std::optional<int64_t> known_size_bytes = std::nullopt) const = 0;

  /// List the names (not paths) of the files right below a directory, unordered.
  ///
  /// \return IOError if the directory is missing (IsNotFound tells)
  virtual arrow::Result<std::vector<std::string>> ListFiles(const std::string& directory) const = 0;

  /// List the names of the directories right below a directory, unordered.
  virtual arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory) const = 0;
};

/// Tell whether a status of this room means that an object or directory does not exist.
bool IsNotFound(const arrow::Status& status);

/// Read a whole object; CapacityError if it is larger than `limit_bytes`.
arrow::Result<std::shared_ptr<arrow::Buffer>> ReadWhole(const Object& object, int64_t limit_bytes);

/// Open the store at `uri`: a path or a file:// URI. Other schemes: NotImplemented that names them.
///
/// The root need not exist yet.
arrow::Result<std::shared_ptr<const ObjectStore>> OpenObjectStore(const std::string& uri);

}  // namespace croupier::storage
