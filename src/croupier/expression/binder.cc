#include "croupier/expression/binder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <arrow/scalar.h>
#include <arrow/type.h>

#include "croupier/expression/call_site.h"
#include "croupier/expression/column_finder.h"
#include "croupier/expression/float_comparison.h"
#include "croupier/expression/lexer.h"
#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

using arrow::Result;
using arrow::Status;
using arrow::StatusCode;
using arrow::Type;

// Where a node stands.
enum class Position {
  kTop,     // the root, or what AND and OR at the root combine
  kInside,  // anywhere else
};

std::shared_ptr<arrow::Scalar> IntegerScalar(const std::string& digits) {
  int64_t integer = 0;
  const char* end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, integer).ec == std::errc()) {
    return arrow::MakeScalar(integer);
  }
  uint64_t natural = 0;
  std::from_chars(digits.data(), end, natural);
  return arrow::MakeScalar(natural);
}

bool IsLiteral(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull:
    case NodeKind::kBoolean:
    case NodeKind::kInteger:
    case NodeKind::kFloat:
    case NodeKind::kString:
    case NodeKind::kDoubleQuoted:
    case NodeKind::kBytes:
      return true;
    default:
      return false;
  }
}

// Whether a half float is a number, and not what is too large for one.
bool IsFinite(const arrow::Scalar& value) {
  if (value.type->id() != Type::HALF_FLOAT) return true;
  constexpr uint16_t kExponent = 0x7C00;
  return (static_cast<const arrow::HalfFloatScalar&>(value).value & kExponent) != kExponent;
}

bool IsOrdering(Operator op) { return op <= Operator::kGreaterEqual; }

// The operator for operands the other way round.
Operator Swapped(Operator op) {
  switch (op) {
    case Operator::kLess:
      return Operator::kGreater;
    case Operator::kLessEqual:
      return Operator::kGreaterEqual;
    case Operator::kGreater:
      return Operator::kLess;
    case Operator::kGreaterEqual:
      return Operator::kLessEqual;
    default:
      return op;
  }
}

// Literals, and arithmetic of them.
bool IsLiteralTree(const Node& node) {
  if (node.kind == NodeKind::kBinary && !IsComparison(node.op)) {
    return IsLiteralTree(*node.children[0]) && IsLiteralTree(*node.children[1]);
  }
  return IsLiteral(node);
}

class Binder {
 public:
  Binder(const arrow::Schema& schema, std::string_view text, arrow::compute::ExecContext* exec)
      : make_(text, exec), columns_(schema, make_) {}

