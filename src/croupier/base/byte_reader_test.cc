#include "croupier/base/byte_reader.h"

#include <array>

#include <gtest/gtest.h>

namespace croupier {
namespace {

TEST(ByteReaderTest, ReadsLittleEndianValuesInOrder) {
  const std::array<uint8_t, 7> bytes = {0x01, 0x02, 0x03, 0xff, 0xff, 0xff, 0x7f};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Read<uint16_t>().ValueOrDie(), 0x0201);
  EXPECT_EQ(reader.Read<uint8_t>().ValueOrDie(), 0x03);
  EXPECT_EQ(reader.Read<int32_t>().ValueOrDie(), 0x7fffffff);
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReaderTest, AShortReadIsAnErrorThatNamesThePlaceAndMovesNothing) {
  const std::array<uint8_t, 3> bytes = {1, 2, 3};
  ByteReader reader(bytes);
  ASSERT_TRUE(reader.Read<uint8_t>().ok());
  const auto status = reader.Read<uint32_t>().status();
  EXPECT_TRUE(status.IsSerializationError());
  EXPECT_EQ(status.message(), "unexpected end of data: want 4 bytes at offset 1, have 2");
  EXPECT_EQ(reader.position(), 1u);
}

TEST(ByteReaderTest, ALengthNearTheLimitOfItsTypeDoesNotOverflow) {
  const std::array<uint8_t, 3> bytes = {1, 2, 3};
  ByteReader reader(bytes);
  ASSERT_TRUE(reader.Read<uint8_t>().ok());
  EXPECT_TRUE(reader.ReadBytes(UINT64_MAX).status().IsSerializationError());
}

}  // namespace
}  // namespace croupier
