#include "croupier/expression/parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include <arrow/type.h>

#include "croupier/expression.h"
#include "croupier/expression/literals.h"
#include "croupier/expression/token_cursor.h"

namespace croupier::expression {

namespace {

enum Precedence : int {
  kLowest = 0,
  kOrPrecedence = 5,
  kAndPrecedence = 10,
  kNotPrecedence = 15,
  kIsPrecedence = 17,
  kLikePrecedence = 19,
  kComparePrecedence = 20,
  kShiftPrecedence = 22,
  kAddPrecedence = 30,
  kMultiplyPrecedence = 40,
  kCastPrecedence = 50,
};

struct InfixOperator {
  std::string_view symbol;
  int precedence;
  Operator op;
};

constexpr std::array<InfixOperator, 16> kInfix = {{
    {"=", kComparePrecedence, Operator::kEqual},
    {"==", kComparePrecedence, Operator::kEqual},
    {"!=", kComparePrecedence, Operator::kNotEqual},
    {"<>", kComparePrecedence, Operator::kNotEqual},
    {"<", kComparePrecedence, Operator::kLess},
    {"<=", kComparePrecedence, Operator::kLessEqual},
    {">", kComparePrecedence, Operator::kGreater},
    {">=", kComparePrecedence, Operator::kGreaterEqual},
    {"<<", kShiftPrecedence, Operator::kShiftLeft},
    {">>", kShiftPrecedence, Operator::kShiftRight},
    {"+", kAddPrecedence, Operator::kAdd},
    {"-", kAddPrecedence, Operator::kSubtract},
    {"*", kMultiplyPrecedence, Operator::kMultiply},
    {"/", kMultiplyPrecedence, Operator::kDivide},
    {"%", kMultiplyPrecedence, Operator::kModulo},
    {"||", kMultiplyPrecedence, Operator::kConcat},
}};

// Words that cannot be the name of a column unless they are quoted.
constexpr std::array<std::string_view, 20> kReserved = {
    "and",   "or",   "not",  "in",   "is",   "between", "like", "ilike",    "null",   "true",
    "false", "case", "when", "then", "else", "end",     "as",   "distinct", "escape", "from"};

// Functions of SQL that may be called without parentheses.
constexpr std::array<std::string_view, 2> kBareFunctions = {"current_date", "current_timestamp"};

class Parser : private TokenCursor {
 public:
  using TokenCursor::TokenCursor;

  arrow::Result<NodePtr> Run() {
    if (Peek().kind == TokenKind::kEnd) return Error(Peek().place, "an expression is missing");
    ARROW_ASSIGN_OR_RAISE(auto node, Expression(kLowest));
    if (Peek().kind != TokenKind::kEnd) {
      return Error({Peek().place.begin, static_cast<uint32_t>(text().size())},
                   "the expression ends before this");
    }
    return node;
  }

 private:
  arrow::Status TooDeep(Place place) const {
    return ErrorAt(
        arrow::StatusCode::CapacityError, text(), place,
        "more than " + std::to_string(croupier::Expression::kMaxDepth) + " levels are nested here");
  }

  // Give a node its children, from the first or `begin` to the last token that was taken.
  arrow::Result<NodePtr> Branch(NodeKind kind, uint32_t begin, std::vector<NodePtr> children) {
    auto node = MakeLeaf(kind, {begin, LastEnd()});
    for (const auto& child : children) node->depth = std::max(node->depth, child->depth + 1);
    if (node->depth > croupier::Expression::kMaxDepth) return TooDeep(node->place);
    node->children = std::move(children);
    return node;
  }
  template <typename... Children>
  arrow::Result<NodePtr> Branch(NodeKind kind, uint32_t begin, NodePtr first, Children... rest) {
    std::vector<NodePtr> children;
    children.reserve(1 + sizeof...(rest));
    children.push_back(std::move(first));
    (children.push_back(std::move(rest)), ...);
    return Branch(kind, begin, std::move(children));
  }

  arrow::Result<NodePtr> Expression(int precedence) {
    if (++nesting_ > croupier::Expression::kMaxDepth) return TooDeep(Peek().place);
    ARROW_ASSIGN_OR_RAISE(auto node, Prefix());
    while (true) {
      const int next = NextPrecedence();
      if (next <= precedence) break;
      ARROW_ASSIGN_OR_RAISE(node, Infix(std::move(node), next));
    }
    --nesting_;
    return node;
  }

