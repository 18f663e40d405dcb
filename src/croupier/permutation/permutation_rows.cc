#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>

#include "croupier/permutation.h"

namespace croupier {

namespace {

// The rows (row_id, split_id), computed batch by batch.
class PermutationRows : public arrow::RecordBatchReader {
 public:
  PermutationRows(std::shared_ptr<const PermutationTable> table,
                  std::shared_ptr<const RowIdIndex> row_ids, int64_t batch_rows)
      : table_(std::move(table)), row_ids_(std::move(row_ids)), batch_rows_(batch_rows) {}

  std::shared_ptr<arrow::Schema> schema() const override { return table_->schema(); }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    std::vector<uint64_t> row_ids;
    std::vector<uint64_t> split_ids;
    while (std::ssize(row_ids) < batch_rows_ && split_ < table_->num_splits()) {
      const int64_t num_rows = std::min(batch_rows_ - std::ssize(row_ids),
                                        table_->split_num_rows(split_) - next_position_);
      const size_t first = row_ids.size();
      row_ids.resize(first + static_cast<size_t>(num_rows));
      split_ids.resize(row_ids.size(), static_cast<uint64_t>(split_));
      const auto part = std::span(row_ids).subspan(first);
      std::iota(part.begin(), part.end(), static_cast<uint64_t>(next_position_));
      table_->MapPositions(split_, part);
      if (row_ids_ != nullptr) row_ids_->Lookup(part);
      next_position_ += num_rows;
      if (next_position_ == table_->split_num_rows(split_)) {
        ++split_;
        next_position_ = 0;
      }
    }
    const int64_t num_rows = std::ssize(row_ids);
    if (num_rows == 0) {
      *batch = nullptr;
      return arrow::Status::OK();
    }
    *batch =
        arrow::RecordBatch::Make(table_->schema(), num_rows,
                                 {std::make_shared<arrow::UInt64Array>(
                                      num_rows, arrow::Buffer::FromVector(std::move(row_ids))),
                                  std::make_shared<arrow::UInt64Array>(
                                      num_rows, arrow::Buffer::FromVector(std::move(split_ids)))});
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<const PermutationTable> table_;
  const std::shared_ptr<const RowIdIndex> row_ids_;  // null: the table maps to row ids
  const int64_t batch_rows_;
  int64_t split_ = 0;
  int64_t next_position_ = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> PermutationTable::ToReader(
    const std::shared_ptr<const TableSource>& base, int64_t batch_rows) const {
  if (batch_rows <= 0) return arrow::Status::Invalid("batch_rows must be positive: ", batch_rows);
  ARROW_RETURN_NOT_OK(CheckBase(*base));
  std::shared_ptr<const RowIdIndex> row_ids;
  if (!maps_to_row_ids()) {
    ARROW_ASSIGN_OR_RAISE(row_ids, base->RowIds());
    if (row_ids->num_rows() != spec().num_base_rows) {
      return arrow::Status::Invalid("the permutation was built for ", spec().num_base_rows,
                                    " rows, ", base->location(), " has ", row_ids->num_rows());
    }
  }
  return std::make_shared<PermutationRows>(shared_from_this(), std::move(row_ids), batch_rows);
}

}  // namespace croupier
