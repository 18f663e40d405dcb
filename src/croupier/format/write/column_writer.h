#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/write/blob_store.h"
#include "croupier/format/write/encoding_keys.h"
#include "croupier/format/write/leaf_plan.h"
#include "croupier/format/write/leaf_values.h"
#include "croupier/format/write/page_encoder.h"
#include "croupier/format/write/shredder.h"

namespace croupier::format {

/// Collects the rows of one leaf column and makes pages of them.
class ColumnWriter {
 public:
  /// Takes a page: its rows, layout and buffers.
  class PageSink {
   public:
    virtual ~PageSink() = default;
    virtual arrow::Status Write(int64_t num_rows, const PageLayout& layout,
                                std::span<const std::span<const uint8_t>> buffers) = 0;
  };

  /// \param plan must outlive this, as encoder, blobs, sink and gathering must
  /// \param gathering where the values of a page come together; columns may share it. Arrays of
  ///        plain values are kept until then. Null: all values are copied at once.
  ColumnWriter(const LeafPlan* plan, const EncodingKeys& keys, int64_t page_bytes,
               PageEncoder* encoder, BlobStore* blobs, PageSink* sink, LeafMemory* gathering,
               arrow::MemoryPool* pool);

  /// Add all rows of a column of the table; those that fill a page are written.
  arrow::Status Append(const std::shared_ptr<arrow::ArrayData>& column);
  /// Write the rows that are left as a page.
  arrow::Status Flush();

  /// Memory of the rows that are not written yet, with that of arrays that are kept.
  int64_t buffered_bytes() const {
    return values_.size_bytes() + kept_bytes_ +
           static_cast<int64_t>((rep_.size() + def_.size()) * 2 + kept_.size() * sizeof(Kept));
  }

 private:
  // Values that wait where they lie.
  struct Kept {
    std::shared_ptr<arrow::ArrayData> leaf;
    SlotRange slots;
  };

  arrow::Status AppendRows(const std::shared_ptr<arrow::ArrayData>& column, int64_t begin,
                           int64_t num_rows);
  /// \param size_bytes of the values, about
  arrow::Status Collect(const ShreddedRows& rows, int64_t size_bytes);
  arrow::Status WritePage(const PageRows& rows);
  bool is_blob() const {
    return plan_->kind == WriteKind::kBlobV1 || plan_->kind == WriteKind::kBlobV2;
  }
  bool keeps_arrays() const { return gathering_ != nullptr; }
  int64_t num_invisible() const { return num_levels_ - num_values_; }

  const LeafPlan* plan_;
  EncodingKeys keys_;
  int64_t page_bytes_;
  int64_t max_invisible_;
  PageEncoder* encoder_;
  BlobStore* blobs_;
  PageSink* sink_;
  arrow::MemoryPool* pool_;
  LeafMemory* gathering_;  // null where values are copied at once
  LeafBuffers values_;
  std::vector<Kept> kept_;
  int64_t kept_bytes_ = 0;
  int64_t num_rows_ = 0;
  int64_t num_levels_ = 0;
  int64_t num_values_ = 0;
  std::vector<uint16_t> rep_;
  std::vector<uint16_t> def_;  // empty while all are 0
};

}  // namespace croupier::format
