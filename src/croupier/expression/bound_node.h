#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/result.h>
#include <arrow/type.h>

#include "croupier/expression/place.h"

namespace croupier::expression {

/// What the evaluation of a batch needs.
struct EvalContext {
  const arrow::RecordBatch* batch = nullptr;
  arrow::compute::ExecContext* exec = nullptr;  ///< without threads
  std::string_view text;                        ///< the expression, for errors
  /// The rows of the batch that are wanted, ascending; null: all.
  const arrow::Int64Array* rows = nullptr;

  int64_t num_rows() const;
};

/// A part of an expression with its type, ready to be evaluated. Immutable.
///
/// One virtual call for each batch; the work is in kernels.
class BoundNode {
 public:
  BoundNode(std::shared_ptr<arrow::DataType> type, Place place)
      : type_(std::move(type)), place_(place) {}
  virtual ~BoundNode() = default;

  const std::shared_ptr<arrow::DataType>& type() const { return type_; }
  Place place() const { return place_; }

  /// Compute an array with a value for each row that is wanted, or one scalar for all.
  virtual arrow::Result<arrow::Datum> Evaluate(const EvalContext& context) const = 0;

  /// Tell whether there are rows for which Evaluate fails.
  virtual bool can_fail() const { return false; }

  /// Its value, if it is the same for all rows; else null.
  virtual const std::shared_ptr<arrow::Scalar>& literal() const;

 private:
  std::shared_ptr<arrow::DataType> type_;
  Place place_;
};

using BoundPtr = std::shared_ptr<const BoundNode>;

/// The operands of a kernel: each an array of num_rows values, or a scalar.
struct KernelArgs {
  const std::vector<arrow::Datum>& values;
  int64_t num_rows;
  arrow::compute::ExecContext* exec;

  arrow::MemoryPool* pool() const { return exec->memory_pool(); }
};

/// Computes an array of num_rows values, or a scalar, of the type that it was bound with.
using Kernel = std::function<arrow::Result<arrow::Datum>(const KernelArgs&)>;

enum class Failure { kNever, kPossible };

/// Make the same value for all rows.
BoundPtr MakeLiteral(std::shared_ptr<arrow::Scalar> value, Place place);

/// Make the node that reads a column, or a field below it.
///
/// \param indices the column, then the field of each struct
/// \param type of what is read, as PlainType has it
BoundPtr MakeColumn(std::vector<int> indices, std::shared_ptr<arrow::DataType> type, Place place);

/// The type that values of a column are read as: without dictionaries, views and extensions.
std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type);

/// Makes nodes for one expression. Whatever depends on no column is computed at once.
class NodeMaker {
 public:
  NodeMaker(std::string_view text, arrow::compute::ExecContext* exec) : text_(text), exec_(exec) {}

  /// Apply a kernel to operands.
  ///
  /// \return as the kernel, with a caret under `place`, if all operands are literals and it fails
  arrow::Result<BoundPtr> Apply(const std::vector<BoundPtr>& operands,
                                std::shared_ptr<arrow::DataType> type, Place place, Kernel kernel,
                                Failure failure = Failure::kNever) const;

  /// AND or OR of booleans, three-valued. An operand that may fail sees only rows that are not
  /// decided.
  arrow::Result<BoundPtr> AndOr(const std::vector<BoundPtr>& operands, bool is_and,
                                Place place) const;

  /// CASE: the value after the first condition that is true; null without one.
  ///
  /// \param parts (condition, value) …, perhaps the value of ELSE; values are of one type
  arrow::Result<BoundPtr> Case(const std::vector<BoundPtr>& parts, Place place) const;

  /// COALESCE: the first operand that is not null. Operands are of one type; one that may fail sees
  /// only rows that need it.
  arrow::Result<BoundPtr> Coalesce(const std::vector<BoundPtr>& operands, Place place) const;

  /// An error about a place of the expression.
  arrow::Status Error(arrow::StatusCode code, Place place, std::string_view message) const {
    return ErrorAt(code, text_, place, message);
  }

 private:
  arrow::Result<BoundPtr> Fold(BoundPtr node, const std::vector<BoundPtr>& operands) const;

  std::string_view text_;
  arrow::compute::ExecContext* exec_;
};

}  // namespace croupier::expression
