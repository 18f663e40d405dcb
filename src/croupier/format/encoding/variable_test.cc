#include "croupier/format/encoding/variable.h"

#include <cstring>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

const std::vector<std::string> kValues = {"x", "yy", "", "zzzz", std::string(300, 'w'), ""};

template <typename Offset>
std::vector<std::string> StringsOf(const ValueBlock& block) {
  std::vector<std::string> values;
  const auto* offsets = reinterpret_cast<const Offset*>(block.offsets->data());
  const auto* data = reinterpret_cast<const char*>(block.data->data());
  for (int64_t i = 0; i < block.num_values; ++i) {
    values.emplace_back(data + offsets[i], static_cast<size_t>(offsets[i + 1] - offsets[i]));
  }
  return values;
}

template <typename Offset>
class VariableTest : public ::testing::Test {
 protected:
  static constexpr int64_t kOffsetBits = sizeof(Offset) * 8;

  static arrow::Result<ValueBlock> DecodeMiniBlock(Bytes bytes, int64_t num_values) {
    ARROW_ASSIGN_OR_RAISE(const auto values, LocateMiniBlockValues(kOffsetBits, bytes, num_values));
    return CopyVariable(values, kOffsetBits, num_values, arrow::default_memory_pool());
  }
  static arrow::Result<ValueBlock> DecodeBlock(Bytes bytes, int64_t num_values) {
    int64_t offset_bits = 0;
    ARROW_ASSIGN_OR_RAISE(const auto values, LocateBlockValues(bytes, num_values, &offset_bits));
    EXPECT_EQ(offset_bits, kOffsetBits);
    return CopyVariable(values, kOffsetBits, num_values, arrow::default_memory_pool());
  }
};

using Offsets = ::testing::Types<uint32_t, uint64_t>;
TYPED_TEST_SUITE(VariableTest, Offsets);

TYPED_TEST(VariableTest, ValuesOfAChunkComeBack) {
  const auto bytes = test::EncodeVariableMiniBlock<TypeParam>(kValues);
  const auto block = this->DecodeMiniBlock(bytes, std::ssize(kValues));
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(StringsOf<TypeParam>(*block), kValues);
}

TYPED_TEST(VariableTest, ValuesOfABlockComeBack) {
  for (const auto& values : {kValues, std::vector<std::string>{}}) {
    const auto bytes = test::EncodeVariableBlock<TypeParam>(values);
    const auto block = this->DecodeBlock(bytes, std::ssize(values));
    ASSERT_TRUE(block.ok()) << block.status();
    EXPECT_EQ(StringsOf<TypeParam>(*block), values);
  }
}

TYPED_TEST(VariableTest, EveryTruncationIsAnErrorUnlessOnlyPaddingIsCut) {
  const auto chunk = test::EncodeVariableMiniBlock<TypeParam>({"a", "bcd", "efghij"});
  for (size_t size = 0; size + sizeof(TypeParam) <= chunk.size(); ++size) {
    EXPECT_TRUE(this->DecodeMiniBlock(Bytes(chunk).first(size), 3).status().IsSerializationError())
        << size;
  }
  const auto block = test::EncodeVariableBlock<TypeParam>({"a", "bcd", "efghij"});
  for (size_t size = 0; size < block.size(); ++size) {
    EXPECT_TRUE(this->DecodeBlock(Bytes(block).first(size), 3).status().IsSerializationError())
        << size;
  }
}

TYPED_TEST(VariableTest, OffsetsThatFallOrLeaveTheBufferAreErrors) {
  const auto good = test::EncodeVariableMiniBlock<TypeParam>({"ab", "cd", "ef"});
  for (size_t index = 0; index < 4; ++index) {
    for (const TypeParam offset : {TypeParam{0}, static_cast<TypeParam>(good.size() + 1),
                                   std::numeric_limits<TypeParam>::max()}) {
      auto bytes = good;
      std::memcpy(bytes.data() + index * sizeof(TypeParam), &offset, sizeof(TypeParam));
      EXPECT_TRUE(this->DecodeMiniBlock(bytes, 3).status().IsSerializationError())
          << index << " " << offset;
    }
  }
}

TYPED_TEST(VariableTest, MoreValuesThanTheBytesCanHoldAreAnError) {
  const auto chunk = test::EncodeVariableMiniBlock<TypeParam>(kValues);
  const auto block = test::EncodeVariableBlock<TypeParam>(kValues);
  for (const int64_t num_values : {int64_t{1} << 32, INT64_MAX / 8, INT64_MAX}) {
    EXPECT_TRUE(this->DecodeMiniBlock(chunk, num_values).status().IsSerializationError());
    EXPECT_TRUE(this->DecodeBlock(block, num_values).status().IsSerializationError());
  }
}

// lance-encodings.md, section 19: a chunk by the reference writer.
TEST(VariableGoldenTest, TheChunkOfTheSpecificationGivesItsStrings) {
  const test::ByteVector bytes = {0x14, 0,   0,    0,   0x15, 0,   0,    0,   0x17, 0,
                                  0,    0,   0x17, 0,   0,    0,   0x1b, 0,   0,    0,
                                  'x',  'y', 'y',  'z', 'z',  'z', 'z',  0x48};
  const auto values = LocateMiniBlockValues(32, bytes, 4);
  ASSERT_TRUE(values.ok()) << values.status();
  const auto block = CopyVariable(*values, 32, 4, arrow::default_memory_pool());
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(StringsOf<int32_t>(*block), (std::vector<std::string>{"x", "yy", "", "zzzz"}));
}

}  // namespace
}  // namespace croupier::format
