#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression.h"
#include "croupier/table.h"

namespace croupier::permutation {

/// A number for each row of a batch, computed from some of the columns.
struct RowKeys {
  std::vector<std::string> columns;  ///< of the batch, in this order
  std::function<arrow::Status(const arrow::RecordBatch& batch, std::span<uint64_t> keys)> compute;
};

/// The live rows of a table that a filter keeps, each with a key, in storage order.
///
/// Nothing is held of a table that knows the places of its rows; of another the ids of all rows,
/// while it is read.
class SelectedRows {
 public:
  /// \param filter nothing: all rows
  /// \param keys nothing: keys are 0
  SelectedRows(std::shared_ptr<const TableSource> base, std::optional<Expression> filter,
               std::optional<RowKeys> keys, const ReadOptions& options);

  /// Read them once: spans of ranks (places among the live rows), ascending, and of their keys.
  ///
  /// \return what `visit` returns if that is an error; errors of TableSource::Scan; Invalid if the
  ///         table gives rows that it does not have
  using Visit =
      std::function<arrow::Status(std::span<const uint64_t> ranks, std::span<const uint64_t> keys)>;
  arrow::Status ForEach(const Visit& visit) const;

 private:
  // Numbers that tell rows apart, by batch: `_rowoffset` or `_rowid`.
  arrow::Status Scan(const char* number_column, const Visit& visit) const;
  arrow::Status ForEachUnordered(const Visit& visit) const;

  const std::shared_ptr<const TableSource> base_;
  const std::optional<Expression> filter_;
  const std::optional<RowKeys> keys_;
  const ReadOptions options_;
};

}  // namespace croupier::permutation
