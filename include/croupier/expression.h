#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier {

namespace expression {
class BoundNode;
struct Node;
}  // namespace expression

/// A column that an expression names: "a.b" is {"a", "b"}.
using ColumnPath = std::vector<std::string>;

/// An expression of SQL over the columns of one schema, ready to be evaluated.
///
/// Immutable, cheap to copy; any number of threads may evaluate it, and so may a forked child.
/// Nothing starts a thread.
class BoundExpression {
 public:
  /// The type of its values. A dictionary is looked up, an extension type is its storage.
  const std::shared_ptr<arrow::DataType>& type() const;

  /// The schema that it was bound to; batches have columns of the same names and types, in this
  /// order.
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }

  /// The columns that are read, as the schema spells them, each once, in order of appearance.
  const std::vector<ColumnPath>& columns() const { return columns_; }

  /// Compute a value for each row.
  ///
  /// \return an array of `type()` with batch.num_rows() values; Invalid where a value cannot be
  /// computed
  ///         (division by zero, a cast that fails), with a caret under the place; TypeError if the
  ///         batch has another schema
  arrow::Result<std::shared_ptr<arrow::Array>> Evaluate(const arrow::RecordBatch& batch,
                                                        arrow::MemoryPool* pool = nullptr) const;

  /// Tell which rows a filter keeps: those for which it is true, not null.
  ///
  /// \return booleans without nulls; TypeError unless `type()` is boolean
  arrow::Result<std::shared_ptr<arrow::BooleanArray>> EvaluateFilter(
      const arrow::RecordBatch& batch, arrow::MemoryPool* pool = nullptr) const;

 private:
  friend class Expression;

  std::shared_ptr<const std::string> text_;
  std::shared_ptr<const expression::BoundNode> root_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<ColumnPath> columns_;
};

/// An expression of SQL, in the dialect of LanceDB's filters (docs/reference/sql.md).
///
/// Immutable, cheap to copy; any number of threads may use it, and so may a forked child.
class Expression {
 public:
  /// The longest text, in bytes, and the most levels that may be nested.
  static constexpr size_t kMaxTextBytes = size_t{8} << 20;
  static constexpr int kMaxDepth = 200;

  /// Read an expression.
  ///
  /// \param text UTF-8; all of it must be one expression
  /// \return Invalid, with the expression and a caret under the place, where it cannot be
  /// understood;
  ///         CapacityError if it is too long or nested too deeply
  static arrow::Result<Expression> Parse(std::string_view text);

  /// The text that was parsed.
  const std::string& text() const { return *text_; }

  /// Write it in a canonical form, which parses to the same expression.
  std::string ToString() const;

  /// The columns that it names, as they are written, each once, in order of appearance.
  ///
  /// Text in double quotes names a column only if the schema has it, and is not among them.
  std::vector<ColumnPath> columns() const;

  /// Find its columns in a schema, and choose types, as for the value of a new column.
  ///
  /// \param schema may have a column `_rowid` and others that the caller adds
  /// \return KeyError for a column or field that is not there, which names those there are;
  /// TypeError
  ///         where an operator or a function does not take the types; Invalid for an unknown
  ///         function; each with a caret under the place
  arrow::Result<BoundExpression> Bind(std::shared_ptr<arrow::Schema> schema) const;

  /// Bind to the columns that it names alone, whole, each once: those of the `schema()` of the
  /// result. Errors as for Bind.
  arrow::Result<BoundExpression> BindToInputs(const std::shared_ptr<arrow::Schema>& schema) const;

  /// Bind as the filter of a scan: the value must be boolean.
  ///
  /// `regexp_match` stands for whether there is a match.
  /// \return as Bind; TypeError unless it is boolean
  arrow::Result<BoundExpression> BindFilter(std::shared_ptr<arrow::Schema> schema) const;

 private:
  arrow::Result<BoundExpression> Bind(std::shared_ptr<arrow::Schema> schema, bool is_filter) const;

  std::shared_ptr<const std::string> text_;
  std::shared_ptr<const expression::Node> root_;
};

}  // namespace croupier
