#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"
#include "croupier/storage/failure.h"

namespace croupier::storage {

/// An object that a client has opened. Any number of threads may read.
class ClientObject {
 public:
  virtual ~ClientObject() = default;
  virtual int64_t size_bytes() const = 0;
  /// Read by one request; gives the number of bytes that came, which may be fewer.
  virtual arrow::Result<int64_t> ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                                        const CancelToken& cancel) = 0;
};

/// Writes to a service, by one request each: what an ObjectClient has whose service can be written.
///
/// An error may come after the service did what it was asked for. A request that is cancelled ends
/// within 0.1 s. Any number of threads.
class ObjectWrites {
 public:
  virtual ~ObjectWrites() = default;

  /// Make an object, or replace the one there is.
  virtual arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes,
                            const CancelToken& cancel) = 0;

  /// Make an object unless there is one.
  ///
  /// \return whether this request made it
  virtual arrow::Result<bool> PutIfAbsent(const std::string& path, std::span<const uint8_t> bytes,
                                          const CancelToken& cancel) = 0;

  /// Delete an object; nothing happens if it is missing.
  virtual arrow::Status Delete(const std::string& path, const CancelToken& cancel) = 0;

  /// Begin an object that comes in parts, and is seen once it is complete.
  ///
  /// \return the name of the upload, for the calls that follow
  virtual arrow::Result<std::string> BeginUpload(const std::string& path,
                                                 const CancelToken& cancel) = 0;
  /// Send a part.
  ///
  /// \param number from 1 on; a part that is sent again replaces the first
  /// \return its mark, for CompleteUpload
  virtual arrow::Result<std::string> UploadPart(const std::string& path, const std::string& upload,
                                                int number, std::span<const uint8_t> bytes,
                                                const CancelToken& cancel) = 0;
  /// Make the object of its parts, unless there is one.
  ///
  /// \param marks of all parts, in order
  /// \return whether this request made it
  virtual arrow::Result<bool> CompleteUpload(const std::string& path, const std::string& upload,
                                             std::span<const std::string> marks,
                                             const CancelToken& cancel) = 0;
  /// Forget the parts of an upload.
  virtual arrow::Status AbortUpload(const std::string& path, const std::string& upload,
                                    const CancelToken& cancel) = 0;

  /// Whether the service is known to obey the condition of PutIfAbsent. There are servers that
  /// speak its protocol and do not: whoever has tried it says so by Trust.
  bool is_trusted() const { return is_trusted_; }
  void Trust() { is_trusted_ = true; }

 private:
  std::atomic<bool> is_trusted_{false};
};

/// A connection to a service, without retries: what RemoteStore makes a store of.
///
/// Paths are those of the service: `bucket/prefix/name`. Any number of threads. Belongs to the
/// process that made it. A token that is cancelled may end a request early, with Cancelled.
class ObjectClient {
 public:
  virtual ~ObjectClient() = default;

  /// Open an object; asks for the size only if it is not known.
  virtual arrow::Result<std::shared_ptr<ClientObject>> Open(const std::string& path,
                                                            std::optional<int64_t> known_size_bytes,
                                                            const CancelToken& cancel) = 0;

  /// Visit the names right below a directory, in the order of their bytes, until `visit` returns
  /// false.
  ///
  /// \return IOError with the errno detail of a missing file if nothing is there
  virtual arrow::Status List(
      const std::string& directory,
      const std::function<bool(std::string_view name, bool is_directory)>& visit,
      const CancelToken& cancel) = 0;

  /// When an object was last written: microseconds since the epoch.
  ///
  /// \return IOError with the errno detail of a missing file if there is none
  virtual arrow::Result<int64_t> ModifiedAt(const std::string& path, const CancelToken& cancel) = 0;

  /// What writes to the service; lives as long as the client. Null if it cannot be written.
  virtual ObjectWrites* writes() { return nullptr; }

  /// Tell what a failure of this client means for the next request.
  virtual Failure Classify(const arrow::Status& status) const = 0;
};

}  // namespace croupier::storage