  int NextPrecedence() const {
    const Token& token = Peek();
    if (token.kind == TokenKind::kSymbol) {
      if (token.text == "::") return kCastPrecedence;
      for (const auto& infix : kInfix) {
        if (token.text == infix.symbol) return infix.precedence;
      }
      return kLowest;
    }
    if (token.kind != TokenKind::kWord) return kLowest;
    if (token.IsWord("or")) return kOrPrecedence;
    if (token.IsWord("and")) return kAndPrecedence;
    if (token.IsWord("is")) return kIsPrecedence;
    const Token& word = token.IsWord("not") ? Peek(1) : token;
    if (word.IsWord("like") || word.IsWord("ilike")) return kLikePrecedence;
    if (word.IsWord("in") || word.IsWord("between")) return kComparePrecedence;
    return kLowest;
  }

  arrow::Result<NodePtr> Infix(NodePtr left, int precedence) {
    const uint32_t begin = left->place.begin;
    const Token& token = Peek();
    if (precedence == kOrPrecedence || precedence == kAndPrecedence) {
      const auto kind = precedence == kOrPrecedence ? NodeKind::kOr : NodeKind::kAnd;
      Take();
      ARROW_ASSIGN_OR_RAISE(auto right, Expression(precedence));
      // A chain is one node: its length is no depth.
      if (left->kind != kind) return Branch(kind, begin, std::move(left), std::move(right));
      left->depth = std::max(left->depth, right->depth + 1);
      left->children.push_back(std::move(right));
      left->place.end = LastEnd();
      if (left->depth > croupier::Expression::kMaxDepth) return TooDeep(left->place);
      return left;
    }
    if (TakeSymbol("::")) {
      ARROW_ASSIGN_OR_RAISE(auto type, TakeType(this));
      ARROW_ASSIGN_OR_RAISE(auto node, Branch(NodeKind::kCast, begin, std::move(left)));
      node->type = std::move(type);
      return node;
    }
    if (TakeWord("is")) return Is(std::move(left));
    if (token.kind == TokenKind::kWord) {
      const bool negated = TakeWord("not");
      ARROW_ASSIGN_OR_RAISE(auto node, Predicate(std::move(left)));
      node->negated = negated;
      return node;
    }
    const auto infix = std::find_if(kInfix.begin(), kInfix.end(),
                                    [&](const auto& it) { return token.text == it.symbol; });
    Take();
    ARROW_ASSIGN_OR_RAISE(auto right, Expression(precedence));
    ARROW_ASSIGN_OR_RAISE(auto node,
                          Branch(NodeKind::kBinary, begin, std::move(left), std::move(right)));
    node->op = infix->op;
    return node;
  }

  arrow::Result<NodePtr> Is(NodePtr left) {
    const uint32_t begin = left->place.begin;
    const bool negated = TakeWord("not");
    if (TakeWord("distinct")) {
      ARROW_RETURN_NOT_OK(NeedWord("from"));
      ARROW_ASSIGN_OR_RAISE(auto right, Expression(kIsPrecedence));
      ARROW_ASSIGN_OR_RAISE(auto node,
                            Branch(NodeKind::kBinary, begin, std::move(left), std::move(right)));
      node->op = negated ? Operator::kIsNotDistinct : Operator::kIsDistinct;
      return node;
    }
    NodeKind kind = NodeKind::kIsNull;
    if (TakeWord("true")) {
      kind = NodeKind::kIsTrue;
    } else if (TakeWord("false")) {
      kind = NodeKind::kIsFalse;
    } else if (!TakeWord("null") && !TakeWord("unknown")) {
      return Expected("NULL, TRUE, FALSE or DISTINCT FROM");
    }
    ARROW_ASSIGN_OR_RAISE(auto node, Branch(kind, begin, std::move(left)));
    node->negated = negated;
    return node;
  }

  arrow::Result<NodePtr> Predicate(NodePtr left) {
    const uint32_t begin = left->place.begin;
    if (TakeWord("in")) {
      ARROW_RETURN_NOT_OK(Need("("));
      ARROW_ASSIGN_OR_RAISE(auto children, List(")"));
      if (children.empty()) return Error({begin, LastEnd()}, "IN needs at least one value");
      children.insert(children.begin(), std::move(left));
      return Branch(NodeKind::kIn, begin, std::move(children));
    }
    if (TakeWord("between")) {
      ARROW_ASSIGN_OR_RAISE(auto low, Expression(kComparePrecedence));
      ARROW_RETURN_NOT_OK(NeedWord("and"));
      ARROW_ASSIGN_OR_RAISE(auto high, Expression(kComparePrecedence));
      return Branch(NodeKind::kBetween, begin, std::move(left), std::move(low), std::move(high));
    }
    const bool any_case = Take().IsWord("ilike");
    ARROW_ASSIGN_OR_RAISE(auto pattern, Expression(kLikePrecedence));
    std::string escape;
    if (TakeWord("escape")) {
      if (Peek().kind != TokenKind::kString) return Expected("the escape character in quotes");
      escape = Peek().text;
      const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
      if (std::count_if(escape.begin(), escape.end(), is_start) != 1) {
        return Error(Peek().place, "an escape is one character");
      }
      Take();
    }
    ARROW_ASSIGN_OR_RAISE(auto node,
                          Branch(NodeKind::kLike, begin, std::move(left), std::move(pattern)));
    node->flag = any_case;
    node->text = std::move(escape);
    return node;
  }

