#include "croupier/format/encoding/jsonb.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/array/array_binary.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/jsonb_writer.h"

namespace croupier::format {
namespace {

std::vector<uint8_t> FromHex(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

arrow::Result<std::string> TextOf(const std::vector<uint8_t>& jsonb) {
  std::string text;
  ARROW_RETURN_NOT_OK(AppendJsonText(jsonb, &text));
  return text;
}

void ExpectText(std::string_view hex, std::string_view expected) {
  const auto text = TextOf(FromHex(hex));
  ASSERT_TRUE(text.ok()) << hex << ": " << text.status();
  EXPECT_EQ(*text, expected) << hex;
}

// {"":5,"B":4,"a":2,"aa":3,"b":1,"é":6}, as pylance 14 wrote it.
constexpr std::string_view kObject =
    "40000006100000001000000110000001100000021000000110000002200000022000000220000002200000022000"
    "0002200000024261616162c3a9500550045002500350015006";

TEST(JsonbTest, ScalarsBecomeText) {
  ExpectText("2000000000000000", "null");
  ExpectText("2000000040000000", "true");
  ExpectText("2000000030000000", "false");
  ExpectText("200000002000000100", "0");
  ExpectText("20000000200000025001", "1");
  ExpectText("200000002000000240ff", "-1");
  ExpectText("2000000020000003500100", "256");
  ExpectText("200000002000000340ff7f", "-129");
  ExpectText("200000002000000550ffffffff", "4294967295");
  ExpectText("200000002000000950ffffffffffffffff", "18446744073709551615");
  ExpectText("2000000020000009408000000000000000", "-9223372036854775808");
  ExpectText("2000000010000002c3a9", "\"é\"");
  ExpectText("2000000010000000", "\"\"");
  ExpectText("", "null");
}

TEST(JsonbTest, ContainersBecomeText) {
  ExpectText("80000000", "[]");
  ExpectText("40000000", "{}");
  ExpectText(kObject, R"({"":5,"B":4,"a":2,"aa":3,"b":1,"é":6})");
  // An array in an array, then null.
  ExpectText("800000025000000a00000000800000012000000250ff", "[[255],null]");
}

TEST(JsonbTest, StringsAreEscapedAsJsonDemands) {
  ExpectText("200000001000000a225c080c0a0d09017f2f", R"("\"\\\b\f\n\r\t\u0001)"
                                                     "\x7f/\"");
}

// A double, written by the digits of pylance.
void ExpectDouble(double value, std::string_view expected) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  std::vector<uint8_t> jsonb = FromHex("200000002000000960");
  for (int shift = 56; shift >= 0; shift -= 8) jsonb.push_back(static_cast<uint8_t>(bits >> shift));
  EXPECT_EQ(TextOf(jsonb).ValueOrDie(), expected);
}

TEST(JsonbTest, DoublesHaveTheDigitsOfPylance) {
  ExpectDouble(123.45, "123.45");
  ExpectDouble(1, "1.0");
  ExpectDouble(-0.0, "-0.0");
  ExpectDouble(0, "0.0");
  ExpectDouble(1e5, "100000.0");
  ExpectDouble(1e15, "1000000000000000.0");
  ExpectDouble(1e16, "1e+16");
  ExpectDouble(1e300, "1e+300");
  ExpectDouble(12345678901234567890123.0, "1.2345678901234568e+22");
  ExpectDouble(123456789012345680.0, "1.2345678901234568e+17");
  ExpectDouble(123456789.123456789, "123456789.12345679");
  ExpectDouble(1e-5, "0.00001");
  ExpectDouble(1e-7, "1e-7");
  ExpectDouble(-1.5e-10, "-1.5e-10");
  ExpectDouble(0.1, "0.1");
  ExpectDouble(std::numeric_limits<double>::infinity(), "null");
  ExpectDouble(std::numeric_limits<double>::quiet_NaN(), "null");
}

TEST(JsonbTest, EveryTruncationIsAnError) {
  const auto bytes = FromHex(kObject);
  for (size_t size = 1; size < bytes.size(); ++size) {
    const auto text = TextOf({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_TRUE(text.status().IsSerializationError()) << size;
  }
}

TEST(JsonbTest, MalformedValuesAreErrors) {
  for (const std::string_view hex : {
           "00000000",                    // no kind of container
           "e0000000",                    // two kinds at once
           "9fffffff",                    // more members than bytes
           "40000001200000012000000100",  // a key that is a number
           "200000005000000480000000",    // an array in a scalar
           "2000000070000000",            // no kind of member
           "2000000010000001ff",          // not UTF-8
           "2000000020000000",            // a number without bytes
           "200000002000000440010203",    // an integer of three bytes
           "20000000200000026000",        // a short double
           "200000002000000180",          // no kind of number
       }) {
    EXPECT_TRUE(TextOf(FromHex(hex)).status().IsSerializationError()) << hex;
  }
  EXPECT_TRUE(TextOf(FromHex("200000006000000100")).status().IsNotImplemented());
}

TEST(JsonbTest, DeepNestingTakesNoStack) {
  constexpr uint32_t kDepth = 1 << 20;
  std::vector<uint8_t> jsonb;
  const auto append = [&](uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      jsonb.push_back(static_cast<uint8_t>(word >> shift));
    }
  };
  for (uint32_t level = kDepth; level-- > 0;) {
    append(0x80000001);
    append(0x50000000 | (8 * level + 4));
  }
  append(0x80000000);
  const auto text = TextOf(jsonb);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, std::string(kDepth + 1, '[') + std::string(kDepth + 1, ']'));
}

TEST(JsonbTest, AColumnKeepsItsNulls) {
  arrow::LargeBinaryBuilder builder;
  const auto one = FromHex("20000000200000025001");
  ASSERT_TRUE(builder.Append(one.data(), std::ssize(one)).ok());
  ASSERT_TRUE(builder.AppendNull().ok());
  ASSERT_TRUE(builder.AppendEmptyValue().ok());
  const auto jsonb = builder.Finish().ValueOrDie();
  const auto data = JsonTextOf(*jsonb->data(), arrow::default_memory_pool());
  ASSERT_TRUE(data.ok()) << data.status();
  const auto text = arrow::MakeArray(*data);
  ASSERT_TRUE(text->ValidateFull().ok());
  EXPECT_EQ(text->ToString(), "[\n  \"1\",\n  null,\n  \"null\"\n]");
}

TEST(JsonbWriterTest, ObjectsAreThoseOfTheReferenceWriter) {
  std::string jsonb;
  ASSERT_TRUE(AppendJsonb(R"({"b":1,"a":2,"aa":3,"B":4,"":5,"é":6})", &jsonb).ok());
  EXPECT_EQ(std::vector<uint8_t>(jsonb.begin(), jsonb.end()), FromHex(kObject));
}

TEST(JsonbWriterTest, TextsComeBack) {
  for (const std::string text : {"null",
                                 "true",
                                 "false",
                                 "0",
                                 "1",
                                 "255",
                                 "256",
                                 "65536",
                                 "4294967296",
                                 "18446744073709551615",
                                 "-1",
                                 "-128",
                                 "-129",
                                 "-32769",
                                 "-2147483649",
                                 "-9223372036854775808",
                                 "0.5",
                                 "-1.25e+30",
                                 "1e-10",
                                 R"("")",
                                 R"("é\n\"")",
                                 "[]",
                                 "{}",
                                 "[1,[2,[3,{}]],null]",
                                 R"({"a":[true,{"b":"c"}],"z":{}})"}) {
    std::string jsonb;
    ASSERT_TRUE(AppendJsonb(text, &jsonb).ok()) << text;
    const auto read = TextOf({jsonb.begin(), jsonb.end()});
    ASSERT_TRUE(read.ok()) << text << read.status();
    EXPECT_EQ(*read, text);
  }
}

TEST(JsonbWriterTest, TextThatIsNotJsonIsInvalid) {
  for (const std::string text :
       {"", " ", "{", "[1,]", "nul", "{'a':1}", "1 2", "\"\xff\"", "NaN"}) {
    std::string jsonb;
    EXPECT_TRUE(AppendJsonb(text, &jsonb).IsInvalid()) << text;
  }
}

TEST(JsonbWriterTest, DeepTextIsInvalidAndDoesNotExhaustTheStack) {
  for (const size_t depth : {501u, 1000000u}) {
    std::string jsonb;
    EXPECT_TRUE(AppendJsonb(std::string(depth, '[') + std::string(depth, ']'), &jsonb).IsInvalid());
  }
}

}  // namespace
}  // namespace croupier::format
