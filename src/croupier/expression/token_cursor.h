#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/status.h>

#include "croupier/expression/lexer.h"

namespace croupier::expression {

/// The tokens of an expression, taken one after the other.
class TokenCursor {
 public:
  /// \param text borrowed
  TokenCursor(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  std::string_view text() const { return text_; }

  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
  }
  const Token& Take() { return tokens_[position_ + 1 < tokens_.size() ? position_++ : position_]; }

  bool TakeSymbol(std::string_view symbol) {
    if (!Peek().IsSymbol(symbol)) return false;
    Take();
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!Peek().IsWord(word)) return false;
    Take();
    return true;
  }

  arrow::Status Error(Place place, std::string_view message) const {
    return ErrorAt(arrow::StatusCode::Invalid, text_, place, message);
  }
  arrow::Status Expected(std::string_view what) const {
    return Error(Peek().place,
                 std::string("expected ") + std::string(what) +
                     (Peek().kind == TokenKind::kEnd ? ", and the expression ends here" : " here"));
  }
  arrow::Status Need(std::string_view symbol) {
    if (TakeSymbol(symbol)) return arrow::Status::OK();
    return Expected(std::string(1, '\'').append(symbol).append(1, '\''));
  }
  arrow::Status NeedWord(std::string_view word) {
    if (TakeWord(word)) return arrow::Status::OK();
    std::string upper(word);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    return Expected(upper);
  }

  /// The end of the last token that was taken.
  uint32_t LastEnd() const { return position_ == 0 ? 0 : tokens_[position_ - 1].place.end; }

 private:
  std::string_view text_;
  std::vector<Token> tokens_;
  size_t position_ = 0;
};

}  // namespace croupier::expression
