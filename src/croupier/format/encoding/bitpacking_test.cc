#include "croupier/format/encoding/bitpacking.h"

#include <cstring>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

template <typename Word>
std::vector<Word> WordsOf(const ValueBlock& block) {
  std::vector<Word> values(static_cast<size_t>(block.num_values));
  std::memcpy(values.data(), block.data->data(), values.size() * sizeof(Word));
  return values;
}

template <typename Word>
class BitpackingTest : public ::testing::Test {
 protected:
  static constexpr int64_t kWordBits = sizeof(Word) * 8;
  arrow::MemoryPool* const pool_ = arrow::default_memory_pool();
};

using Words = ::testing::Types<uint8_t, uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(BitpackingTest, Words);

TYPED_TEST(BitpackingTest, InlineBlocksOfAnySizeComeBack) {
  for (const size_t num_values : {1u, 2u, 100u, 1023u, 1024u}) {
    for (const auto& [name, values] : test::Distributions<TypeParam>(num_values)) {
      const auto bytes = test::EncodeInlineBitpacking(values);
      const auto block = DecodeInlineBitpacking(this->kWordBits, bytes,
                                                static_cast<int64_t>(num_values), this->pool_);
      ASSERT_TRUE(block.ok()) << block.status();
      EXPECT_EQ(WordsOf<TypeParam>(*block), values) << name << " x " << num_values;
    }
  }
}

TYPED_TEST(BitpackingTest, BlocksAreEncodedAsTheSpecificationSays) {
  for (const size_t num_values : {1u, 100u, 1024u, 3000u}) {
    for (const auto& [name, values] : test::Distributions<TypeParam>(num_values)) {
      const auto* data = reinterpret_cast<const uint8_t*>(values.data());
      const auto count = static_cast<int64_t>(num_values);
      if (num_values <= 1024) {
        OutputBytes inline_bytes(this->pool_);
        EncodeInlineBitpacking<TypeParam>(data, count, &inline_bytes);
        EXPECT_EQ(test::ByteVector(inline_bytes.bytes().begin(), inline_bytes.bytes().end()),
                  test::EncodeInlineBitpacking(values))
            << name << " x " << num_values;
      }
      const int width = test::WidthOf(values);
      if (width == this->kWordBits) continue;
      OutputBytes bytes(this->pool_);
      EncodeOutOfLineBitpacking<TypeParam>(data, count, width, &bytes);
      const auto block =
          DecodeOutOfLineBitpacking(this->kWordBits, width, bytes.bytes(), count, this->pool_);
      ASSERT_TRUE(block.ok()) << block.status();
      EXPECT_EQ(WordsOf<TypeParam>(*block), values) << name << " x " << num_values;
    }
  }
}

TYPED_TEST(BitpackingTest, AnInlineBlockOfAnotherSizeIsAnError) {
  std::vector<TypeParam> values(1024, TypeParam{5});
  const auto bytes = test::EncodeInlineBitpacking(values);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(DecodeInlineBitpacking(this->kWordBits, Bytes(bytes).first(size), 1024, this->pool_)
                    .status()
                    .IsSerializationError())
        << size;
  }
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_TRUE(DecodeInlineBitpacking(this->kWordBits, longer, 1024, this->pool_)
                  .status()
                  .IsSerializationError());
  EXPECT_TRUE(DecodeInlineBitpacking(this->kWordBits, bytes, 1025, this->pool_)
                  .status()
                  .IsSerializationError());
}

TYPED_TEST(BitpackingTest, AnInlineWidthBeyondTheWordIsAnError) {
  test::ByteVector bytes;
  const auto width = static_cast<TypeParam>(this->kWordBits + 1);
  test::AppendValue(&bytes, width);
  bytes.resize(sizeof(TypeParam) + 128 * size_t{width});
  EXPECT_TRUE(DecodeInlineBitpacking(this->kWordBits, bytes, 10, this->pool_)
                  .status()
                  .IsSerializationError());
}

TYPED_TEST(BitpackingTest, OutOfLineBlocksWithRawAndWithPackedTailsComeBack) {
  constexpr size_t kWidth = 3;
  for (const size_t num_values : {1u, 1000u, 1023u, 1024u, 1025u, 2048u, 2999u}) {
    std::vector<TypeParam> values(num_values);
    for (size_t i = 0; i < num_values; ++i) values[i] = static_cast<TypeParam>(i * 5 % 8);
    for (const bool raw_tail : {false, true}) {
      const auto bytes = test::EncodeOutOfLineBitpacking(values, kWidth, raw_tail);
      // A packed tail of the size of a raw one means raw: writers do not make it.
      if (!raw_tail && 128 * kWidth == num_values % 1024 * sizeof(TypeParam)) continue;
      const auto block = DecodeOutOfLineBitpacking(this->kWordBits, kWidth, bytes,
                                                   static_cast<int64_t>(num_values), this->pool_);
      ASSERT_TRUE(block.ok()) << block.status();
      EXPECT_EQ(WordsOf<TypeParam>(*block), values) << num_values << " raw tail " << raw_tail;
    }
  }
}

TYPED_TEST(BitpackingTest, OutOfLineWidthZeroHasNoBytesAndGivesZeros) {
  const auto block = DecodeOutOfLineBitpacking(this->kWordBits, 0, {}, 1500, this->pool_);
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(WordsOf<TypeParam>(*block), std::vector<TypeParam>(1500, TypeParam{0}));
}

TYPED_TEST(BitpackingTest, OutOfLineBlocksOfAnotherSizeAreErrors) {
  std::vector<TypeParam> values(1500, TypeParam{1});
  auto bytes = test::EncodeOutOfLineBitpacking(values, 1, false);
  bytes.push_back(0);
  EXPECT_TRUE(DecodeOutOfLineBitpacking(this->kWordBits, 1, bytes, 1500, this->pool_)
                  .status()
                  .IsSerializationError());
  for (size_t size = 0; size + 1 < bytes.size(); size += 7) {
    EXPECT_TRUE(
        DecodeOutOfLineBitpacking(this->kWordBits, 1, Bytes(bytes).first(size), 1500, this->pool_)
            .status()
            .IsSerializationError())
        << size;
  }
}

TYPED_TEST(BitpackingTest, CountsThatNoBytesExplainAreErrorsBeforeMemoryIsAsked) {
  const int64_t before = this->pool_->total_bytes_allocated();
  for (const int64_t num_values : {int64_t{1} << 40, INT64_MAX}) {
    EXPECT_FALSE(DecodeOutOfLineBitpacking(this->kWordBits, 0, {}, num_values, this->pool_).ok());
    EXPECT_FALSE(DecodeOutOfLineBitpacking(this->kWordBits, 1, {}, num_values, this->pool_).ok());
    EXPECT_FALSE(DecodeInlineBitpacking(this->kWordBits, {}, num_values, this->pool_).ok());
  }
  EXPECT_EQ(this->pool_->total_bytes_allocated(), before);
}

}  // namespace
}  // namespace croupier::format
