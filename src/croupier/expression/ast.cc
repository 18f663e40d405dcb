#include "croupier/expression/ast.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include <arrow/type.h>

#include "croupier/expression/lexer.h"

namespace croupier::expression {

namespace {

std::string Quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    result += c;
    if (c == quote) result += c;
  }
  return result + quote;
}

std::string FloatToSql(double number) {
  // What is too large for a double was written as such a number.
  if (std::isinf(number)) return number < 0 ? "-1e999" : "1e999";
  char buffer[32];
  const auto result = std::to_chars(std::begin(buffer), std::end(buffer), number);
  std::string text(buffer, result.ptr);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

bool IsLeaf(const Node& node) {
  return node.children.empty() || node.kind == NodeKind::kCall || node.kind == NodeKind::kArray ||
         node.kind == NodeKind::kCast || node.kind == NodeKind::kCase ||
         node.kind == NodeKind::kField || node.kind == NodeKind::kSubscript;
}

// An operand, in parentheses unless it is of one piece.
std::string Operand(const Node& node) {
  const bool is_negative_number = (node.kind == NodeKind::kInteger && node.text.starts_with('-')) ||
                                  (node.kind == NodeKind::kFloat && std::signbit(node.number));
  if (IsLeaf(node) && !is_negative_number) return ToSql(node);
  std::string result = "(";
  result += ToSql(node);
  return result += ')';
}

std::string Joined(const Node& node, size_t begin, std::string_view separator, bool is_operand) {
  std::string result;
  for (size_t i = begin; i < node.children.size(); ++i) {
    if (i > begin) result += separator;
    result += is_operand ? Operand(*node.children[i]) : ToSql(*node.children[i]);
  }
  return result;
}

std::string CaseToSql(const Node& node) {
  std::string result = "CASE";
  size_t i = 0;
  if (node.flag) result.append(" ").append(ToSql(*node.children[i++]));
  const size_t end = node.children.size() - (node.has_else ? 1 : 0);
  for (; i < end; i += 2) {
    result.append(" WHEN ").append(ToSql(*node.children[i]));
    result.append(" THEN ").append(ToSql(*node.children[i + 1]));
  }
  if (node.has_else) result.append(" ELSE ").append(ToSql(*node.children.back()));
  return result + " END";
}

std::string BytesToSql(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result = "x'";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result + "'";
}

}  // namespace

std::string_view OperatorText(Operator op) {
  switch (op) {
    case Operator::kEqual:
      return "=";
    case Operator::kNotEqual:
      return "!=";
    case Operator::kLess:
      return "<";
    case Operator::kLessEqual:
      return "<=";
    case Operator::kGreater:
      return ">";
    case Operator::kGreaterEqual:
      return ">=";
    case Operator::kIsDistinct:
      return "IS DISTINCT FROM";
    case Operator::kIsNotDistinct:
      return "IS NOT DISTINCT FROM";
    case Operator::kAdd:
      return "+";
    case Operator::kSubtract:
      return "-";
    case Operator::kMultiply:
      return "*";
    case Operator::kDivide:
      return "/";
    case Operator::kModulo:
      return "%";
    case Operator::kConcat:
      return "||";
    case Operator::kShiftLeft:
      return "<<";
    case Operator::kShiftRight:
      return ">>";
  }
  return "?";
}

std::string QuoteName(const std::string& name) { return Quoted(name, '`'); }

std::string ToSql(const Node& node) {
  const std::string negation = node.negated ? "NOT " : "";
  switch (node.kind) {
    case NodeKind::kNull:
      return "NULL";
    case NodeKind::kBoolean:
      return node.flag ? "TRUE" : "FALSE";
    case NodeKind::kInteger:
      return node.text;
    case NodeKind::kFloat:
      return FloatToSql(node.number);
    case NodeKind::kString:
      return Quoted(node.text, '\'');
    case NodeKind::kBytes:
      return BytesToSql(node.text);
    case NodeKind::kDoubleQuoted:
      return Quoted(node.text, '"');
    case NodeKind::kColumn: {
      // A name that was not quoted is one word, and is found in either case.
      std::string result = node.flag ? QuoteName(node.path[0]) : node.path[0];
      for (size_t i = 1; i < node.path.size(); ++i)
        result.append(".").append(QuoteName(node.path[i]));
      return result;
    }
    case NodeKind::kArray:
      return std::string("[").append(Joined(node, 0, ", ", false)) += ']';
    case NodeKind::kAnd:
      return Joined(node, 0, " AND ", true);
    case NodeKind::kOr:
      return Joined(node, 0, " OR ", true);
    case NodeKind::kNot:
      return std::string("NOT ").append(Operand(*node.children[0]));
    case NodeKind::kNegate:
      // A minus before a number would be part of the number.
      return std::string("-(").append(ToSql(*node.children[0])) += ')';
    case NodeKind::kBinary:
      return Operand(*node.children[0]) + " " + std::string(OperatorText(node.op)) + " " +
             Operand(*node.children[1]);
    case NodeKind::kField: {
      // The point would be part of a number.
      const bool is_number = node.children[0]->kind == NodeKind::kInteger ||
                             node.children[0]->kind == NodeKind::kFloat;
      std::string result = is_number ? "(" : "";
      result += is_number ? ToSql(*node.children[0]) : Operand(*node.children[0]);
      if (is_number) result += ')';
      return result.append(".").append(QuoteName(node.text));
    }
    case NodeKind::kSubscript:
      // x['a'] would be a field.
      return Operand(*node.children[0]) + "[(" + ToSql(*node.children[1]) + ")]";
    case NodeKind::kIsNull:
      return Operand(*node.children[0]) + " IS " + negation + "NULL";
    case NodeKind::kIsTrue:
      return Operand(*node.children[0]) + " IS " + negation + "TRUE";
    case NodeKind::kIsFalse:
      return Operand(*node.children[0]) + " IS " + negation + "FALSE";
    case NodeKind::kIn:
      return Operand(*node.children[0]) + " " + negation + "IN (" + Joined(node, 1, ", ", false) +
             ")";
    case NodeKind::kBetween:
      return Operand(*node.children[0]) + " " + negation + "BETWEEN " + Operand(*node.children[1]) +
             " AND " + Operand(*node.children[2]);
    case NodeKind::kLike: {
      std::string result = Operand(*node.children[0]) + " " + negation +
                           (node.flag ? "ILIKE " : "LIKE ") + Operand(*node.children[1]);
      if (!node.text.empty()) result.append(" ESCAPE ").append(Quoted(node.text, '\''));
      return result;
    }
    case NodeKind::kCast:
      return std::string(node.flag ? "TRY_CAST(" : "CAST(") + ToSql(*node.children[0]) + " AS " +
             TypeToSql(*node.type) + ")";
    case NodeKind::kCase:
      return CaseToSql(node);
    case NodeKind::kCall:
      return node.text + "(" + Joined(node, 0, ", ", false) + ")";
  }
  return "";
}

}  // namespace croupier::expression
