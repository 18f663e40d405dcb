#include "croupier/expression/float_comparison.h"

#include <cmath>

#include <arrow/type.h>
#include <arrow/type_traits.h>

namespace croupier::expression {

ExactComparison CompareWithFloat(Operator op, const arrow::DataType& type, double value) {
  const bool is_signed = arrow::is_signed_integer(type.id());
  // One more than the greatest integer; powers of two are exact.
  const double end = std::ldexp(1.0, type.bit_width() - (is_signed ? 1 : 0));
  const double least = is_signed ? -end : 0;
  const auto constant = [least](bool is_true) {
    return ExactComparison{is_true ? Operator::kGreaterEqual : Operator::kLess, least};
  };
  const bool is_less = op == Operator::kLess || op == Operator::kLessEqual;
  if (op == Operator::kEqual || op == Operator::kNotEqual) {
    const bool can_equal = value >= least && value < end && value == std::floor(value);
    return can_equal ? ExactComparison{op, value} : constant(op == Operator::kNotEqual);
  }
  // NaN is greater than all numbers.
  if (std::isnan(value) || value >= end) return constant(is_less);
  if (value < least) return constant(!is_less);
  const double floor = std::floor(value);
  if (floor == value) return {op, value};
  return {is_less ? Operator::kLessEqual : Operator::kGreater, floor};
}

}  // namespace croupier::expression
