#pragma once

#include <cstdint>

#include <arrow/result.h>

namespace croupier::loader {

/// Positions [begin, end) of a permutation.
struct PositionRange {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t num_rows() const { return end - begin; }
  bool operator==(const PositionRange&) const = default;
};

/// Which positions make up which batch: a pure function of the options, not of threads or windows.
class BatchPlan {
 public:
  /// Cut [begin, end) into batches of `batch_rows`; Invalid if that is not positive or the range is
  /// off.
  static arrow::Result<BatchPlan> Make(PositionRange range, int64_t batch_rows, bool drop_last);

  int64_t num_batches() const { return num_batches_; }
  int64_t batch_rows() const { return batch_rows_; }

  /// Positions of batches [first_batch, first_batch + num_batches), within the plan.
  PositionRange Batches(int64_t first_batch, int64_t num_batches) const;

 private:
  PositionRange range_;
  int64_t batch_rows_ = 1;
  int64_t num_batches_ = 0;
};

}  // namespace croupier::loader
