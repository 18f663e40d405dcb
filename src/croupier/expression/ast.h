#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "croupier/expression/place.h"

namespace croupier::expression {

enum class NodeKind {
  // Leaves.
  kNull,
  kBoolean,       ///< `flag`
  kInteger,       ///< `text`: digits, perhaps after a minus
  kFloat,         ///< `number`
  kString,        ///< `text`
  kBytes,         ///< `text`
  kColumn,        ///< `path`, of which `flag` says whether the first name was quoted
  kDoubleQuoted,  ///< `text`: the column of that name, or else text
  // The operands are `children`.
  kArray,
  kAnd,  ///< two or more
  kOr,   ///< two or more
  kNot,
  kNegate,
  kBinary,     ///< `op`
  kField,      ///< `text` of a struct
  kSubscript,  ///< list, index
  kIsNull,     ///< `negated`
  kIsTrue,     ///< `negated`
  kIsFalse,    ///< `negated`
  kIn,         ///< value, items …; `negated`
  kBetween,    ///< value, low, high; `negated`
  kLike,  ///< value, pattern; `negated`, `flag`: letters of either case, `text`: the escape, or
          ///< empty
  kCast,  ///< `type`; `flag`: null where it fails
  kCase,  ///< [operand] (condition, value) … [else]; `flag`: operand, `has_else`
  kCall,  ///< function `text`
};

enum class Operator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIsDistinct,
  kIsNotDistinct,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kConcat,
  kShiftLeft,
  kShiftRight,
};

/// How SQL writes an operator.
std::string_view OperatorText(Operator op);

/// Tell whether the operator compares: its value is boolean.
inline bool IsComparison(Operator op) { return op <= Operator::kIsNotDistinct; }

/// A part of an expression, as written.
struct Node {
  NodeKind kind = NodeKind::kNull;
  Place place;
  int depth = 1;  ///< levels from here to the deepest leaf
  Operator op = Operator::kEqual;
  bool flag = false;
  bool negated = false;
  bool has_else = false;
  double number = 0;
  std::string text = {};
  std::vector<std::string> path = {};
  std::shared_ptr<arrow::DataType> type = nullptr;
  std::vector<std::unique_ptr<Node>> children = {};
};

using NodePtr = std::unique_ptr<Node>;

/// Write a node as SQL that parses to the same node.
std::string ToSql(const Node& node);

/// Write a name in backticks if it would not be read as one name without.
std::string QuoteName(const std::string& name);

/// How SQL spells a type that Cast takes.
std::string TypeToSql(const arrow::DataType& type);

}  // namespace croupier::expression
