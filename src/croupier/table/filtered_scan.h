#pragma once

#include <cstdint>
#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/table.h"

namespace croupier::table {

/// Scan a table for the rows that the filter of `options` keeps, which must be set.
///
/// The table is scanned for the columns that are asked for and those that the filter names. Memory
/// is that of the scan and of one batch more.
///
/// \return errors of Expression::BindFilter and of TableSource::Scan; while it is read: Invalid
/// where
///         the filter cannot be computed
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ScanFiltered(const TableSource& table,
                                                                      const ScanOptions& options);

/// Count the rows that a filter keeps; errors as for ScanFiltered.
arrow::Result<int64_t> CountFiltered(const TableSource& table, const Expression& filter,
                                     const ReadOptions& options);

}  // namespace croupier::table
