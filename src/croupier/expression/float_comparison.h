#pragma once

#include <arrow/type_fwd.h>

#include "croupier/expression/ast.h"

namespace croupier::expression {

/// A comparison of integers with a whole number that their type holds.
struct ExactComparison {
  Operator op;
  double bound;
};

/// Find the comparison that is true for the same integers as one with a float.
///
/// \param op = != < <= > >=
/// \param type of the integers
/// \return what is always true becomes >= the least integer, what is never true < the least integer
ExactComparison CompareWithFloat(Operator op, const arrow::DataType& type, double value);

}  // namespace croupier::expression
