#pragma once

#include <cstdint>
#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/table.h"

namespace croupier::table {

/// Rows that a filter is computed for together, whatever the batches: it costs by call, and threads
/// share the work.
inline constexpr int64_t kFilteredRows = 8192;

/// Scan a table for the rows that the filter of `options` keeps, which must be set.
///
/// The table is scanned for the columns that are asked for and those that the filter names: for
/// tables whose columns cost nothing to read. Memory is that of the scan and of one batch more.
///
/// \return errors of Expression::BindFilter and of TableSource::Scan; while it is read: Invalid
/// where
///         the filter cannot be computed
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ScanFiltered(const TableSource& table,
                                                                      const ScanOptions& options);

/// Put rows together to batches of `options.batch_rows`, from a reader of batches of any size.
///
/// Those with a dictionary stay apart, and are only cut.
/// \return Invalid if batches of so many rows cannot be
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> JoinBatches(
    std::shared_ptr<arrow::RecordBatchReader> rows, const ScanOptions& options);

/// Count the rows that a filter keeps; errors as for ScanFiltered.
arrow::Result<int64_t> CountFiltered(const TableSource& table, const Expression& filter,
                                     const ReadOptions& options);

}  // namespace croupier::table
