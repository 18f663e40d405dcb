#pragma once

#include <vector>

#include "croupier/expression/bound_node.h"
#include "croupier/expression/coercion.h"

namespace croupier::expression {

/// Make a comparison. Both operands have the type CommonType says of them.
///
/// Floats are in total order: NaN equals NaN and is greater than all numbers; -0 equals 0. A null
/// gives null, but for IS DISTINCT FROM.
arrow::Result<BoundPtr> MakeComparison(const NodeMaker& make, Operator op, BoundPtr left,
                                       BoundPtr right, Place place);

/// Make an arithmetic operator; operands have the types TypesOfArithmetic says.
///
/// Integers wrap around, but -2^63 / -1 is an error, as is division by zero; so are decimals that
/// overflow. Integer division is toward zero, and a remainder has the sign of the dividend.
arrow::Result<BoundPtr> MakeArithmetic(const NodeMaker& make, Operator op,
                                       const ArithmeticTypes& types, BoundPtr left, BoundPtr right,
                                       Place place);

/// Make the negative of a number or a duration; integers wrap around.
arrow::Result<BoundPtr> MakeNegative(const NodeMaker& make, BoundPtr operand, Place place);

arrow::Result<BoundPtr> MakeNot(const NodeMaker& make, BoundPtr operand, Place place);

/// Make IS [NOT] NULL.
arrow::Result<BoundPtr> MakeIsNull(const NodeMaker& make, BoundPtr operand, bool negated,
                                   Place place);

/// Make IS [NOT] TRUE, IS [NOT] FALSE.
arrow::Result<BoundPtr> MakeIsBoolean(const NodeMaker& make, BoundPtr operand, bool value,
                                      bool negated, Place place);

/// Make IN over literals of the operand's type, some of which may be null.
arrow::Result<BoundPtr> MakeInLiterals(const NodeMaker& make, BoundPtr operand,
                                       const std::vector<BoundPtr>& items, Place place);

/// Make LIKE, or ILIKE. Operands are text of one type.
///
/// \param escape the character that takes a wildcard's meaning away
arrow::Result<BoundPtr> MakeLike(const NodeMaker& make, BoundPtr value, BoundPtr pattern,
                                 bool any_case, const std::string& escape, Place place);

/// Call a function of Arrow's that agrees with DataFusion.
Kernel ArrowKernel(const char* function);

}  // namespace croupier::expression
