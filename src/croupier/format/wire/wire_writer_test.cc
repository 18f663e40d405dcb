#include "croupier/format/wire/wire_writer.h"

#include <array>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {
namespace {

using test::FromHex;

TEST(WireWriterTest, FieldsAreWrittenAsTheEncodingSays) {
  EXPECT_EQ(WireWriter().Number(1, 150).bytes(), FromHex("08 96 01"));
  EXPECT_EQ(WireWriter().Text(2, "testing").bytes(), FromHex("12 07 74 65 73 74 69 6e 67"));
  EXPECT_EQ(WireWriter().Child(3, WireWriter().Number(1, 150)).bytes(), FromHex("1a 03 08 96 01"));
  EXPECT_EQ(WireWriter().Packed(6, {3, 270, 86942}).bytes(), FromHex("32 06 03 8e 02 9e a7 05"));
  EXPECT_EQ(WireWriter().Fixed32(1, 1).Fixed64(2, 2).bytes(),
            FromHex("0d 01 00 00 00 11 02 00 00 00 00 00 00 00"));
  EXPECT_EQ(WireWriter().MapEntry(7, "k", "v").bytes(), FromHex("3a 06 0a 01 6b 12 01 76"));
}

TEST(WireWriterTest, NegativeNumbersTakeTenBytes) {
  EXPECT_EQ(WireWriter().Signed(4, -1).bytes(), FromHex("20 ff ff ff ff ff ff ff ff ff 01"));
  const std::array<int32_t, 2> values = {-1, 1};
  EXPECT_EQ(WireWriter().PackedSigned(1, values).bytes(),
            FromHex("0a 0b ff ff ff ff ff ff ff ff ff 01 01"));
}

TEST(WireWriterTest, DefaultsAreWrittenUnlessTheCallSaysNotTo) {
  EXPECT_EQ(WireWriter().Number(1, 0).Text(2, "").Child(3).bytes(), FromHex("08 00 12 00 1a 00"));
  EXPECT_TRUE(WireWriter().NumberUnlessZero(1, 0).TextUnlessEmpty(2, "").bytes().empty());
  EXPECT_TRUE(WireWriter().Packed(1, {}).PackedSigned(2, {}).bytes().empty());
}

TEST(WireWriterTest, ReadersGetBackWhatWasWritten) {
  constexpr uint32_t kLargestNumber = (1u << 29) - 1;
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35, UINT64_MAX}) {
    const auto message = WireWriter().Number(kLargestNumber, value).Fixed64(1, value);
    WireReader reader(message.bytes());
    const auto first = reader.Next().ValueOrDie();
    EXPECT_EQ(first.number, kLargestNumber);
    EXPECT_EQ(first.value, value);
    EXPECT_EQ(reader.Next().ValueOrDie().value, value);
    EXPECT_TRUE(reader.done());
  }
}

}  // namespace
}  // namespace croupier::format
