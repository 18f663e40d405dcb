#include "croupier/expression/lexer.h"

#include <string>

#include <gtest/gtest.h>

namespace croupier::expression {
namespace {

std::string Shown(std::string_view text) {
  const auto tokens = Tokenize(text);
  if (!tokens.ok()) return tokens.status().message();
  std::string shown;
  for (const auto& token : *tokens) {
    shown.append(std::to_string(static_cast<int>(token.kind))).append(":");
    shown.append(token.text).append(" ");
  }
  return shown;
}

TEST(LexerTest, CutsNamesNumbersAndSymbols) {
  EXPECT_EQ(Shown("a>=1.5e3"), "6:a 7:>= 1:1.5e3 0: ");
  EXPECT_EQ(Shown("żółć<>.5"), "6:żółć 7:<> 1:.5 0: ");
  EXPECT_EQ(Shown("x::int||y"), "6:x 7::: 6:int 7:|| 6:y 0: ");
  EXPECT_EQ(Shown(""), "0: ");
}

TEST(LexerTest, UndoesDoubledQuotes) {
  EXPECT_EQ(Shown("'it''s' \"a\"\"b\" `c``d`"), "2:it's 3:a\"b 4:c`d 0: ");
}

TEST(LexerTest, LeavesCommentsOut) {
  EXPECT_EQ(Shown("a -- no b\n + /* nor\n c */ d"), "6:a 7:+ 6:d 0: ");
}

TEST(LexerTest, ReadsBytesInHexadecimalDigits) {
  EXPECT_EQ(Shown("x'0aFF' 0x1f"), "5:0aFF 5:1f 0: ");
  EXPECT_EQ(Shown("x"), "6:x 0: ");
}

TEST(LexerTest, PointsAtWhatStartsNothing) {
  EXPECT_EQ(Shown("a = 'b"), "this quote is not closed\n  a = 'b\n      ^");
  EXPECT_EQ(Shown("a ; b"), "no expression has this character here\n  a ; b\n    ^");
  EXPECT_EQ(Shown("1abc"), "a number is followed by letters\n  1abc\n  ^~~~");
  EXPECT_EQ(Shown("/* a"), "this comment has no end\n  /* a\n  ^~");
  EXPECT_EQ(Shown("x'0g'"), "bytes are written in hexadecimal digits: x'0aff'\n  x'0g'\n  ^~~~~");
}

TEST(PlaceTest, ShowsTheLineAndCountsCharactersNotBytes) {
  EXPECT_EQ(WithCaret("a = 1\nAND żółć = x\nOR c", {21, 22}, "m"),
            "m\n  AND żółć = x\n             ^");
}

TEST(PlaceTest, ShowsTheNeighbourhoodInALongLine) {
  const std::string text = std::string(500, 'a') + "!" + std::string(500, 'b');
  EXPECT_EQ(WithCaret(text, {500, 501}, "m"), "m\n  ..." + std::string(60, 'a') + "!" +
                                                  std::string(119, 'b') + "...\n  " +
                                                  std::string(63, ' ') + "^");
}

TEST(PlaceTest, TheEndIsAPlace) { EXPECT_EQ(WithCaret("a =", {3, 3}, "m"), "m\n  a =\n     ^"); }

}  // namespace
}  // namespace croupier::expression
