#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/blob.h"
#include "croupier/cancel.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/row_reader.h"

namespace croupier::table {

/// Where the bytes of a blob are.
struct BlobPlace {
  static constexpr int64_t kToTheEnd = -1;

  std::shared_ptr<const storage::Object> object;  ///< open already; else:
  std::shared_ptr<const storage::ObjectStore> store;
  std::string path;
  int64_t offset_bytes = 0;
  int64_t size_bytes = 0;  ///< or kToTheEnd of the file
};

/// Finds the files that blobs are in.
class BlobFinder {
 public:
  virtual ~BlobFinder() = default;

  /// Find a data file, which was opened to read the descriptors.
  virtual arrow::Result<BlobPlace> DataFile(const FileLocation& file) const = 0;
  /// Find a file of the directory that belongs to a data file: `name` is safe.
  virtual arrow::Result<BlobPlace> Sidecar(const FileLocation& file,
                                           const std::string& name) const = 0;
  /// Find a file by its URI, or by its path below the base path of that number, if not 0. Both are
  /// hostile.
  virtual arrow::Result<BlobPlace> External(const std::string& uri, uint32_t base_id) const = 0;
};

/// Descriptors of version 1 are struct<position, size>, those of version 2 struct<kind, position,
/// size, blob_id, blob_uri>.
inline constexpr int kNumDescriptorMembersV2 = 5;

/// Whether a descriptor of version 2 is of a blob in a file elsewhere.
bool IsExternalBlob(const arrow::ArrayData& descriptors, int64_t row);

/// Find the places of blobs by their descriptors.
///
/// \param descriptors of the offset 0
/// \param files the data file that each descriptor is from
/// \param with_external whether to find those in files elsewhere; else they are taken for nulls
/// \return nothing for a null; SerializationError for malformed descriptors, NotImplemented for
///         blobs in managed objects
/// Source: lance-encodings.md, section 9.
arrow::Result<std::vector<std::optional<BlobPlace>>> LocateBlobs(
    const arrow::ArrayData& descriptors, std::span<const FileLocation* const> files,
    const BlobFinder& finder, bool with_external = true);

/// Read whole blobs into a large_binary array: one fetch.
///
/// \return SerializationError for a blob that its file does not hold, before memory is asked for;
///         CapacityError if there is more than memory should hold at once
arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadBlobs(
    const std::vector<std::optional<BlobPlace>>& places, storage::IoScheduler* scheduler,
    const CancelToken& cancel, arrow::MemoryPool* pool);

/// What blobs of version 2 are written of: struct<data, uri, position, size>.
std::shared_ptr<arrow::DataType> BlobSourceType();

/// Make an array of BlobSourceType of descriptors of version 2.
///
/// \param bytes of the blobs that are not in files elsewhere
/// \return NotImplemented for blobs in files below base paths
arrow::Result<std::shared_ptr<arrow::ArrayData>> MakeBlobSources(
    const arrow::ArrayData& descriptors, std::shared_ptr<arrow::ArrayData> bytes,
    arrow::MemoryPool* pool);

/// Make the handle of a blob.
std::shared_ptr<const BlobFile> MakeBlobFile(BlobPlace place, storage::IoScheduler* scheduler);

}  // namespace croupier::table
