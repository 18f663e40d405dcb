#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "croupier/expression/cast.h"
#include "croupier/expression/kernel_io.h"
#include "croupier/expression/operators.h"

namespace croupier::expression {

/// A call of a function while it is bound: its operands, and what makes nodes of them.
struct CallSite {
  const NodeMaker& make;
  std::string_view name;
  std::vector<BoundPtr> operands;
  Place place;

  size_t size() const { return operands.size(); }
  const TypePtr& type(size_t i) const { return operands[i]->type(); }

  /// Invalid, with a caret, unless there are `least` to `most` operands.
  arrow::Status CheckCount(size_t least, size_t most) const;

  /// TypeError about an operand: "lower takes text, not Int32".
  arrow::Status WrongType(size_t i, std::string_view takes) const;

  /// Cast an operand, where SQL does so by itself.
  arrow::Status Coerce(size_t i, const TypePtr& type);

  /// Check that an operand is text, or null; large text stays so.
  arrow::Status NeedText(size_t i);

  /// Take an operand as 64-bit integers; it must be an integer.
  arrow::Status NeedInteger(size_t i);

  /// The value of an operand that is a literal text; null: not a literal, or a null.
  std::optional<std::string> LiteralText(size_t i) const;
  std::optional<int64_t> LiteralInteger(size_t i) const;

  /// Apply a kernel to all operands.
  arrow::Result<BoundPtr> Apply(TypePtr type, Kernel kernel,
                                Failure failure = Failure::kNever) const {
    return make.Apply(operands, std::move(type), place, std::move(kernel), failure);
  }
};

/// Binds a call of a function.
using BindFunction = arrow::Result<BoundPtr> (*)(CallSite* call);

struct FunctionEntry {
  std::string_view name;
  BindFunction bind;
};

// The functions of SQL, by what they are about.
std::span<const FunctionEntry> TextFunctions();
std::span<const FunctionEntry> TextSearchFunctions();
std::span<const FunctionEntry> RegexFunctions();
std::span<const FunctionEntry> MathFunctions();
std::span<const FunctionEntry> ConditionalFunctions();
std::span<const FunctionEntry> TimeFunctions();
std::span<const FunctionEntry> ListFunctions();

/// Bind a call.
///
/// \return Invalid that names the functions there are, if there is no such function
arrow::Result<BoundPtr> MakeCall(CallSite* call);

/// The names of all functions, sorted.
std::vector<std::string> FunctionNames();

/// Compare as MakeComparison does, at once.
arrow::Result<arrow::Datum> CompareValues(Operator op, const KernelArgs& args);

/// Make an array by which equal values are found: of floats that are equal, all bits are.
arrow::Result<std::shared_ptr<arrow::Array>> SearchKeys(const arrow::Datum& value, int64_t num_rows,
                                                        arrow::compute::ExecContext* exec);

/// Prepare the operands of a kernel and the nulls of its result: those of all operands.
struct Operands {
  std::vector<Input> inputs;
  Validity validity;

  static arrow::Result<Operands> Make(const KernelArgs& args);
};

}  // namespace croupier::expression