  Result<BoundPtr> Bind(const Node& node, Position position) {
    switch (node.kind) {
      case NodeKind::kNull:
        return MakeLiteral(std::make_shared<arrow::NullScalar>(), node.place);
      case NodeKind::kBoolean:
        return MakeLiteral(arrow::MakeScalar(node.flag), node.place);
      case NodeKind::kInteger:
        return MakeLiteral(IntegerScalar(node.text), node.place);
      case NodeKind::kFloat:
        return MakeLiteral(arrow::MakeScalar(node.number), node.place);
      case NodeKind::kString:
        return MakeLiteral(arrow::MakeScalar(node.text), node.place);
      case NodeKind::kBytes:
        return MakeLiteral(
            std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(node.text)),
            node.place);
      case NodeKind::kColumn:
        return columns_.Find(node.path, node.flag, node.place);
      case NodeKind::kDoubleQuoted:
        if (columns_.Has(node.text)) return columns_.Find({node.text}, true, node.place);
        return MakeLiteral(arrow::MakeScalar(node.text), node.place);
      case NodeKind::kArray:
        return Call(node, "make_array");
      case NodeKind::kAnd:
      case NodeKind::kOr:
        return AndOr(node, position);
      case NodeKind::kNot: {
        ARROW_ASSIGN_OR_RAISE(auto operand, Boolean(*node.children[0], Position::kInside));
        return MakeNot(make_, std::move(operand), node.place);
      }
      case NodeKind::kNegate: {
        ARROW_ASSIGN_OR_RAISE(auto operand, Bind(*node.children[0], Position::kInside));
        return MakeNegative(make_, std::move(operand), node.place);
      }
      case NodeKind::kBinary:
        return Binary(node, position);
      case NodeKind::kField:
        return Field(node);
      case NodeKind::kSubscript:
        return Subscript(node);
      case NodeKind::kIsNull: {
        ARROW_ASSIGN_OR_RAISE(auto operand, Bind(*node.children[0], Position::kInside));
        return MakeIsNull(make_, std::move(operand), node.negated, node.place);
      }
      case NodeKind::kIsTrue:
      case NodeKind::kIsFalse: {
        ARROW_ASSIGN_OR_RAISE(auto operand, Boolean(*node.children[0], Position::kInside));
        return MakeIsBoolean(make_, std::move(operand), node.kind == NodeKind::kIsTrue,
                             node.negated, node.place);
      }
      case NodeKind::kIn:
        return In(node, position);
      case NodeKind::kBetween:
        return Between(node, position);
      case NodeKind::kLike:
        return Like(node);
      case NodeKind::kCast: {
        ARROW_ASSIGN_OR_RAISE(auto operand, Bind(*node.children[0], Position::kInside));
        return MakeCast(make_, std::move(operand), node.type, node.place,
                        node.flag ? CastMode::kNull : CastMode::kError);
      }
      case NodeKind::kCase:
        return Case(node);
      case NodeKind::kCall:
        return Call(node, node.text);
    }
    return Status::UnknownError("a node of no kind");
  }

  // A boolean, in a filter: regexp_match tells whether there is a match.
  Result<BoundPtr> Filter(const Node& node, Position position) {
    if (node.kind == NodeKind::kAnd || node.kind == NodeKind::kOr) {
      std::vector<BoundPtr> operands;
      for (const auto& child : node.children) {
        ARROW_ASSIGN_OR_RAISE(auto operand, Filter(*child, position));
        operands.push_back(std::move(operand));
      }
      return make_.AndOr(operands, node.kind == NodeKind::kAnd, node.place);
    }
    if (node.kind == NodeKind::kNot) {
      ARROW_ASSIGN_OR_RAISE(auto operand, Filter(*node.children[0], Position::kInside));
      return MakeNot(make_, std::move(operand), node.place);
    }
    if (node.kind == NodeKind::kCall && node.text == "regexp_match") {
      ARROW_ASSIGN_OR_RAISE(auto match, Bind(node, position));
      return MakeIsNull(make_, std::move(match), /*negated=*/true, node.place);
    }
    return Boolean(node, position);
  }

  std::vector<std::vector<std::string>> TakeColumns() { return columns_.TakePaths(); }

 private:
  Status Error(StatusCode code, Place place, std::string_view message) const {
    return make_.Error(code, place, message);
  }

  Status NoCommonType(std::string_view what, const TypePtr& left, const TypePtr& right,
                      Place place) const {
    return Error(StatusCode::TypeError, place,
                 std::string(what) + " takes no " + ArrowName(*left) + " and " + ArrowName(*right) +
                     "; CAST one of them");
  }

  Result<BoundPtr> Boolean(const Node& node, Position position) {
    ARROW_ASSIGN_OR_RAISE(auto bound, Bind(node, position));
    if (bound->type()->id() == Type::NA) {
      return MakeCast(make_, std::move(bound), arrow::boolean(), node.place);
    }
    if (bound->type()->id() == Type::BOOL) return bound;
    return Error(StatusCode::TypeError, node.place,
                 "this must be true or false, and is of type " + ArrowName(*bound->type()));
  }

  Result<BoundPtr> AndOr(const Node& node, Position position) {
    std::vector<BoundPtr> operands;
    for (const auto& child : node.children) {
      ARROW_ASSIGN_OR_RAISE(auto operand, Boolean(*child, position));
      operands.push_back(std::move(operand));
    }
    return make_.AndOr(operands, node.kind == NodeKind::kAnd, node.place);
  }

  bool IsColumn(const Node& node) const {
    return node.kind == NodeKind::kColumn ||
           (node.kind == NodeKind::kDoubleQuoted && columns_.Has(node.text));
  }
  bool IsText(const Node& node) const { return IsLiteralTree(node) && !IsColumn(node); }

  // Give a literal the type of the column beside it, if that holds it; else nothing.
  std::optional<BoundPtr> FitLiteral(const BoundPtr& literal, const TypePtr& type) const {
    const auto& value = literal->literal();
    if (value == nullptr) return std::nullopt;
    if (!value->is_valid) return MakeLiteral(arrow::MakeNullScalar(type), literal->place());
    const bool fits = (IsInteger(*value->type) && IsNumber(*type)) ||
                      (IsFloat(*value->type) && IsFloat(*type)) ||
                      (value->type->id() == Type::STRING && expression::IsText(*type));
    if (!fits) return std::nullopt;
    auto cast = MakeCast(make_, literal, type, literal->place());
    if (!cast.ok() || !IsFinite(*(*cast)->literal())) return std::nullopt;
    return *cast;
  }

  // Bind literals and arithmetic of them, in the type of the column beside them where that holds
  // them.
  Result<BoundPtr> BindBeside(const Node& node, const TypePtr& type) {
    if (node.kind == NodeKind::kBinary && IsText(node)) {
      ARROW_ASSIGN_OR_RAISE(auto left, BindBeside(*node.children[0], type));
      ARROW_ASSIGN_OR_RAISE(auto right, BindBeside(*node.children[1], type));
      return Combine(node, std::move(left), std::move(right));
    }
    ARROW_ASSIGN_OR_RAISE(auto bound, Bind(node, Position::kInside));
    if (!IsText(node)) return bound;
    if (auto fitted = FitLiteral(bound, type)) return *fitted;
    if (expression::IsText(*type) && IsNumber(*bound->type())) {
      return Error(
          StatusCode::TypeError, node.place,
          "the column beside this number is text; write '" + ToSql(node) + "', or CAST the column");
    }
    return bound;
  }

  // Whether a literal is a float beside a column of integers.
  static bool IsFloatBesideInteger(const BoundPtr& column, const BoundPtr& literal) {
    return IsInteger(*column->type()) && literal->literal() != nullptr &&
           literal->literal()->is_valid && literal->type()->id() == Type::DOUBLE;
  }

  // Compare integers with a float by their values: a double would round the integers.
  Result<BoundPtr> CompareExactly(Operator op, const BoundPtr& column, const BoundPtr& literal,
                                  Place place) {
    const double value = static_cast<const arrow::DoubleScalar&>(*literal->literal()).value;
    const auto exact = CompareWithFloat(op, *column->type(), value);
    ARROW_ASSIGN_OR_RAISE(
        auto bound, MakeCast(make_, MakeLiteral(arrow::MakeScalar(exact.bound), literal->place()),
                             column->type(), literal->place()));
    return MakeComparison(make_, exact.op, column, std::move(bound), place);
  }

  Status CheckDoubleQuotes(const Node& quoted, const Node& other) const {
    if (quoted.kind != NodeKind::kDoubleQuoted || !IsColumn(quoted) || !IsColumn(other)) {
      return Status::OK();
    }
    return Error(StatusCode::Invalid, quoted.place,
                 "this may be a column or text; write `" + quoted.text + "` for the column, '" +
                     quoted.text + "' for the text");
  }

  Result<BoundPtr> Binary(const Node& node, Position position) {
    const Node& left_node = *node.children[0];
    const Node& right_node = *node.children[1];
    ARROW_RETURN_NOT_OK(CheckDoubleQuotes(left_node, right_node));
    ARROW_RETURN_NOT_OK(CheckDoubleQuotes(right_node, left_node));
    if (position == Position::kTop && IsColumn(left_node)) {
      ARROW_ASSIGN_OR_RAISE(auto left, Bind(left_node, Position::kInside));
      ARROW_ASSIGN_OR_RAISE(auto right, BindBeside(right_node, left->type()));
      if (IsOrdering(node.op) && IsFloatBesideInteger(left, right)) {
        return CompareExactly(node.op, left, right, node.place);
      }
      return Combine(node, std::move(left), std::move(right));
    }
    if (position == Position::kTop && IsColumn(right_node)) {
      ARROW_ASSIGN_OR_RAISE(auto right, Bind(right_node, Position::kInside));
      ARROW_ASSIGN_OR_RAISE(auto left, IsLiteral(left_node) ? BindBeside(left_node, right->type())
                                                            : Bind(left_node, Position::kInside));
      if (IsOrdering(node.op) && IsFloatBesideInteger(right, left)) {
        return CompareExactly(Swapped(node.op), right, left, node.place);
      }
      return Combine(node, std::move(left), std::move(right));
    }
    ARROW_ASSIGN_OR_RAISE(auto left, Bind(left_node, Position::kInside));
    ARROW_ASSIGN_OR_RAISE(auto right, Bind(right_node, Position::kInside));
    return Combine(node, std::move(left), std::move(right));
  }

  // Apply the operator of a node to operands that are bound.
  Result<BoundPtr> Combine(const Node& node, BoundPtr left, BoundPtr right) {
    if (node.op == Operator::kConcat) return Concat(node, std::move(left), std::move(right));
    if (!IsComparison(node.op)) {
      const auto types = TypesOfArithmetic(node.op, left->type(), right->type());
      if (types.result == nullptr) {
        return NoCommonType(OperatorText(node.op), left->type(), right->type(), node.place);
      }
      ARROW_ASSIGN_OR_RAISE(left, MakeCast(make_, left, types.left, left->place()));
      ARROW_ASSIGN_OR_RAISE(right, MakeCast(make_, right, types.right, right->place()));
      return MakeArithmetic(make_, node.op, types, std::move(left), std::move(right), node.place);
    }
    const auto type = CommonType(left->type(), right->type());
    if (type == nullptr) {
      return NoCommonType(OperatorText(node.op), left->type(), right->type(), node.place);
    }
    ARROW_ASSIGN_OR_RAISE(left, MakeCast(make_, left, type, left->place()));
    ARROW_ASSIGN_OR_RAISE(right, MakeCast(make_, right, type, right->place()));
    return MakeComparison(make_, node.op, std::move(left), std::move(right), node.place);
  }

  Result<BoundPtr> Concat(const Node& node, BoundPtr left, BoundPtr right) {
    const auto is_null = [](const BoundPtr& it) { return it->type()->id() == Type::NA; };
    TypePtr type;
    if (IsBytes(*left->type()) && (IsBytes(*right->type()) || is_null(right))) {
      type = left->type();
    } else if (is_null(left) && IsBytes(*right->type())) {
      type = right->type();
    } else if (IsBytes(*left->type()) || IsBytes(*right->type())) {
      return NoCommonType("||", left->type(), right->type(), node.place);
    } else {
      const bool is_large =
          left->type()->id() == Type::LARGE_STRING || right->type()->id() == Type::LARGE_STRING;
      type = is_large ? arrow::large_utf8() : arrow::utf8();
    }
    ARROW_ASSIGN_OR_RAISE(left, MakeCast(make_, left, type, left->place()));
    ARROW_ASSIGN_OR_RAISE(right, MakeCast(make_, right, type, right->place()));
    return make_.Apply({std::move(left), std::move(right)}, type, node.place,
                       [type](const KernelArgs& args) -> Result<arrow::Datum> {
                         ARROW_ASSIGN_OR_RAISE(const auto operands, Operands::Make(args));
                         const TextInput first(operands.inputs[0]);
                         const TextInput second(operands.inputs[1]);
                         return MapToText(type, args.num_rows, operands.validity, args.pool(),
                                          [&](int64_t row, TextOutput* output) {
                                            ARROW_RETURN_NOT_OK(output->Add(first[row]));
                                            return output->Add(second[row]);
                                          });
                       });
  }

  Result<BoundPtr> Field(const Node& node) {
    ARROW_ASSIGN_OR_RAISE(auto operand, Bind(*node.children[0], Position::kInside));
    return columns_.FieldOf(std::move(operand), node.text, node.place);
  }

  Result<BoundPtr> Subscript(const Node& node) {
    ARROW_ASSIGN_OR_RAISE(auto list, Bind(*node.children[0], Position::kInside));
    ARROW_ASSIGN_OR_RAISE(auto index, Bind(*node.children[1], Position::kInside));
    CallSite call{make_, "array_element", {std::move(list), std::move(index)}, node.place};
    return MakeCall(&call);
  }

  // Give whole floats beside a column of integers its type.
  Status MakeExact(std::vector<BoundPtr>* operands) {
    for (auto& operand : *operands) {
      if (!IsFloatBesideInteger(operands->front(), operand)) continue;
      const double value = static_cast<const arrow::DoubleScalar&>(*operand->literal()).value;
      if (CompareWithFloat(Operator::kEqual, *operands->front()->type(), value).op !=
          Operator::kEqual) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(operand,
                            MakeCast(make_, operand, operands->front()->type(), operand->place()));
    }
    return Status::OK();
  }

  // Bind the operands of IN and BETWEEN, and bring them to one type.
  Result<std::vector<BoundPtr>> Alike(const Node& node, Position position, std::string_view what) {
    const Node& value = *node.children[0];
    std::vector<BoundPtr> operands;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const Node& child = *node.children[i];
      if (i > 0) ARROW_RETURN_NOT_OK(CheckDoubleQuotes(child, value));
      const bool is_beside = i > 0 && position == Position::kTop && IsColumn(value);
      ARROW_ASSIGN_OR_RAISE(auto operand, is_beside ? BindBeside(child, operands[0]->type())
                                                    : Bind(child, Position::kInside));
      operands.push_back(std::move(operand));
    }
    if (position == Position::kTop && IsColumn(value)) ARROW_RETURN_NOT_OK(MakeExact(&operands));
    TypePtr common = operands[0]->type();
    for (const auto& operand : operands) {
      const auto next = CommonType(common, operand->type());
      if (next == nullptr) return NoCommonType(what, common, operand->type(), operand->place());
      common = next;
    }
    for (auto& operand : operands) {
      ARROW_ASSIGN_OR_RAISE(operand, MakeCast(make_, operand, common, operand->place()));
    }
    return operands;
  }

  Result<BoundPtr> In(const Node& node, Position position) {
    ARROW_ASSIGN_OR_RAISE(auto operands, Alike(node, position, "IN"));
    const auto value = operands[0];
    operands.erase(operands.begin());
    const bool is_nested = value->type()->id() == Type::STRUCT || IsList(*value->type());
    const bool is_constant = std::all_of(operands.begin(), operands.end(),
                                         [](const auto& it) { return it->literal() != nullptr; });
    BoundPtr result;
    if (is_constant && !is_nested) {
      ARROW_ASSIGN_OR_RAISE(result, MakeInLiterals(make_, value, operands, node.place));
    } else {
      std::vector<BoundPtr> comparisons;
      for (auto& item : operands) {
        ARROW_ASSIGN_OR_RAISE(auto comparison, MakeComparison(make_, Operator::kEqual, value,
                                                              std::move(item), node.place));
        comparisons.push_back(std::move(comparison));
      }
      ARROW_ASSIGN_OR_RAISE(result, make_.AndOr(comparisons, /*is_and=*/false, node.place));
    }
    return node.negated ? MakeNot(make_, std::move(result), node.place) : Result<BoundPtr>(result);
  }

  Result<BoundPtr> Between(const Node& node, Position position) {
    ARROW_ASSIGN_OR_RAISE(auto operands, Alike(node, position, "BETWEEN"));
    ARROW_ASSIGN_OR_RAISE(auto low, MakeComparison(make_, Operator::kGreaterEqual, operands[0],
                                                   operands[1], node.place));
    ARROW_ASSIGN_OR_RAISE(auto high, MakeComparison(make_, Operator::kLessEqual, operands[0],
                                                    operands[2], node.place));
    ARROW_ASSIGN_OR_RAISE(auto both, make_.AndOr({std::move(low), std::move(high)},
                                                 /*is_and=*/true, node.place));
    return node.negated ? MakeNot(make_, std::move(both), node.place) : Result<BoundPtr>(both);
  }

  Result<BoundPtr> Like(const Node& node) {
    std::vector<BoundPtr> operands;
    TypePtr type = arrow::utf8();
    ARROW_RETURN_NOT_OK(CheckDoubleQuotes(*node.children[1], *node.children[0]));
    for (const auto& child : node.children) {
      ARROW_ASSIGN_OR_RAISE(auto operand, Bind(*child, Position::kInside));
      if (!expression::IsText(*operand->type()) && operand->type()->id() != Type::NA) {
        return Error(StatusCode::TypeError, child->place,
                     "LIKE takes text, not " + ArrowName(*operand->type()));
      }
      if (operand->type()->id() == Type::LARGE_STRING) type = arrow::large_utf8();
      operands.push_back(std::move(operand));
    }
    for (auto& operand : operands) {
      ARROW_ASSIGN_OR_RAISE(operand, MakeCast(make_, operand, type, operand->place()));
    }
    ARROW_ASSIGN_OR_RAISE(auto like, MakeLike(make_, operands[0], operands[1], node.flag,
                                              node.text.empty() ? "\\" : node.text, node.place));
    return node.negated ? MakeNot(make_, std::move(like), node.place) : Result<BoundPtr>(like);
  }

  // The type of values one of which is chosen: text if one is text.
  Result<TypePtr> TypeOfValues(const std::vector<BoundPtr>& values) {
    TypePtr common = arrow::null();
    for (const auto& value : values) {
      TypePtr next = CommonType(common, value->type());
      const bool has_text = expression::IsText(*common) || expression::IsText(*value->type());
      if (has_text && CanCast(*common, *arrow::utf8()) && CanCast(*value->type(), *arrow::utf8())) {
        const bool is_large =
            common->id() == Type::LARGE_STRING || value->type()->id() == Type::LARGE_STRING;
        next = is_large ? arrow::large_utf8() : arrow::utf8();
      }
      if (next == nullptr) return NoCommonType("CASE", common, value->type(), value->place());
      common = next;
    }
    return common;
  }

  Result<BoundPtr> Case(const Node& node) {
    BoundPtr operand;
    size_t i = 0;
    if (node.flag) {
      ARROW_ASSIGN_OR_RAISE(operand, Bind(*node.children[i++], Position::kInside));
    }
    std::vector<BoundPtr> conditions;
    std::vector<BoundPtr> values;
    const size_t end = node.children.size() - (node.has_else ? 1 : 0);
    for (; i < end; i += 2) {
      const Node& when = *node.children[i];
      BoundPtr condition;
      if (operand == nullptr) {
        ARROW_ASSIGN_OR_RAISE(condition, Boolean(when, Position::kInside));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto value, Bind(when, Position::kInside));
        const auto type = CommonType(operand->type(), value->type());
        if (type == nullptr) {
          return NoCommonType("CASE", operand->type(), value->type(), when.place);
        }
        ARROW_ASSIGN_OR_RAISE(auto subject, MakeCast(make_, operand, type, operand->place()));
        ARROW_ASSIGN_OR_RAISE(value, MakeCast(make_, value, type, when.place));
        ARROW_ASSIGN_OR_RAISE(condition,
                              MakeComparison(make_, Operator::kEqual, subject, value, when.place));
      }
      ARROW_ASSIGN_OR_RAISE(auto value, Bind(*node.children[i + 1], Position::kInside));
      conditions.push_back(std::move(condition));
      values.push_back(std::move(value));
    }
    if (node.has_else) {
      ARROW_ASSIGN_OR_RAISE(auto value, Bind(*node.children.back(), Position::kInside));
      values.push_back(std::move(value));
    }
    ARROW_ASSIGN_OR_RAISE(const auto type, TypeOfValues(values));
    std::vector<BoundPtr> parts;
    for (size_t k = 0; k < values.size(); ++k) {
      ARROW_ASSIGN_OR_RAISE(auto value, MakeCast(make_, values[k], type, values[k]->place()));
      if (k < conditions.size()) parts.push_back(std::move(conditions[k]));
      parts.push_back(std::move(value));
    }
    return make_.Case(parts, node.place);
  }

  Result<BoundPtr> Call(const Node& node, std::string_view name) {
    std::vector<BoundPtr> operands;
    for (const auto& child : node.children) {
      ARROW_ASSIGN_OR_RAISE(auto operand, Bind(*child, Position::kInside));
      operands.push_back(std::move(operand));
    }
    CallSite call{make_, name, std::move(operands), node.place};
    return MakeCall(&call);
  }

  NodeMaker make_;
  ColumnFinder columns_;
};

}  // namespace

arrow::Result<BindResult> BindNode(const Node& root, const arrow::Schema& schema,
                                   std::string_view text, bool is_filter,
                                   arrow::compute::ExecContext* exec) {
  Binder binder(schema, text, exec);
  BindResult result;
  ARROW_ASSIGN_OR_RAISE(result.root, is_filter ? binder.Filter(root, Position::kTop)
                                               : binder.Bind(root, Position::kTop));
  result.columns = binder.TakeColumns();
  return result;
}

}  // namespace croupier::expression
