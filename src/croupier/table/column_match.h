#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/manifest/schema.h"

namespace croupier::table {

/// The columns of rows that are written, as columns of a table.
struct ColumnMatch {
  std::vector<format::Field> fields;  ///< of the table, in its order; those that the rows have
  std::vector<int> columns;           ///< of the rows, parallel to `fields`

  /// Put the columns of a batch in the order of `fields`.
  std::shared_ptr<arrow::RecordBatch> Select(const arrow::RecordBatch& batch) const;
};

/// Match the columns of rows with those of a table, by name.
///
/// A nullable column of the table that the rows lack, or that is of the null type in them, is left
/// out: files without it read as null.
/// \return Invalid, naming the columns, for unknown, repeated or missing ones; TypeError, naming
///         column and types, for another type
arrow::Result<ColumnMatch> MatchColumns(const std::vector<format::Field>& table_fields,
                                        const arrow::Schema& rows);

}  // namespace croupier::table
