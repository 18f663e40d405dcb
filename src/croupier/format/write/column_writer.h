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

  /// \param plan must outlive this, as encoder, blobs and sink must
  ColumnWriter(const LeafPlan* plan, const EncodingKeys& keys, int64_t page_bytes,
               PageEncoder* encoder, BlobStore* blobs, PageSink* sink, arrow::MemoryPool* pool);

  /// Add all rows of a column of the table; those that fill a page are written.
  arrow::Status Append(const std::shared_ptr<arrow::ArrayData>& column);
  /// Write the rows that are left as a page.
  arrow::Status Flush();

  /// Memory of the rows that are not written yet.
  int64_t buffered_bytes() const {
    return values_.size_bytes() + static_cast<int64_t>((rep_.size() + def_.size()) * 2);
  }

 private:
  arrow::Status AppendRows(const std::shared_ptr<arrow::ArrayData>& column, int64_t begin,
                           int64_t num_rows);
  arrow::Status Collect(const ShreddedRows& rows);
  arrow::Status WritePage(const PageRows& rows);
  bool is_blob() const {
    return plan_->kind == WriteKind::kBlobV1 || plan_->kind == WriteKind::kBlobV2;
  }
  int64_t num_invisible() const { return num_levels_ - values_.num_values(); }

  const LeafPlan* plan_;
  EncodingKeys keys_;
  int64_t page_bytes_;
  int64_t max_invisible_;
  PageEncoder* encoder_;
  BlobStore* blobs_;
  PageSink* sink_;
  arrow::MemoryPool* pool_;
  LeafBuffers values_;
  int64_t num_rows_ = 0;
  int64_t num_levels_ = 0;
  std::vector<uint16_t> rep_;
  std::vector<uint16_t> def_;  // empty while all are 0
};

}  // namespace croupier::format
