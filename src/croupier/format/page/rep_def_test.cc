#include "croupier/format/page/rep_def.h"

#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/util/bit_util.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

arrow::Result<Validity> Convert(const std::vector<uint16_t>& levels) {
  test::ByteVector bytes = {0xaa};  // so that the levels begin at an odd address
  test::AppendBytes(&bytes, levels.data(), levels.size() * sizeof(uint16_t));
  return ValidityFromLevels(Bytes(bytes).subspan(1), std::ssize(levels),
                            arrow::default_memory_pool());
}

TEST(RepDefTest, LevelsOfAnyNumberBecomeBits) {
  SplitMix64 random(5);
  for (size_t num_levels = 0; num_levels < 70; ++num_levels) {
    std::vector<uint16_t> levels;
    int64_t null_count = 0;
    for (size_t i = 0; i < num_levels; ++i) {
      levels.push_back(static_cast<uint16_t>(random.Next() % 2));
      null_count += levels.back();
    }
    const auto validity = Convert(levels);
    ASSERT_TRUE(validity.ok()) << validity.status();
    EXPECT_EQ(validity->null_count, null_count);
    for (size_t i = 0; null_count > 0 && i < num_levels; ++i) {
      EXPECT_EQ(arrow::bit_util::GetBit(validity->bitmap->data(), static_cast<int64_t>(i)),
                levels[i] == 0)
          << i << " of " << num_levels;
    }
  }
}

TEST(RepDefTest, LevelsWithoutNullsNeedNoBitmap) {
  const auto validity = Convert(std::vector<uint16_t>(1000, 0));
  ASSERT_TRUE(validity.ok()) << validity.status();
  EXPECT_EQ(validity->bitmap, nullptr);
  EXPECT_EQ(validity->null_count, 0);
}

TEST(RepDefTest, ALevelAboveOneIsAnErrorWhereverItIs) {
  for (size_t at = 0; at < 20; ++at) {
    for (const uint16_t level : {uint16_t{2}, uint16_t{3}, uint16_t{0x100}, uint16_t{0xffff}}) {
      std::vector<uint16_t> levels(20, 1);
      levels[at] = level;
      EXPECT_TRUE(Convert(levels).status().IsSerializationError()) << at << " " << level;
    }
  }
}

TEST(RepDefTest, ALeafHasOneItemLayer) {
  EXPECT_FALSE(CheckLeafLayers({RepDefLayer::kAllValidItem}).ValueOrDie());
  EXPECT_TRUE(CheckLeafLayers({RepDefLayer::kNullableItem}).ValueOrDie());
  EXPECT_TRUE(CheckLeafLayers({RepDefLayer::kNullableItem, RepDefLayer::kNullableList})
                  .status()
                  .IsNotImplemented());
  EXPECT_FALSE(CheckLeafLayers({RepDefLayer::kNullableList}).ok());
  EXPECT_FALSE(CheckLeafLayers({}).ok());
}

}  // namespace
}  // namespace croupier::format
