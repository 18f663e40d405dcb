#include "croupier/format/encoding/fsst.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

const std::vector<std::string> kSymbols = {"t", "th", "the ", "quick", "brown fo", "x", " ", "o"};

Bytes BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Decode in memory that ends kSlackBytes behind the value, so that a sanitizer sees more.
arrow::Result<std::string> Decode(const FsstSymbolTable& table, const std::string& codes) {
  const std::vector<uint8_t> copy(codes.begin(), codes.end());
  ARROW_ASSIGN_OR_RAISE(const int64_t size, table.DecodedSize(copy));
  std::vector<uint8_t> out(static_cast<size_t>(size + FsstSymbolTable::kSlackBytes), 0xee);
  const uint8_t* end = table.Decode(copy, out.data());
  EXPECT_EQ(end - out.data(), size);
  return std::string(out.begin(), out.begin() + size);
}

TEST(FsstTest, TextComesBackWithAndWithoutEscapes) {
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable(kSymbols)).ValueOrDie();
  for (const std::string text :
       {"", "t", "the quick brown fox", "the the the the the", "zzz", "t\xff\xfe t", "qthe ",
        "brown fobrown fobrown fobrown fobrown fobrown fobrown fobrown fobrown fo?"}) {
    const auto decoded = Decode(table, test::EncodeFsst(kSymbols, text));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, text);
  }
}

TEST(FsstTest, RandomTextOfEveryLengthComesBack) {
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable(kSymbols)).ValueOrDie();
  SplitMix64 random(7);
  for (size_t length = 0; length < 200; ++length) {
    std::string text;
    while (text.size() < length) {
      const uint64_t draw = random.Next();
      if (draw % 3 == 0) {
        text += static_cast<char>(draw >> 8);
      } else {
        text += kSymbols[draw / 3 % kSymbols.size()];
      }
    }
    const auto decoded = Decode(table, test::EncodeFsst(kSymbols, text));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, text);
  }
}

TEST(FsstTest, ATableOf255SymbolsUsesEveryCode) {
  std::vector<std::string> symbols;
  std::string text;
  for (int i = 0; i < 255; ++i) {
    symbols.push_back(std::string(1, static_cast<char>(i)) + "-suffix");
    text += symbols.back();
  }
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable(symbols)).ValueOrDie();
  const auto codes = test::EncodeFsst(symbols, text);
  EXPECT_EQ(codes.size(), 255u);
  EXPECT_EQ(Decode(table, codes).ValueOrDie(), text);
}

TEST(FsstTest, ValuesOfATableThatIsOffArePlain) {
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable({}, false)).ValueOrDie();
  const std::string text = "\xff plain \x03";
  EXPECT_EQ(Decode(table, text).ValueOrDie(), text);
}

TEST(FsstTest, ACodeWithoutASymbolIsAnError) {
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable(kSymbols)).ValueOrDie();
  for (const std::string codes : {"\x08", "\xfe", "\x01\x01\x01\x01\x01\x09", "\xff\x01\x0a"}) {
    EXPECT_TRUE(table.DecodedSize(BytesOf(codes)).status().IsSerializationError());
  }
}

TEST(FsstTest, AnEscapeAtTheEndIsAnError) {
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable(kSymbols)).ValueOrDie();
  for (size_t before = 0; before < 10; ++before) {
    const std::string codes = std::string(before, '\x01') + '\xff';
    EXPECT_TRUE(table.DecodedSize(BytesOf(codes)).status().IsSerializationError()) << before;
    const std::string escaped_escape = std::string(before, '\x01') + "\xff\xff";
    EXPECT_TRUE(table.DecodedSize(BytesOf(escaped_escape)).ok()) << before;
  }
}

TEST(FsstTest, AMalformedTableIsAnError) {
  const auto good = test::EncodeFsstTable(kSymbols);
  ASSERT_TRUE(FsstSymbolTable::Parse(good).ok());
  EXPECT_FALSE(FsstSymbolTable::Parse("").ok());
  EXPECT_FALSE(FsstSymbolTable::Parse(good.substr(1)).ok());
  EXPECT_FALSE(FsstSymbolTable::Parse(good + '\0').ok());
  auto wrong_magic = good;
  wrong_magic[5] ^= 1;
  EXPECT_TRUE(FsstSymbolTable::Parse(wrong_magic).status().IsSerializationError());
  for (const char length : {'\0', '\x09', '\xff'}) {
    auto wrong_length = good;
    wrong_length[8 + 8 * kSymbols.size() + 2] = length;
    EXPECT_TRUE(FsstSymbolTable::Parse(wrong_length).status().IsSerializationError());
  }
}

}  // namespace
}  // namespace croupier::format