  arrow::Result<NodePtr> Prefix() {
    const uint32_t begin = Peek().place.begin;
    if (TakeWord("not")) {
      ARROW_ASSIGN_OR_RAISE(auto operand, Expression(kNotPrecedence));
      return Branch(NodeKind::kNot, begin, std::move(operand));
    }
    if (Peek().IsSymbol("-")) {
      Take();
      if (Peek().kind == TokenKind::kNumber) {
        auto number = LeafOf(Take(), /*is_negative=*/true);
        number->place.begin = begin;
        return Postfix(std::move(number));
      }
      ARROW_ASSIGN_OR_RAISE(auto operand, Expression(kMultiplyPrecedence));
      return Branch(NodeKind::kNegate, begin, std::move(operand));
    }
    ARROW_ASSIGN_OR_RAISE(auto node, Primary());
    return Postfix(std::move(node));
  }

  arrow::Result<NodePtr> Postfix(NodePtr node) {
    const uint32_t begin = node->place.begin;
    while (true) {
      if (TakeSymbol("[")) {
        // x['name'] is a field, x[1] an item.
        const bool is_name =
            (Peek().kind == TokenKind::kString || Peek().kind == TokenKind::kDoubleQuoted) &&
            Peek(1).IsSymbol("]");
        if (is_name) {
          std::string name = Take().text;
          Take();
          ARROW_ASSIGN_OR_RAISE(node, Field(std::move(node), std::move(name)));
          continue;
        }
        ARROW_ASSIGN_OR_RAISE(auto index, Expression(kLowest));
        ARROW_RETURN_NOT_OK(Need("]"));
        ARROW_ASSIGN_OR_RAISE(
            node, Branch(NodeKind::kSubscript, begin, std::move(node), std::move(index)));
      } else if (Peek().IsSymbol(".")) {
        Take();
        const auto kind = Peek().kind;
        if (kind != TokenKind::kWord && kind != TokenKind::kBackticked) {
          return Expected("the name of a field");
        }
        std::string name = Take().text;
        ARROW_ASSIGN_OR_RAISE(node, Field(std::move(node), std::move(name)));
      } else {
        return node;
      }
    }
  }

  // A field of a column lengthens its path.
  arrow::Result<NodePtr> Field(NodePtr node, std::string name) {
    const uint32_t begin = node->place.begin;
    // Text has no fields.
    if (node->kind == NodeKind::kDoubleQuoted) {
      node->kind = NodeKind::kColumn;
      node->flag = true;
      node->path = {std::move(node->text)};
      node->text.clear();
    }
    if (node->kind == NodeKind::kColumn) {
      if (node->path.size() >= static_cast<size_t>(croupier::Expression::kMaxDepth)) {
        return TooDeep(node->place);
      }
      node->path.push_back(std::move(name));
      node->place.end = LastEnd();
      return node;
    }
    ARROW_ASSIGN_OR_RAISE(node, Branch(NodeKind::kField, begin, std::move(node)));
    node->text = std::move(name);
    return node;
  }

  arrow::Result<NodePtr> Primary() {
    const Token& token = Peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kString:
      case TokenKind::kDoubleQuoted:
      case TokenKind::kHex:
      case TokenKind::kBackticked:
        return LeafOf(Take());
      case TokenKind::kWord:
        return Word();
      case TokenKind::kSymbol:
        if (TakeSymbol("(")) {
          ARROW_ASSIGN_OR_RAISE(auto node, Expression(kLowest));
          ARROW_RETURN_NOT_OK(Need(")"));
          return node;
        }
        if (token.text == "[") {
          const uint32_t begin = Take().place.begin;
          ARROW_ASSIGN_OR_RAISE(auto items, List("]"));
          return Branch(NodeKind::kArray, begin, std::move(items));
        }
        break;
      case TokenKind::kEnd:
        break;
    }
    return Expected("a value");
  }

