#include "croupier/expression/lexer.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace croupier::expression {

namespace {

constexpr std::array<std::string_view, 25> kSymbols = {
    "<=>", "==", "!=", "<>", "<=", ">=", "<<", ">>", "||", "::", "=", "<", ">",
    "+",   "-",  "*",  "/",  "%",  "(",  ")",  "[",  "]",  ",",  ".", "~"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c) || c == '$'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  arrow::Result<std::vector<Token>> Run() {
    while (true) {
      ARROW_RETURN_NOT_OK(SkipBlanks());
      begin_ = position_;
      if (position_ == text_.size()) break;
      ARROW_RETURN_NOT_OK(Next());
    }
    Push(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  char At(size_t ahead) const {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }

  arrow::Status Error(size_t begin, size_t end, std::string_view message) const {
    return ErrorAt(arrow::StatusCode::Invalid, text_,
                   {static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}, message);
  }

  void Push(TokenKind kind, std::string text) {
    tokens_.push_back(
        {kind, {static_cast<uint32_t>(begin_), static_cast<uint32_t>(position_)}, std::move(text)});
  }

  arrow::Status SkipBlanks() {
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++position_;
      } else if (c == '-' && At(1) == '-') {
        position_ = std::min(text_.find('\n', position_), text_.size());
      } else if (c == '/' && At(1) == '*') {
        const size_t end = text_.find("*/", position_ + 2);
        if (end == std::string_view::npos) {
          return Error(position_, position_ + 2, "this comment has no end");
        }
        position_ = end + 2;
      } else {
        break;
      }
    }
    return arrow::Status::OK();
  }

  arrow::Status Next() {
    const char c = text_[position_];
    if (c == '\'') return Quoted(TokenKind::kString);
    if (c == '"') return Quoted(TokenKind::kDoubleQuoted);
    if (c == '`') return Quoted(TokenKind::kBackticked);
    if ((c == 'x' || c == 'X') && At(1) == '\'') return HexString();
    if (c == '0' && At(1) == 'x') return HexNumber();
    if (IsDigit(c) || (c == '.' && IsDigit(At(1)))) return Number();
    if (IsNameStart(c)) {
      while (position_ < text_.size() && IsNamePart(text_[position_])) ++position_;
      Push(TokenKind::kWord, std::string(text_.substr(begin_, position_ - begin_)));
      return arrow::Status::OK();
    }
    for (const std::string_view symbol : kSymbols) {
      if (text_.substr(position_).starts_with(symbol)) {
        position_ += symbol.size();
        Push(TokenKind::kSymbol, std::string(symbol));
        return arrow::Status::OK();
      }
    }
    return Error(position_, position_ + 1, "no expression has this character here");
  }

  arrow::Status Quoted(TokenKind kind) {
    const char quote = text_[position_++];
    std::string inside;
    while (true) {
      const size_t end = text_.find(quote, position_);
      if (end == std::string_view::npos) {
        return Error(begin_, begin_ + 1, "this quote is not closed");
      }
      inside += text_.substr(position_, end - position_);
      position_ = end + 1;
      if (At(0) != quote) break;
      inside += quote;
      ++position_;
    }
    Push(kind, std::move(inside));
    return arrow::Status::OK();
  }

  arrow::Status HexString() {
    ++position_;
    const size_t end = text_.find('\'', position_ + 1);
    if (end == std::string_view::npos) return Error(begin_, begin_ + 2, "this quote is not closed");
    std::string digits(text_.substr(position_ + 1, end - position_ - 1));
    position_ = end + 1;
    if (!std::all_of(digits.begin(), digits.end(), IsHexDigit)) {
      return Error(begin_, position_, "bytes are written in hexadecimal digits: x'0aff'");
    }
    Push(TokenKind::kHex, std::move(digits));
    return arrow::Status::OK();
  }

  arrow::Status HexNumber() {
    position_ += 2;
    const size_t digits = position_;
    while (IsHexDigit(At(0))) ++position_;
    if (position_ == digits || IsNamePart(At(0))) {
      return Error(begin_, position_, "bytes are written in hexadecimal digits: 0x0aff");
    }
    Push(TokenKind::kHex, std::string(text_.substr(digits, position_ - digits)));
    return arrow::Status::OK();
  }

  arrow::Status Number() {
    while (IsDigit(At(0))) ++position_;
    if (At(0) == '.') {
      ++position_;
      while (IsDigit(At(0))) ++position_;
    }
    if (At(0) == 'e' || At(0) == 'E') {
      const size_t sign = At(1) == '+' || At(1) == '-' ? 1 : 0;
      if (IsDigit(At(1 + sign))) {
        position_ += 1 + sign;
        while (IsDigit(At(0))) ++position_;
      }
    }
    if (IsNamePart(At(0))) {
      while (IsNamePart(At(0))) ++position_;
      return Error(begin_, position_, "a number is followed by letters");
    }
    Push(TokenKind::kNumber, std::string(text_.substr(begin_, position_ - begin_)));
    return arrow::Status::OK();
  }

  std::string_view text_;
  size_t position_ = 0;
  size_t begin_ = 0;
  std::vector<Token> tokens_;
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool EqualsIgnoringCase(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return Lower(a) == Lower(b); });
}

std::string ToLowerAscii(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), Lower);
  return result;
}

bool Token::IsWord(std::string_view word) const {
  return kind == TokenKind::kWord && EqualsIgnoringCase(text, word);
}

arrow::Result<std::vector<Token>> Tokenize(std::string_view text) { return Lexer(text).Run(); }

}  // namespace croupier::expression
