#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/value_block.h"
#include "croupier/format/file/blob_sidecars.h"
#include "croupier/format/write/encoding_keys.h"
#include "croupier/format/write/leaf_plan.h"
#include "croupier/format/write/shredder.h"

namespace croupier::format {

/// Puts the blobs of a data file where they belong: small ones into the file, others into files
/// beside it, several in one or each in its own.
///
/// Source: lance-encodings.md, section 9; lance-table.md, section 14.
class BlobStore {
 public:
  /// Appends bytes to the data file, at a multiple of 64; gives where.
  using AppendInline = std::function<arrow::Result<int64_t>(Bytes)>;

  /// \param sidecars null: all blobs go into the data file
  BlobStore(AppendInline append_inline, BlobSidecars* sidecars)
      : append_inline_(std::move(append_inline)), sidecars_(sidecars) {}

  /// Put the blobs of slots of a leaf somewhere; gives an array of where, as the leaf's shape has
  /// it.
  ///
  /// \return Invalid for a blob that is neither bytes nor a URI
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Put(const LeafPlan& plan,
                                                       const EncodingKeys& keys,
                                                       const arrow::ArrayData& leaf,
                                                       SlotRange slots, arrow::MemoryPool* pool);
  /// End the files that are open.
  arrow::Status Finish();

 private:
  struct Place;

  arrow::Result<Place> PutBytes(Bytes blob, const EncodingKeys& keys, bool may_leave);

  AppendInline append_inline_;
  BlobSidecars* sidecars_;
  uint32_t last_id_ = 0;
  std::unique_ptr<ByteSink> packed_;  // the file for several blobs
  uint32_t packed_id_ = 0;
  int64_t packed_bytes_ = 0;
};

}  // namespace croupier::format
