#include "croupier/table/batch_plan.h"

#include <algorithm>

#include <arrow/status.h>

namespace croupier::table {

arrow::Result<BatchPlan> BatchPlan::Make(IndexRange range, int64_t batch_rows, bool drop_last) {
  if (batch_rows <= 0) return arrow::Status::Invalid("batch_rows must be positive: ", batch_rows);
  if (range.begin < 0 || range.end < range.begin) {
    return arrow::Status::Invalid("rows must be a range: [", range.begin, ", ", range.end, ")");
  }
  BatchPlan plan;
  plan.range_ = range;
  plan.batch_rows_ = batch_rows;
  plan.num_batches_ = range.num_rows() / batch_rows;
  if (!drop_last && range.num_rows() % batch_rows != 0) ++plan.num_batches_;
  return plan;
}

IndexRange BatchPlan::Batches(int64_t first_batch, int64_t num_batches) const {
  // No product overflows: a batch that exists begins inside the range.
  const int64_t begin = range_.begin + first_batch * batch_rows_;
  const int64_t rows_left = range_.end - begin;
  const int64_t num_rows =
      num_batches > rows_left / batch_rows_ ? rows_left : num_batches * batch_rows_;
  return {begin, begin + num_rows};
}

}  // namespace croupier::table
