#include "croupier/format/kernel/bit_pack.h"

#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

template <typename Word>
class BitPackTest : public ::testing::Test {};

using Words = ::testing::Types<uint8_t, uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(BitPackTest, Words);

TYPED_TEST(BitPackTest, EveryWidthIsPackedAsTheSpecificationSays) {
  constexpr int kBits = sizeof(TypeParam) * 8;
  SplitMix64 random(5);
  for (int width = 0; width <= kBits; ++width) {
    std::vector<TypeParam> values(kBitpackedBlockValues);
    for (auto& value : values) {
      value =
          width == 0
              ? TypeParam{0}
              : static_cast<TypeParam>(static_cast<TypeParam>(random.Next()) >> (kBits - width));
    }
    std::vector<uint8_t> packed(static_cast<size_t>(BitpackedBlockBytes(width)));
    PackBits(values.data(), width, packed.data());
    EXPECT_EQ(packed, test::PackBlock(values, width)) << width;
    std::vector<TypeParam> unpacked(values.size());
    UnpackBits(packed.data(), width, unpacked.data());
    EXPECT_EQ(unpacked, values) << width;
  }
}

TYPED_TEST(BitPackTest, TheWidthIsThatOfTheLargestValue) {
  constexpr int kBits = sizeof(TypeParam) * 8;
  const auto width_of = [](const std::vector<TypeParam>& values) {
    return BitWidthOf<TypeParam>(reinterpret_cast<const uint8_t*>(values.data()),
                                 static_cast<int64_t>(values.size()));
  };
  EXPECT_EQ(width_of({}), 0);
  EXPECT_EQ(width_of({0, 0}), 0);
  EXPECT_EQ(width_of({0, 1, 5, 2}), 3);
  EXPECT_EQ(width_of({0, std::numeric_limits<TypeParam>::max()}), kBits);
}

}  // namespace
}  // namespace croupier::format
