#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/expression/ast.h"
#include "croupier/expression/token_cursor.h"

namespace croupier::expression {

/// Make a node without children, of which only kind and place are known.
NodePtr MakeLeaf(NodeKind kind, Place place);

/// Make the leaf that one token is: a number, text, bytes, or a name in backticks.
///
/// Numbers that 64 bits do not hold become floating.
/// \param token neither a word, a symbol nor the end
/// \param is_negative whether a minus was before it, which is a number
NodePtr LeafOf(const Token& token, bool is_negative = false);

/// Take a type as SQL writes it: "timestamp(3)", "decimal(10, 2)", "int unsigned".
///
/// \return Invalid with a caret for what is no type, and the errors of TypeOfSqlName
arrow::Result<std::shared_ptr<arrow::DataType>> TakeType(TokenCursor* tokens);

}  // namespace croupier::expression
