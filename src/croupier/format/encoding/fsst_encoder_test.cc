#include "croupier/format/encoding/fsst_encoder.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/encoding/fsst.h"

namespace croupier::format {
namespace {

Bytes BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

FsstEncoder TrainOn(const std::vector<std::string>& texts) {
  std::vector<Bytes> sample;
  sample.reserve(texts.size());
  for (const auto& text : texts) sample.push_back(BytesOf(text));
  return FsstEncoder::Train(sample);
}

std::string Encode(const FsstEncoder& encoder, std::string_view text) {
  std::vector<uint8_t> codes(FsstEncoder::MaxEncodedBytes(text.size()) + 1);
  const uint8_t* end = encoder.Encode(BytesOf(text), codes.data());
  codes.resize(static_cast<size_t>(end - codes.data()));
  return std::string(codes.begin(), codes.end());
}

std::string Decode(const FsstEncoder& encoder, std::string_view codes) {
  const auto table = FsstSymbolTable::Parse(encoder.SymbolTable()).ValueOrDie();
  const auto size = static_cast<size_t>(table.DecodedSize(BytesOf(codes)).ValueOrDie());
  std::string text(size + FsstSymbolTable::kSlackBytes, '\0');
  table.Decode(BytesOf(codes), reinterpret_cast<uint8_t*>(text.data()));
  text.resize(size);
  return text;
}

// Texts of words, or of any bytes.
std::vector<std::string> MakeTexts(size_t count, bool is_noise) {
  const std::string_view words[] = {"https://", "www.", "example", ".org/",
                                    "query?",   "id=",  "42",      "é"};
  SplitMix64 random(7);
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) {
    std::string text;
    for (uint64_t part = random.Next() % 9; part > 0; --part) {
      is_noise ? text += static_cast<char>(random.Next()) : text += words[random.Next() % 8];
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

TEST(FsstEncoderTest, TextsComeBackAndAreSmaller) {
  const auto texts = MakeTexts(2000, false);
  const auto encoder = TrainOn({texts.begin(), texts.begin() + 300});
  size_t raw_size = 0;
  size_t encoded_size = 0;
  for (const auto& text : texts) {
    const auto codes = Encode(encoder, text);
    ASSERT_EQ(Decode(encoder, codes), text);
    raw_size += text.size();
    encoded_size += codes.size();
  }
  EXPECT_LT(encoded_size * 3, raw_size);
}

TEST(FsstEncoderTest, BytesWithoutSymbolsAreEscaped) {
  const auto encoder = TrainOn(MakeTexts(100, false));
  for (const auto& text : MakeTexts(500, true))
    ASSERT_EQ(Decode(encoder, Encode(encoder, text)), text);
  EXPECT_EQ(Encode(encoder, std::string_view("\0", 1)), std::string("\xff\0", 2));
}

TEST(FsstEncoderTest, AnythingCanBeLearnedFrom) {
  const std::vector<std::vector<std::string>> samples = {
      {}, {""}, {"a"}, {std::string(5000, 'a')}, {std::string(300, '\0')}, MakeTexts(300, true)};
  for (const auto& sample : samples) {
    const auto encoder = TrainOn(sample);
    for (const std::string text : {"", "a", "aaaaaaaaaaaaaaaaaaaaa", "ab", "\xff\xff"}) {
      EXPECT_EQ(Decode(encoder, Encode(encoder, text)), text);
    }
    for (const auto& text : sample) EXPECT_EQ(Decode(encoder, Encode(encoder, text)), text);
  }
}

TEST(FsstEncoderTest, TheSameSampleGivesTheSameSymbols) {
  const auto texts = MakeTexts(500, false);
  EXPECT_EQ(TrainOn(texts).SymbolTable(), TrainOn(texts).SymbolTable());
}

}  // namespace
}  // namespace croupier::format
