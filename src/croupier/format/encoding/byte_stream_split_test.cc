#include "croupier/format/encoding/byte_stream_split.h"

#include <cstring>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

template <typename Word>
class ByteStreamSplitTest : public ::testing::Test {};

using Words = ::testing::Types<uint32_t, uint64_t>;
TYPED_TEST_SUITE(ByteStreamSplitTest, Words);

TYPED_TEST(ByteStreamSplitTest, StreamsComeBackAsValues) {
  for (const size_t num_values : {0u, 1u, 7u, 1024u}) {
    for (const auto& [name, values] : test::Distributions<TypeParam>(num_values)) {
      const auto bytes = test::EncodeByteStreamSplit(values);
      const auto block =
          DecodeByteStreamSplit(sizeof(TypeParam) * 8, bytes, static_cast<int64_t>(num_values),
                                arrow::default_memory_pool());
      ASSERT_TRUE(block.ok()) << block.status();
      const auto plain = test::BytesOf(values);
      EXPECT_TRUE(num_values == 0 ||
                  std::memcmp(block->data->data(), plain.data(), plain.size()) == 0)
          << name << " x " << num_values;
    }
  }
}

TYPED_TEST(ByteStreamSplitTest, AnotherSizeIsAnError) {
  const test::ByteVector bytes(80);
  const int64_t num_values = 80 / sizeof(TypeParam);
  for (const int64_t wrong : {num_values - 1, num_values + 1, INT64_MAX, INT64_MAX / 8 + 1}) {
    EXPECT_TRUE(
        DecodeByteStreamSplit(sizeof(TypeParam) * 8, bytes, wrong, arrow::default_memory_pool())
            .status()
            .IsSerializationError())
        << wrong;
  }
}

}  // namespace
}  // namespace croupier::format
