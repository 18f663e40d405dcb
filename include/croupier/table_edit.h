#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression.h"
#include "croupier/table_writer.h"

namespace croupier {

// Changes of rows by expressions of SQL: each is one commit of a TableWriter, with its errors, and
// those of Expression. What is computed is computed again if another writer changes the same rows
// first.

/// Remove the rows for which a condition is true, not null.
arrow::Result<WriteResult> DeleteRows(TableWriter* writer, const Expression& where,
                                      const WriteOptions& options = {});

/// A column and what it becomes.
struct ColumnUpdate {
  std::string column;
  /// Over the columns of the row as it was; converted to the type of the column.
  Expression value;
};

/// Give columns new values in the rows for which a condition is true; without one, in all.
///
/// \return KeyError for an unknown column; Invalid where a value cannot be converted, and for two
/// updates
///         of one column
arrow::Result<WriteResult> UpdateRows(TableWriter* writer, const std::optional<Expression>& where,
                                      const std::vector<ColumnUpdate>& updates,
                                      const WriteOptions& options = {});

/// Columns computed by expressions: name → expression, for TableWriter::AddColumns.
///
/// \param schema of the table
/// \return errors of Expression::Bind; Invalid for a name given twice
arrow::Result<NewColumns> ComputeColumns(
    const std::shared_ptr<arrow::Schema>& schema,
    const std::vector<std::pair<std::string, Expression>>& columns);

/// What a merge does with the rows of the table and those of the source.
struct MergePlan {
  /// Columns of both by which rows are matched. A null matches nothing.
  std::vector<std::string> on;
  /// Whether matched rows are replaced by those of the source.
  bool update_matched = false;
  /// Of these, only where it is true; columns are `target.a` and `source.a`.
  std::optional<Expression> update_where = std::nullopt;
  /// Whether rows of the source that match none are added.
  bool insert_unmatched = false;
  /// Whether rows of the table that match none are removed.
  bool delete_unmatched = false;
  /// Of these, only where it is true; columns are those of the table.
  std::optional<Expression> delete_where = std::nullopt;
};

struct MergeResult : WriteResult {
  int64_t num_inserted = 0;
  int64_t num_updated = 0;
  int64_t num_deleted = 0;
};

/// Merge rows into a table by keys.
///
/// \param rows the source, with the columns of the table by name
/// \return KeyError for an unknown key column; Invalid if a row would be updated by two of the
/// source,
///         or a column is missing
arrow::Result<MergeResult> MergeRows(TableWriter* writer, const std::shared_ptr<arrow::Table>& rows,
                                     const MergePlan& plan, const WriteOptions& options = {});

}  // namespace croupier
