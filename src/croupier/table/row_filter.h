#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression.h"

namespace croupier::table {

/// A filter that is bound to no more of a table than it reads.
///
/// Immutable; any number of threads may use it.
class RowFilter {
 public:
  /// Tells whether a member of a struct can be read without the rest of its column.
  ///
  /// \param way the number of the column, then that of the member of each struct
  using ReadsAlone = std::function<bool(std::span<const int> way)>;

  /// Bind a filter to a table of `schema`; errors of Expression::BindFilter.
  static arrow::Result<RowFilter> Make(const arrow::Schema& schema, const Expression& filter,
                                       const ReadsAlone& reads_alone);

  /// What is to be read, by names as TableSource::Scan takes them: at least one.
  const std::vector<std::string>& columns() const { return columns_; }

  /// Tell which rows are kept.
  ///
  /// \param arrays of columns(), in their order
  /// \return booleans without nulls; Invalid where the filter cannot be computed
  arrow::Result<std::shared_ptr<arrow::BooleanArray>> Evaluate(const arrow::ArrayVector& arrays,
                                                               int64_t num_rows,
                                                               arrow::MemoryPool* pool) const;

 private:
  // A field that the filter is bound to: one that is read, or a struct of some of its members.
  struct Input {
    std::shared_ptr<arrow::Field> field;
    int number = -1;  // in columns_; -1: a struct
    std::vector<Input> members = {};
  };

  explicit RowFilter(BoundExpression filter) : filter_(std::move(filter)) {}

  // Add what fields lead to; false if that, or what it is a part of, is there.
  static bool Add(std::span<const std::shared_ptr<arrow::Field>> way, int number,
                  std::vector<Input>* inputs);
  static std::shared_ptr<arrow::Field> FieldOf(const Input& input);
  static std::shared_ptr<arrow::Array> ArrayOf(const Input& input, const arrow::ArrayVector& arrays,
                                               int64_t num_rows);

  BoundExpression filter_;
  std::vector<std::string> columns_;
  std::vector<Input> inputs_;  // by column of the schema that the filter is bound to
};

}  // namespace croupier::table
