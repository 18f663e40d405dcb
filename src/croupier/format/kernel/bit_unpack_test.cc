#include "croupier/format/kernel/bit_unpack.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

template <typename Word>
class BitUnpackTest : public ::testing::Test {};

using Words = ::testing::Types<uint8_t, uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(BitUnpackTest, Words);

TYPED_TEST(BitUnpackTest, EveryWidthOfEveryDistributionComesBackAtAnyAlignment) {
  for (const auto& [name, values] : test::Distributions<TypeParam>(kBitpackedBlockValues)) {
    for (int width = 0; width <= static_cast<int>(sizeof(TypeParam) * 8); ++width) {
      const auto mask = width == static_cast<int>(sizeof(TypeParam) * 8)
                            ? static_cast<TypeParam>(~TypeParam{0})
                            : static_cast<TypeParam>((uint64_t{1} << width) - 1);
      std::vector<TypeParam> masked;
      for (const TypeParam value : values) masked.push_back(static_cast<TypeParam>(value & mask));
      auto packed = test::PackBlock(masked, width);
      ASSERT_EQ(static_cast<int64_t>(packed.size()), BitpackedBlockBytes(width));
      packed.insert(packed.begin(), 0xaa);  // now the block begins at an odd address
      std::vector<TypeParam> unpacked(kBitpackedBlockValues, TypeParam{1});
      UnpackBits(packed.data() + 1, width, unpacked.data());
      EXPECT_EQ(unpacked, masked) << name << " of " << width << " bits";
    }
  }
}

// The value i of a block is i mod 2^width.
template <typename Word>
std::vector<Word> CountingWords(int width) {
  std::vector<Word> values;
  for (uint64_t i = 0; i < 1024; ++i) {
    values.push_back(static_cast<Word>(i & ((uint64_t{1} << width) - 1)));
  }
  const auto bytes = test::PackBlock(values, width);
  std::vector<Word> words(bytes.size() / sizeof(Word));
  std::memcpy(words.data(), bytes.data(), bytes.size());
  std::vector<Word> unpacked(1024);
  UnpackBits(bytes.data(), width, unpacked.data());
  EXPECT_EQ(unpacked, values);
  return words;
}

// lance-encodings.md, section 11: test vectors of the reference implementation.
TEST(BitUnpackVectorsTest, PackedWordsAreThoseOfTheReferenceImplementation) {
  const auto bytes = CountingWords<uint8_t>(3);
  ASSERT_EQ(bytes.size(), 384u);
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 4),
            (std::vector<uint8_t>{0x00, 0x49, 0x92, 0xdb}));
  EXPECT_EQ(bytes.back(), 0xff);

  const auto shorts = CountingWords<uint16_t>(5);
  ASSERT_EQ(shorts.size(), 320u);
  EXPECT_EQ(std::vector<uint16_t>(shorts.begin(), shorts.begin() + 4),
            (std::vector<uint16_t>{0x0000, 0x8421, 0x0842, 0x8c63}));
  EXPECT_EQ(shorts.back(), 0xffff);

  const auto words = CountingWords<uint32_t>(7);
  ASSERT_EQ(words.size(), 224u);
  EXPECT_EQ(std::vector<uint32_t>(words.begin(), words.begin() + 4),
            (std::vector<uint32_t>{0x00000000, 0x10204081, 0x20408102, 0x3060c183}));
  EXPECT_EQ(words.back(), 0xffffffffu);

  const auto longs = CountingWords<uint64_t>(11);
  ASSERT_EQ(longs.size(), 176u);
  EXPECT_EQ(std::vector<uint64_t>(longs.begin(), longs.begin() + 4),
            (std::vector<uint64_t>{0x4020030040040000, 0x40a0130240440801, 0x4120230440841002,
                                   0x41a0330640c41803}));
  EXPECT_EQ(longs.back(), 0x7fedfd7fa7f3fe5fULL);
}

}  // namespace
}  // namespace croupier::format