  // Take comma-separated expressions and the symbol that ends them.
  arrow::Result<std::vector<NodePtr>> List(std::string_view end) {
    std::vector<NodePtr> items;
    if (TakeSymbol(end)) return items;
    do {
      ARROW_ASSIGN_OR_RAISE(auto item, Expression(kLowest));
      items.push_back(std::move(item));
    } while (TakeSymbol(","));
    if (!TakeSymbol(end)) return Expected("',' or '" + std::string(end) + "'");
    return items;
  }

  arrow::Result<NodePtr> Word() {
    const Token& token = Peek();
    const bool is_call = Peek(1).IsSymbol("(");
    const std::string word = ToLowerAscii(token.text);
    if (word == "null") return MakeLeaf(NodeKind::kNull, Take().place);
    if (word == "true" || word == "false") {
      auto node = MakeLeaf(NodeKind::kBoolean, Take().place);
      node->flag = word == "true";
      return node;
    }
    if (word == "case") return Case();
    if (std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end()) {
      return Error(token.place, "expected a value here; a column of this name needs backticks");
    }
    if (is_call && !IsTypeWithArguments(word)) return Call(word);
    ARROW_ASSIGN_OR_RAISE(auto literal, TypedLiteral(is_call));
    if (literal != nullptr) return literal;
    if (std::find(kBareFunctions.begin(), kBareFunctions.end(), word) != kBareFunctions.end()) {
      auto node = MakeLeaf(NodeKind::kCall, Take().place);
      node->text = word;
      return node;
    }
    auto node = MakeLeaf(NodeKind::kColumn, token.place);
    node->path = {Take().text};
    return node;
  }

  static bool IsTypeWithArguments(std::string_view word) {
    return word == "decimal" || word == "numeric" || word == "timestamp" || word == "datetime";
  }

  // date '2024-01-01', timestamp(3) '…', decimal(10, 2) '1.5': a cast of text; null if it is none.
  arrow::Result<NodePtr> TypedLiteral(bool has_arguments) {
    const uint32_t begin = Peek().place.begin;
    if (!has_arguments && Peek(1).kind != TokenKind::kString) return NodePtr();
    if (Peek().IsWord("interval")) {
      return Error({Peek().place.begin, Peek(1).place.end},
                   "intervals are not supported; subtract timestamps, or dates, from each other");
    }
    ARROW_ASSIGN_OR_RAISE(auto type, TakeType(this));
    if (Peek().kind != TokenKind::kString) return Expected("a value of this type in quotes");
    ARROW_ASSIGN_OR_RAISE(auto node, Branch(NodeKind::kCast, begin, LeafOf(Take())));
    node->type = std::move(type);
    return node;
  }

  arrow::Result<NodePtr> Case() {
    const uint32_t begin = Take().place.begin;
    std::vector<NodePtr> children;
    const bool has_operand = !Peek().IsWord("when");
    if (has_operand) {
      ARROW_ASSIGN_OR_RAISE(auto operand, Expression(kLowest));
      children.push_back(std::move(operand));
    }
    if (!Peek().IsWord("when")) return Expected("WHEN");
    while (TakeWord("when")) {
      ARROW_ASSIGN_OR_RAISE(auto condition, Expression(kLowest));
      ARROW_RETURN_NOT_OK(NeedWord("then"));
      ARROW_ASSIGN_OR_RAISE(auto value, Expression(kLowest));
      children.push_back(std::move(condition));
      children.push_back(std::move(value));
    }
    const bool has_else = TakeWord("else");
    if (has_else) {
      ARROW_ASSIGN_OR_RAISE(auto value, Expression(kLowest));
      children.push_back(std::move(value));
    }
    ARROW_RETURN_NOT_OK(NeedWord("end"));
    ARROW_ASSIGN_OR_RAISE(auto node, Branch(NodeKind::kCase, begin, std::move(children)));
    node->flag = has_operand;
    node->has_else = has_else;
    return node;
  }

