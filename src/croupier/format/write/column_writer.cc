#include "croupier/format/write/column_writer.h"

#include <algorithm>

#include <arrow/array/data.h>

namespace croupier::format {

namespace {

// A batch of more than a page is one page still, up to this many times its size: fewer pages are
// less to look through for a row.
constexpr int64_t kMaxPageSizes = 4;

// Whether arrays of a leaf can be put together later: not if they may have dictionaries that do not
// go together, or become something else.
bool CanKeepArrays(const LeafPlan& plan) {
  return plan.kind == WriteKind::kValues && (plan.shape.kind == LeafShape::Kind::kFixed ||
                                             plan.shape.kind == LeafShape::Kind::kVariable);
}

}  // namespace

ColumnWriter::ColumnWriter(const LeafPlan* plan, const EncodingKeys& keys, int64_t page_bytes,
                           PageEncoder* encoder, BlobStore* blobs, PageSink* sink,
                           LeafMemory* gathering, arrow::MemoryPool* pool)
    : plan_(plan),
      keys_(keys),
      page_bytes_(page_bytes),
      max_invisible_(MaxInvisibleLevels(*plan)),
      encoder_(encoder),
      blobs_(blobs),
      sink_(sink),
      pool_(pool),
      gathering_(CanKeepArrays(*plan) ? gathering : nullptr),
      values_(plan, pool) {}

arrow::Status ColumnWriter::Append(const std::shared_ptr<arrow::ArrayData>& column) {
  return AppendRows(column, 0, column->length);
}

arrow::Status ColumnWriter::AppendRows(const std::shared_ptr<arrow::ArrayData>& column,
                                       int64_t begin, int64_t num_rows) {
  if (num_rows == 0) return arrow::Status::OK();
  // Cut what is too much for a page into pieces, by what rows take on average.
  std::shared_ptr<arrow::ArrayData> leaf;
  const SlotRange slots = FindLeafSlots(*plan_, column, begin, num_rows, &leaf);
  const int64_t size = leaf == nullptr ? 0 : EstimateBytes(plan_->shape, *leaf, slots);
  const int64_t max_bytes = kMaxPageSizes * page_bytes_;
  if (size > max_bytes && num_rows > 1) {
    const int64_t num_pieces = std::min(num_rows, (size + max_bytes - 1) / max_bytes);
    const int64_t piece_rows = (num_rows + num_pieces - 1) / num_pieces;
    for (int64_t row = 0; row < num_rows; row += piece_rows) {
      ARROW_RETURN_NOT_OK(AppendRows(column, begin + row, std::min(piece_rows, num_rows - row)));
    }
    return arrow::Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto rows, Shred(*plan_, column, begin, num_rows, pool_));
  ARROW_RETURN_NOT_OK(CheckAllowed(*plan_, rows, pool_));
  const int64_t invisible = rows.num_levels - rows.num_values;
  if (invisible > max_invisible_ && num_rows > 1 && rows.num_values > 0) {
    const int64_t num_pieces = std::min(num_rows, 1 + invisible / max_invisible_);
    const int64_t piece_rows = (num_rows + num_pieces - 1) / num_pieces;
    for (int64_t row = 0; row < num_rows; row += piece_rows) {
      ARROW_RETURN_NOT_OK(AppendRows(column, begin + row, std::min(piece_rows, num_rows - row)));
    }
    return arrow::Status::OK();
  }
  bool fits = num_invisible() + invisible <= max_invisible_;
  if (keeps_arrays()) {
    fits = fits && (plan_->shape.offset_bits != 32 || kept_bytes_ + size <= INT32_MAX);
  } else if (!is_blob()) {
    for (const SlotRange& range : rows.ranges) {
      fits = fits && values_.CanAppend(*rows.leaf, range);
    }
  }
  if (!fits) ARROW_RETURN_NOT_OK(Flush());
  // What fills a page by itself is encoded where it lies.
  PageRows page;
  if (num_rows_ == 0 && rows.ranges.size() == 1 && 2 * size > page_bytes_ &&
      BorrowValues(*plan_, *rows.leaf, rows.ranges[0], &page.values)) {
    page.num_rows = rows.num_rows;
    page.num_levels = rows.num_levels;
    page.rep = rows.rep;
    page.def = rows.def;
    return WritePage(page);
  }
  ARROW_RETURN_NOT_OK(Collect(rows, size));
  return buffered_bytes() >= page_bytes_ || num_invisible() > max_invisible_ ? Flush()
                                                                             : arrow::Status::OK();
}

arrow::Status ColumnWriter::Collect(const ShreddedRows& rows, int64_t size_bytes) {
  for (const SlotRange& range : rows.ranges) {
    if (is_blob()) {
      ARROW_ASSIGN_OR_RAISE(const auto places,
                            blobs_->Put(*plan_, keys_, *rows.leaf, range, pool_));
      ARROW_RETURN_NOT_OK(values_.Append(*places, {0, range.size()}));
    } else if (keeps_arrays()) {
      kept_.push_back({rows.leaf, range});
    } else {
      ARROW_RETURN_NOT_OK(values_.Append(*rows.leaf, range));
    }
  }
  if (keeps_arrays()) kept_bytes_ += size_bytes;
  rep_.insert(rep_.end(), rows.rep.begin(), rows.rep.end());
  if (!rows.def.empty()) {
    def_.resize(static_cast<size_t>(num_levels_), 0);
    def_.insert(def_.end(), rows.def.begin(), rows.def.end());
  } else if (!def_.empty()) {
    def_.resize(def_.size() + static_cast<size_t>(rows.num_levels), 0);
  }
  num_rows_ += rows.num_rows;
  num_levels_ += rows.num_levels;
  num_values_ += rows.num_values;
  return arrow::Status::OK();
}

arrow::Status ColumnWriter::Flush() {
  if (num_rows_ == 0) return arrow::Status::OK();
  if (keeps_arrays()) values_.Exchange(gathering_);
  for (const Kept& kept : kept_) ARROW_RETURN_NOT_OK(values_.Append(*kept.leaf, kept.slots));
  ARROW_RETURN_NOT_OK(WritePage({values_.values(), num_rows_, num_levels_, rep_, def_}));
  values_.Clear();
  if (keeps_arrays()) values_.Exchange(gathering_);
  kept_.clear();
  kept_bytes_ = 0;
  num_rows_ = 0;
  num_levels_ = 0;
  num_values_ = 0;
  rep_.clear();
  def_.clear();
  return arrow::Status::OK();
}

arrow::Status ColumnWriter::WritePage(const PageRows& rows) {
  ARROW_ASSIGN_OR_RAISE(const auto layout, encoder_->Encode(*plan_, keys_, rows));
  return sink_->Write(rows.num_rows, layout, encoder_->buffers());
}

}  // namespace croupier::format
