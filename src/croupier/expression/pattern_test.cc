#include "croupier/expression/pattern.h"

#include <string>

#include <gtest/gtest.h>

namespace croupier::expression {
namespace {

bool Matches(std::string_view text, std::string_view pattern, std::string_view escape = "\\") {
  return LikePattern(pattern, escape).Matches(text);
}

TEST(LikePatternTest, PercentIsAnyTextAndUnderscoreAnyCharacter) {
  EXPECT_TRUE(Matches("abc", "abc"));
  EXPECT_FALSE(Matches("abc", "ab"));
  EXPECT_TRUE(Matches("abc", "a%"));
  EXPECT_TRUE(Matches("abc", "%c"));
  EXPECT_TRUE(Matches("abc", "%b%"));
  EXPECT_TRUE(Matches("", "%"));
  EXPECT_TRUE(Matches("", ""));
  EXPECT_FALSE(Matches("a", ""));
  EXPECT_TRUE(Matches("abc", "a_c"));
  EXPECT_FALSE(Matches("ac", "a_c"));
  EXPECT_TRUE(Matches("żółć", "____"));
  EXPECT_TRUE(Matches("żółć", "%_ć"));
  EXPECT_TRUE(Matches("a\nb", "a_b"));
}

TEST(LikePatternTest, PartsDoNotOverlap) {
  EXPECT_FALSE(Matches("aba", "ab%ba"));
  EXPECT_TRUE(Matches("abba", "ab%ba"));
  EXPECT_FALSE(Matches("ab", "ab%b"));
  EXPECT_FALSE(Matches("ab", "%ab%b"));
  EXPECT_TRUE(Matches("xaxbxc", "%a_b%c"));
}

TEST(LikePatternTest, AnEscapeTakesTheMeaningAway) {
  EXPECT_TRUE(Matches("a%b", "a\\%b"));
  EXPECT_FALSE(Matches("axb", "a\\%b"));
  EXPECT_TRUE(Matches("a_b", "a!_b", "!"));
  EXPECT_TRUE(Matches("a!b", "a!!b", "!"));
  EXPECT_TRUE(Matches("a\\", "a\\"));
  EXPECT_TRUE(Matches("a%", "aż%", "ż"));
  EXPECT_TRUE(Matches("ab", "a\\b"));
}

TEST(LikePatternTest, AgreesWithASlowMatcherOnAllShortTexts) {
  // By the definition, character by character.
  struct Slow {
    static bool Match(std::string_view text, std::string_view pattern) {
      if (pattern.empty()) return text.empty();
      if (pattern[0] == '%') {
        return Match(text, pattern.substr(1)) || (!text.empty() && Match(text.substr(1), pattern));
      }
      if (text.empty()) return false;
      return (pattern[0] == '_' || pattern[0] == text[0]) &&
             Match(text.substr(1), pattern.substr(1));
    }
  };
  const auto all = [](std::string_view letters, size_t length) {
    std::vector<std::string> texts = {""};
    for (size_t begin = 0, i = 0; i < length; ++i) {
      const size_t end = texts.size();
      for (; begin < end; ++begin) {
        for (const char c : letters) texts.push_back(texts[begin] + c);
      }
    }
    return texts;
  };
  for (const auto& pattern : all("ab%_", 5)) {
    const LikePattern like(pattern, "\\");
    for (const auto& text : all("ab", 5)) {
      ASSERT_EQ(like.Matches(text), Slow::Match(text, pattern)) << text << " LIKE " << pattern;
    }
  }
}

TEST(LikePatternTest, BytesThatAreNoTextDoNoHarm) {
  EXPECT_FALSE(Matches("\xf0", "__"));
  EXPECT_TRUE(Matches("\xf0", "_"));
  EXPECT_TRUE(Matches("\xf0\x9f", "%"));
}

}  // namespace
}  // namespace croupier::expression
