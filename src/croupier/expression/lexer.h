#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include "croupier/expression/place.h"

namespace croupier::expression {

enum class TokenKind {
  kEnd,
  kNumber,
  kString,        ///< 'text'
  kDoubleQuoted,  ///< "text": a column, or text
  kBackticked,    ///< `name`
  kHex,           ///< x'0aff' or 0x0aff
  kWord,          ///< a name or a keyword
  kSymbol,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Place place;
  /// Of quoted tokens, what is inside, with doubled quotes undone; of kHex the digits; else the
  /// source.
  std::string text;

  bool IsSymbol(std::string_view symbol) const {
    return kind == TokenKind::kSymbol && text == symbol;
  }
  /// Tell whether it is this keyword, which is given in lower case.
  bool IsWord(std::string_view word) const;
};

/// Cut an expression into tokens; the last is kEnd. Comments (`-- …`, `/* … */`) are left out.
///
/// \return Invalid, with a caret, for a character or a quote that starts nothing
arrow::Result<std::vector<Token>> Tokenize(std::string_view text);

/// Compare ASCII letters without regard to case.
bool EqualsIgnoringCase(std::string_view left, std::string_view right);

/// Make ASCII letters lower.
std::string ToLowerAscii(std::string_view text);

}  // namespace croupier::expression
