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

#include "croupier/base/byte_sink.h"
#include "croupier/cancel.h"
#include "croupier/storage.h"
#include "croupier/storage/range_coalescer.h"

namespace croupier::storage {

/// How the objects of a store are best read.
struct ReadHabits {
  CoalesceOptions coalesce;
  /// Reads that wait for the store at a time; 0 leaves it to the scheduler.
  int num_concurrent = 0;
  /// Whether what was read once mostly stays in the memory of the system, and costs little to read
  /// again.
  bool rereads_are_cheap = false;
  /// The name under which the scheduler counts reads (see ReadStoreCounters); null if the store
  /// counts its requests itself.
  const char* counted_as = nullptr;
};

/// One immutable object (a file) that is open for reading.
///
/// Any number of threads may read. Usable in a forked child: reads name their own position.
class Object {
 public:
  virtual ~Object() = default;

  virtual int64_t size_bytes() const = 0;
  /// Where the object is, for messages.
  virtual const std::string& location() const = 0;
  /// Those of its store; lives as long as the process.
  virtual const ReadHabits& habits() const = 0;

  /// Read exactly destination.size() bytes from `offset_bytes`; waits for the storage.
  ///
  /// \param cancel asked while a store that is slow or throttled is waited for, if not in the
  ///        middle of a request
  /// \return IOError, naming the location, if the object ends before or the storage fails
  virtual arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                               const CancelToken& cancel) const = 0;

  /// Read what is in memory already, without waiting for storage.
  ///
  /// \return number of bytes read from the front of the range; 0 if none is at hand, or on any
  /// error
  ///         (ReadAt then reports it)
  virtual int64_t ReadCached(int64_t offset_bytes, std::span<uint8_t> destination) const = 0;
};

struct ListOptions {
  /// Names at most; the first ones, in the order of their bytes.
  size_t limit = SIZE_MAX;
  const CancelToken* cancel = &CancelToken::Never();
};

/// One object that is being written from its first byte on.
///
/// For one thread, in the process that began it. What is destroyed before Close is given up, and
/// leaves nothing behind unless the process ends before.
class ObjectWriter : public ByteSink {
 public:
  /// Bytes appended so far.
  virtual int64_t size_bytes() const = 0;

  /// Make the object complete and durable; nothing can be appended afterwards.
  ///
  /// \return IOError, with the errno detail; the object must then be taken for lost
  virtual arrow::Status Close() = 0;
};

/// The objects below one root, named by relative paths with '/' between parts.
///
/// Any number of threads may call. Usable in a forked child. What waits for a network ends within
/// 0.2 s when cancelled.
///
/// Directories come and go with the objects in them. Errors of the system keep its errno detail: a
/// full disk, a missing permission.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// The root, as the user would name it.
  virtual const std::string& location() const = 0;

  /// Open an object. With `known_size_bytes` a store may skip asking for the size.
  ///
  /// \return IOError with the errno detail of a missing file (IsNotFound tells) or another failure
  virtual arrow::Result<std::shared_ptr<const Object>> Open(
      const std::string& path, std::optional<int64_t> known_size_bytes = std::nullopt,
      const CancelToken& cancel = CancelToken::Never()) const = 0;

  /// Open many objects: at the same time, if the store is asked over a network.
  ///
  /// \return in the order of the paths; null for one that is missing
  virtual arrow::Result<std::vector<std::shared_ptr<const Object>>> OpenAll(
      const std::vector<std::string>& paths,
      const CancelToken& cancel = CancelToken::Never()) const;

  /// List the names (not paths) of the files right below a directory, in the order of their bytes.
  ///
  /// \return IOError if the directory is missing (IsNotFound tells)
  virtual arrow::Result<std::vector<std::string>> ListFiles(
      const std::string& directory, const ListOptions& options = {}) const = 0;

  /// List the names of the directories right below a directory, in the order of their bytes.
  virtual arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory, const ListOptions& options = {}) const = 0;

  // Writing. A kind of store takes part only if its PutIfAbsent is known, by test, to let one of
  // several writers win: these defaults refuse with the words of CheckWritable.

  /// Tell whether this kind of store can be written: NotImplemented, with the reason, if not.
  virtual arrow::Status CheckWritable() const;

  /// Begin an object with a name that nothing else has, or will read before Close.
  ///
  /// \param cancel asked while Append and Close wait for a network; lives as long as the writer
  /// \return IOError if there is such an object already, or the storage fails
  virtual arrow::Result<std::unique_ptr<ObjectWriter>> OpenWrite(
      const std::string& path, const CancelToken& cancel = CancelToken::Never()) const;

  /// Make a whole object, durably, unless there is one of its name. Of several callers at the same
  /// time one wins; a reader sees the object whole or not at all, also after a crash.
  ///
  /// \return whether this call made the object; IOError says nothing about that: it may be there
  virtual arrow::Result<bool> PutIfAbsent(const std::string& path,
                                          std::span<const uint8_t> bytes) const;

  /// Make a whole object, or replace the one there is: a reader sees one of them.
  virtual arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes) const;

  /// Delete an object; IOError if it is missing (IsNotFound tells).
  virtual arrow::Status Delete(const std::string& path) const;

  /// Delete a directory with all below it; nothing happens if it is missing.
  virtual arrow::Status DeleteDirectory(const std::string& directory) const;

  /// Rename a directory with all below it, at once.
  ///
  /// \return IOError if `from` is missing (IsNotFound tells) or there is something at `to`;
  ///         NotImplemented where a store can only copy
  virtual arrow::Status RenameDirectory(const std::string& from, const std::string& to) const;

  /// When an object was last written: microseconds since the epoch, by the clock of the store.
  virtual arrow::Result<int64_t> ModifiedAt(const std::string& path) const;
};

/// The path that a path or a file:// URI means; nothing for URIs of other stores.
///
/// \return Invalid for a URI of another host
arrow::Result<std::optional<std::string>> LocalPathOf(const std::string& uri);

/// Tell whether a status of this room means that an object or directory does not exist.
bool IsNotFound(const arrow::Status& status);

/// Refuse a path that leads out of its store: names come from manifests, and a manifest is hostile.
///
/// \return IOError, naming `location`, for an absolute path, a part "..", or a zero byte
arrow::Status CheckInside(const std::string& location, const std::string& path);

/// Read whole objects together; CapacityError, naming it, if one is larger than `limit_bytes`.
arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> ReadWhole(
    const std::vector<std::shared_ptr<const Object>>& objects, int64_t limit_bytes,
    const CancelToken& cancel = CancelToken::Never());

/// Read a whole object; CapacityError if it is larger than `limit_bytes`.
arrow::Result<std::shared_ptr<arrow::Buffer>> ReadWhole(
    const std::shared_ptr<const Object>& object, int64_t limit_bytes,
    const CancelToken& cancel = CancelToken::Never());

/// Open the store at `uri`. The root need not exist yet, and nothing is asked of it.
///
/// \param uri a path; file://, s3://bucket/path, gs://bucket/path, az://container/path; or
///        memory://name, what MakeMemoryStore named so
/// \param options for object stores; checked for every kind
/// \return Invalid for a malformed URI or option; NotImplemented, naming what can be read, for
///         another scheme, and for s3:// where its library is missing
arrow::Result<std::shared_ptr<const ObjectStore>> OpenObjectStore(
    const std::string& uri, const StorageOptions& options = {});

}  // namespace croupier::storage
