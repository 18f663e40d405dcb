#pragma once

#include <cstdint>

#include <arrow/result.h>

namespace croupier::table {

/// Rows [begin, end) of an order: positions of a permutation, or ranks of a table's live rows.
struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t num_rows() const { return end - begin; }
  bool operator==(const IndexRange&) const = default;
};

/// Which positions make up which batch: a pure function of the options, not of threads or windows.
class BatchPlan {
 public:
  /// Cut [begin, end) into batches of `batch_rows`; Invalid if that is not positive or the range is
  /// off.
  static arrow::Result<BatchPlan> Make(IndexRange range, int64_t batch_rows, bool drop_last);

  int64_t num_batches() const { return num_batches_; }
  int64_t batch_rows() const { return batch_rows_; }

  /// The rows of batches [first_batch, first_batch + num_batches), within the plan.
  IndexRange Batches(int64_t first_batch, int64_t num_batches) const;

 private:
  IndexRange range_;
  int64_t batch_rows_ = 1;
  int64_t num_batches_ = 0;
};

}  // namespace croupier::table
