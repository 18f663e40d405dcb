#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/process_local.h"
#include "croupier/table/batch_plan.h"
#include "croupier/table/lance_table.h"
#include "croupier/table/read_ahead.h"

namespace croupier::table {

/// Reads the live rows of a table batch by batch, in storage order, ahead of its consumer.
///
/// One consumer at a time. A forked child goes on after the batch that its parent had last, by
/// threads of its own.
class LanceScan : public arrow::RecordBatchReader {
 public:
  /// Begin a scan; nothing is read before the first batch is asked for, but deletion files of
  /// which the manifest does not say how many rows they delete.
  static arrow::Result<std::shared_ptr<LanceScan>> Make(std::shared_ptr<const LanceTable> table,
                                                        LanceTable::Selection selection,
                                                        const ScanOptions& options);

  std::shared_ptr<arrow::Schema> schema() const override { return selection_.schema; }

  /// Give the next batch, null after the last.
  ///
  /// \return Cancelled if the token says so: the batch is then still to come. Any other error is
  ///         given again by all later calls.
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override;

 private:
  LanceScan(std::shared_ptr<const LanceTable> table, LanceTable::Selection selection,
            const ScanOptions& options, std::vector<int64_t> first_ranks, BatchPlan plan,
            ReadAheadOptions read_ahead_options);

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadRanks(IndexRange ranks,
                                                               const CancelToken& cancel) const;

  const std::shared_ptr<const LanceTable> table_;
  const LanceTable::Selection selection_;
  const ScanOptions options_;
  const std::vector<int64_t> first_ranks_;  // of each fragment, and the number of live rows
  const BatchPlan plan_;
  const ReadAheadOptions read_ahead_options_;
  int64_t next_batch_ = 0;
  arrow::Status status_;

  // Last, so that its threads end before what they read from.
  ProcessLocal<ReadAhead> read_ahead_;
};

}  // namespace croupier::table