  arrow::Result<NodePtr> Call(const std::string& name) {
    const uint32_t begin = Take().place.begin;
    Take();
    if (name == "cast" || name == "try_cast") {
      ARROW_ASSIGN_OR_RAISE(auto operand, Expression(kLowest));
      ARROW_RETURN_NOT_OK(NeedWord("as"));
      ARROW_ASSIGN_OR_RAISE(auto type, TakeType(this));
      ARROW_RETURN_NOT_OK(Need(")"));
      ARROW_ASSIGN_OR_RAISE(auto node, Branch(NodeKind::kCast, begin, std::move(operand)));
      node->type = std::move(type);
      node->flag = name == "try_cast";
      return node;
    }
    std::string function = name;
    std::vector<NodePtr> arguments;
    if (name == "extract") {
      ARROW_RETURN_NOT_OK(ExtractArguments(&arguments));
      function = "date_part";
    } else if (name == "trim") {
      ARROW_ASSIGN_OR_RAISE(function, TrimArguments(&arguments));
    } else if (name == "position") {
      ARROW_ASSIGN_OR_RAISE(auto part, Expression(kComparePrecedence));
      ARROW_RETURN_NOT_OK(NeedWord("in"));
      ARROW_ASSIGN_OR_RAISE(auto whole, Expression(kLowest));
      ARROW_RETURN_NOT_OK(Need(")"));
      arguments.push_back(std::move(whole));
      arguments.push_back(std::move(part));
      function = "strpos";
    } else if (name == "substring" || name == "substr") {
      ARROW_RETURN_NOT_OK(SubstringArguments(&arguments));
    } else {
      ARROW_ASSIGN_OR_RAISE(arguments, List(")"));
    }
    // As DataFusion writes a field.
    if (name == "get_field" && arguments.size() == 2 && arguments[1]->kind == NodeKind::kString) {
      return Field(std::move(arguments[0]), arguments[1]->text);
    }
    ARROW_ASSIGN_OR_RAISE(auto node, Branch(NodeKind::kCall, begin, std::move(arguments)));
    node->text = std::move(function);
    return node;
  }

  // extract(year from x) is date_part('year', x).
  arrow::Status ExtractArguments(std::vector<NodePtr>* arguments) {
    if (Peek().kind != TokenKind::kWord && Peek().kind != TokenKind::kString) {
      return Expected("a part of a date");
    }
    auto part = MakeLeaf(NodeKind::kString, Peek().place);
    part->text = ToLowerAscii(Take().text);
    arguments->push_back(std::move(part));
    ARROW_RETURN_NOT_OK(NeedWord("from"));
    ARROW_ASSIGN_OR_RAISE(auto value, Expression(kLowest));
    arguments->push_back(std::move(value));
    return Need(")");
  }

  // trim([both | leading | trailing] [characters] from x), trim(x), trim(x, characters)
  arrow::Result<std::string> TrimArguments(std::vector<NodePtr>* arguments) {
    std::string function = "btrim";
    const bool has_side = !Peek(1).IsSymbol(")") && !Peek(1).IsSymbol(",");
    if (has_side && TakeWord("leading")) {
      function = "ltrim";
    } else if (has_side && TakeWord("trailing")) {
      function = "rtrim";
    } else if (has_side) {
      TakeWord("both");
    }
    NodePtr characters;
    if (!Peek().IsWord("from")) {
      ARROW_ASSIGN_OR_RAISE(characters, Expression(kLowest));
    }
    if (TakeWord("from")) {
      ARROW_ASSIGN_OR_RAISE(auto value, Expression(kLowest));
      arguments->push_back(std::move(value));
      if (characters != nullptr) arguments->push_back(std::move(characters));
    } else {
      arguments->push_back(std::move(characters));
      if (TakeSymbol(",")) {
        ARROW_ASSIGN_OR_RAISE(auto set, Expression(kLowest));
        arguments->push_back(std::move(set));
      }
    }
    ARROW_RETURN_NOT_OK(Need(")"));
    return function;
  }

  // substring(x from 2 for 3), substring(x, 2, 3)
  arrow::Status SubstringArguments(std::vector<NodePtr>* arguments) {
    ARROW_ASSIGN_OR_RAISE(auto value, Expression(kLowest));
    arguments->push_back(std::move(value));
    bool has_start = TakeSymbol(",");
    has_start = has_start || TakeWord("from");
    if (has_start) {
      ARROW_ASSIGN_OR_RAISE(auto start, Expression(kLowest));
      arguments->push_back(std::move(start));
    }
    bool has_length = has_start && TakeSymbol(",");
    has_length = has_length || TakeWord("for");
    if (has_length) {
      if (!has_start) {
        auto one = MakeLeaf(NodeKind::kInteger, Peek().place);
        one->text = "1";
        arguments->push_back(std::move(one));
      }
      ARROW_ASSIGN_OR_RAISE(auto length, Expression(kLowest));
      arguments->push_back(std::move(length));
    }
    return Need(")");
  }

  int nesting_ = 0;
};

}  // namespace

arrow::Result<NodePtr> ParseExpression(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(auto tokens, Tokenize(text));
  return Parser(text, std::move(tokens)).Run();
}

}  // namespace croupier::expression
