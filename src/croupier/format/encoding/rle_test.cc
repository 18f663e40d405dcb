#include "croupier/format/encoding/rle.h"

#include <cstring>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

template <typename Word>
class RleTest : public ::testing::Test {
 protected:
  static constexpr int64_t kBits = sizeof(Word) * 8;
  arrow::MemoryPool* const pool_ = arrow::default_memory_pool();
};

using Words = ::testing::Types<uint8_t, uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(RleTest, Words);

TYPED_TEST(RleTest, RunsOfEveryDistributionComeBack) {
  for (const size_t num_values : {0u, 1u, 255u, 256u, 3000u}) {
    for (const auto& [name, values] : test::Distributions<TypeParam>(num_values)) {
      const auto runs = test::EncodeRle(values);
      const auto block = DecodeRle(this->kBits, runs.values, runs.lengths,
                                   static_cast<int64_t>(num_values), this->pool_);
      ASSERT_TRUE(block.ok()) << block.status();
      ASSERT_EQ(block->data->size(), static_cast<int64_t>(num_values * sizeof(TypeParam)));
      EXPECT_TRUE(num_values == 0 || std::memcmp(block->data->data(), values.data(),
                                                 num_values * sizeof(TypeParam)) == 0)
          << name << " x " << num_values;
    }
  }
}

TYPED_TEST(RleTest, RunsAreEncodedAsTheSpecificationSays) {
  for (const size_t num_values : {0u, 1u, 255u, 256u, 3000u}) {
    for (const auto& [name, values] : test::Distributions<TypeParam>(num_values)) {
      const auto expected = test::EncodeRle(values);
      const auto* data = reinterpret_cast<const uint8_t*>(values.data());
      const auto count = static_cast<int64_t>(num_values);
      const auto num_runs = static_cast<size_t>(CountRuns<TypeParam>(data, count));
      ASSERT_EQ(num_runs, expected.lengths.size()) << name << " x " << num_values;
      test::ByteVector run_values(num_runs * sizeof(TypeParam));
      test::ByteVector lengths(num_runs);
      EncodeRle<TypeParam>(data, count, run_values.data(), lengths.data());
      EXPECT_EQ(run_values, expected.values) << name;
      EXPECT_EQ(lengths, expected.lengths) << name;
    }
  }
}

TYPED_TEST(RleTest, LengthsThatDoNotAddUpAreAnErrorBeforeMemoryIsAsked) {
  const std::vector<TypeParam> values = {1, 2};
  const auto bytes = test::BytesOf(values);
  const int64_t before = this->pool_->total_bytes_allocated();
  for (const int64_t num_values : {int64_t{0}, int64_t{299}, int64_t{301}, INT64_MAX}) {
    EXPECT_TRUE(DecodeRle(this->kBits, bytes, test::ByteVector{200, 100}, num_values, this->pool_)
                    .status()
                    .IsSerializationError());
  }
  EXPECT_EQ(this->pool_->total_bytes_allocated(), before);
}

TYPED_TEST(RleTest, AnotherNumberOfValuesThanOfLengthsIsAnError) {
  const auto bytes = test::BytesOf(std::vector<TypeParam>{1, 2});
  EXPECT_TRUE(DecodeRle(this->kBits, bytes, test::ByteVector{3}, 3, this->pool_)
                  .status()
                  .IsSerializationError());
  EXPECT_TRUE(DecodeRle(this->kBits, bytes, test::ByteVector{1, 1, 1}, 3, this->pool_)
                  .status()
                  .IsSerializationError());
  if (sizeof(TypeParam) > 1) {
    EXPECT_TRUE(
        DecodeRle(this->kBits, Bytes(bytes).first(3), test::ByteVector{1, 1}, 2, this->pool_)
            .status()
            .IsSerializationError());
  }
}

}  // namespace
}  // namespace croupier::format
