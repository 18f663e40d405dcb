#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/process_local.h"
#include "croupier/table/batch_plan.h"
#include "croupier/table/lance_table.h"
#include "croupier/table/read_ahead.h"
#include "croupier/table/row_filter.h"

namespace croupier::table {

/// Reads the live rows of a table batch by batch, in storage order, ahead of its consumer.
///
/// With a filter each batch has the rows of the next `batch_rows` that are kept, perhaps none. The
/// columns that the filter names are read first, the others for the rows that it keeps.
///
/// One consumer at a time. A forked child goes on after the batch that its parent had last, by
/// threads of its own.
class LanceScan : public arrow::RecordBatchReader {
 public:
  /// Begin a scan; nothing is read before the first batch is asked for, but deletion files of
  /// which the manifest does not say how many rows they delete.
  static arrow::Result<std::shared_ptr<LanceScan>> Make(std::shared_ptr<const LanceTable> table,
                                                        const ScanOptions& options);

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  /// Give the next batch, null after the last.
  ///
  /// \return Cancelled if the token says so: the batch is then still to come. Any other error is
  ///         given again by all later calls.
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override;

 private:
  // A filter, what it reads, and where the columns of the result come from.
  struct Filter {
    RowFilter rows;
    LanceTable::Selection inputs;
    std::vector<int> input_of;  // by column of the result: which of the inputs it is; -1: none
  };
  using RowsToRead = std::vector<LanceTable::RowsToRead>;

  LanceScan(std::shared_ptr<const LanceTable> table, const ScanOptions& options,
            std::vector<int64_t> first_ranks, BatchPlan plan, ReadAheadOptions read_ahead_options);

  static arrow::Result<Filter> MakeFilter(const LanceTable& table, const ScanOptions& options);
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadRanks(IndexRange ranks,
                                                               const CancelToken& cancel) const;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadKept(RowsToRead rows, int64_t num_rows,
                                                              const ReadOptions& options) const;

  const std::shared_ptr<const LanceTable> table_;
  const ScanOptions options_;
  std::shared_ptr<arrow::Schema> schema_;
  std::optional<Filter> filter_;
  LanceTable::Selection selection_;         // of the result's columns, but what the filter reads
  const std::vector<int64_t> first_ranks_;  // of each fragment, and the number of live rows
  const BatchPlan plan_;
  const ReadAheadOptions read_ahead_options_;
  int64_t next_batch_ = 0;
  arrow::Status status_;

  // Last, so that its threads end before what they read from.
  ProcessLocal<ReadAhead> read_ahead_;
};

}  // namespace croupier::table
