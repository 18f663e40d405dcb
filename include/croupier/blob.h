#pragma once

#include <cstdint>
#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier {

struct ReadOptions;

/// A value of a blob column: bytes that lie outside of the column's pages, to be read in parts.
///
/// Holds no bytes of it. Got from TableSource::TakeBlobs. Any number of threads. Usable in a forked
/// child.
class BlobFile {
 public:
  virtual ~BlobFile() = default;

  /// Find the size, which may take a question to the storage: the file of an external blob.
  virtual arrow::Result<int64_t> SizeBytes() const = 0;

  /// Read bytes [offset_bytes, offset_bytes + size_bytes).
  ///
  /// \return IndexError for bytes that the blob does not have; IOError if the storage fails;
  ///         SerializationError if the file is smaller than the table says; Cancelled
  /// Cost: one read, that of large ranges in parts at the same time.
  virtual arrow::Result<std::shared_ptr<arrow::Buffer>> ReadRange(
      int64_t offset_bytes, int64_t size_bytes, const ReadOptions& options) const = 0;

  /// Read all bytes.
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAll(const ReadOptions& options) const;
};

}  // namespace croupier
