#pragma once

#include <string_view>

#include <arrow/result.h>

#include "croupier/expression/ast.h"

namespace croupier::expression {

/// Read an expression, all of it.
///
/// Precedence, loosest first: OR; AND; NOT; IS; LIKE; comparisons, IN, BETWEEN; << >>; + -; * / %
/// ||; unary -; `::`; subscripts and fields. Chains of AND and of OR become one node.
/// \return Invalid with a caret, or CapacityError for more than Expression::kMaxDepth levels
arrow::Result<NodePtr> ParseExpression(std::string_view text);

}  // namespace croupier::expression
