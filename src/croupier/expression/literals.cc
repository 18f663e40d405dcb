#include "croupier/expression/literals.h"

#include <charconv>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include <arrow/type.h>

#include "croupier/expression/type_names.h"

namespace croupier::expression {

namespace {

void SetNumber(const std::string& text, Node* node) {
  int64_t integer = 0;
  uint64_t natural = 0;
  const char* end = text.data() + text.size();
  const auto is_all = [&](const std::from_chars_result& result) {
    return result.ec == std::errc() && result.ptr == end;
  };
  if (is_all(std::from_chars(text.data(), end, integer))) {
    node->text = std::to_string(integer);
  } else if (!text.starts_with('-') && is_all(std::from_chars(text.data(), end, natural))) {
    node->text = std::to_string(natural);
  } else {
    node->kind = NodeKind::kFloat;
    node->number = std::strtod(text.c_str(), nullptr);
  }
}

std::string DecodeHex(const std::string& digits) {
  const auto value = [](char c) {
    return c <= '9' ? c - '0' : (c <= 'F' ? c - 'A' + 10 : c - 'a' + 10);
  };
  std::string bytes;
  // Of an odd number of digits the first stands for itself.
  size_t i = 0;
  if (digits.size() % 2 == 1) bytes += static_cast<char>(value(digits[i++]));
  for (; i < digits.size(); i += 2) {
    bytes += static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1]));
  }
  return bytes;
}

}  // namespace

NodePtr MakeLeaf(NodeKind kind, Place place) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->place = place;
  return node;
}

NodePtr LeafOf(const Token& token, bool is_negative) {
  auto node = MakeLeaf(NodeKind::kInteger, token.place);
  if (token.kind == TokenKind::kNumber) {
    SetNumber((is_negative ? "-" : "") + token.text, node.get());
  } else if (token.kind == TokenKind::kHex) {
    node->kind = NodeKind::kBytes;
    node->text = DecodeHex(token.text);
  } else if (token.kind == TokenKind::kBackticked) {
    node->kind = NodeKind::kColumn;
    node->flag = true;
    node->path = {token.text};
  } else {
    node->kind = token.kind == TokenKind::kString ? NodeKind::kString : NodeKind::kDoubleQuoted;
    node->text = token.text;
  }
  return node;
}

arrow::Result<std::shared_ptr<arrow::DataType>> TakeType(TokenCursor* tokens) {
  const Token& first = tokens->Peek();
  if (first.kind != TokenKind::kWord) return tokens->Expected("a type");
  std::string name = ToLowerAscii(tokens->Take().text);
  std::vector<int> arguments;
  if (tokens->TakeSymbol("(")) {
    do {
      const Token& number = tokens->Peek();
      int value = 0;
      const char* end = number.text.data() + number.text.size();
      const auto result = std::from_chars(number.text.data(), end, value);
      if (number.kind != TokenKind::kNumber || result.ec != std::errc() || result.ptr != end) {
        return tokens->Expected("a number");
      }
      tokens->Take();
      arguments.push_back(value);
    } while (tokens->TakeSymbol(","));
    ARROW_RETURN_NOT_OK(tokens->Need(")"));
  }
  if (tokens->TakeWord("unsigned")) name += " unsigned";
  if (name == "double") tokens->TakeWord("precision");
  auto type = TypeOfSqlName(name, arguments);
  if (!type.ok()) {
    return ErrorAt(type.status().code(), tokens->text(), {first.place.begin, tokens->LastEnd()},
                   type.status().message());
  }
  return type;
}

}  // namespace croupier::expression
