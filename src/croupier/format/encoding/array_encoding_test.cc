#include "croupier/format/encoding/array_encoding.h"

#include <string>

#include <gtest/gtest.h>

#include "croupier/format/encoding/test_arrays.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;

arrow::Result<ArrayEncodingPtr> Parse(const Message& message) {
  return ArrayEncoding::Parse(message.bytes());
}

std::string ParseAndDescribe(const Message& message) {
  const auto parsed = Parse(message);
  return parsed.ok() ? Describe(**parsed) : parsed.status().ToString();
}

TEST(ArrayEncodingTest, TheRecipesOfTheSpecificationAreRead) {
  // lance-file.md, section B.6.
  const auto read = [](const char* hex) {
    return Describe(*ArrayEncoding::Parse(test::FromHex(hex)).ValueOrDie());
  };
  EXPECT_EQ(read("120a 0a08 0a06 0a04 0820 1200"), "flat(32)");
  EXPECT_EQ(read("1214 1212 0a06 0a04 0801 1200 1208 0a06 0840 1202 0801"),
            "nullable(flat(1), flat(64))");
  EXPECT_EQ(read("1202 1a00"), "all_nulls");
  EXPECT_EQ(read("2a00"), "struct");
}

TEST(ArrayEncodingTest, EveryEncodingIsReadWithAllItsFields) {
  using namespace test;
  const auto packed_bits = ArrayEncoding::Parse(BitpackedArrayOf(5, 16, 2, true).bytes());
  const auto* bits = (*packed_bits)->As<BitpackedArray>();
  ASSERT_NE(bits, nullptr);
  EXPECT_EQ(bits->compressed_bits_per_value, 5u);
  EXPECT_EQ(bits->uncompressed_bits_per_value, 16u);
  EXPECT_EQ(bits->buffer, 2u);
  EXPECT_TRUE(bits->is_signed);
  EXPECT_FALSE(bits->is_fast_lanes);
  const auto list = ArrayEncoding::Parse(ListArrayOf(FlatArrayOf(64, 3), 8, 7).bytes());
  const auto* offsets = (*list)->As<ListArray>();
  ASSERT_NE(offsets, nullptr);
  EXPECT_EQ(offsets->null_offset_adjustment, 8u);
  EXPECT_EQ(offsets->num_items, 7u);
  EXPECT_EQ(offsets->offsets->As<FlatArray>()->buffer, 3u);
  const Message text = BinaryArrayOf(NoNullsArrayOf(FlatArrayOf(64, 0)), FlatArrayOf(8, 1), 9);
  EXPECT_EQ((*Parse(text))->As<BinaryArray>()->null_adjustment, 9u);
  EXPECT_EQ(ParseAndDescribe(text), "binary(flat(64), flat(8))");
  EXPECT_EQ(ParseAndDescribe(DictionaryArrayOf(FlatArrayOf(8, 0), text, 4)),
            "dictionary(flat(8), binary(flat(64), flat(8)))");
  EXPECT_EQ(ParseAndDescribe(FsstArrayOf(text, "table")), "fsst(binary(flat(64), flat(8)))");
  EXPECT_EQ(ParseAndDescribe(FixedSizeListArrayOf(3, FlatArrayOf(16, 0))),
            "fixed_size_list(3, flat(16))");
  EXPECT_EQ(ParseAndDescribe(PackedStructArrayOf({FlatArrayOf(8, 0), FlatArrayOf(32, 0)}, 0)),
            "packed_struct(flat(8), flat(32))");
  EXPECT_EQ(ParseAndDescribe(FastLanesArrayOf(3, 8, 0)), "bitpacked_for_non_neg(8, 3)");
  EXPECT_EQ(ParseAndDescribe(FixedSizeBinaryArrayOf(5, FlatArrayOf(8, 0))),
            "fixed_size_binary(5, flat(8))");
  EXPECT_EQ(ParseAndDescribe(FlatArrayOf(8, 0, "zstd")), "zstd(flat(8))");
  EXPECT_EQ(ParseAndDescribe(FlatArrayOf(8, 0, "lz4")), "lz4(flat(8))");
  EXPECT_EQ(ParseAndDescribe(FlatArrayOf(8, 0, "none")), "flat(8)");
}

TEST(ArrayEncodingTest, AMissingBufferIsTheFirstOfThePage) {
  EXPECT_EQ((*Parse(Message().Child(1, Message().Number(1, 32))))->As<FlatArray>()->buffer, 0u);
}

TEST(ArrayEncodingTest, WhatFilesOfFormat20DoNotHaveIsNotImplemented) {
  for (uint32_t number = 13; number <= 22; ++number) {
    const auto status = Parse(Message().Child(number)).status();
    EXPECT_TRUE(status.IsNotImplemented()) << number << status;
  }
  EXPECT_TRUE(Parse(test::FlatArrayOf(8, 0, "snappy")).status().IsNotImplemented());
  for (const uint64_t type : {1, 2}) {  // of the column, of the file
    const Message buffer = Message().Number(1, 0).Number(2, type);
    EXPECT_TRUE(Parse(Message().Child(1, Message().Number(1, 8).Child(2, buffer)))
                    .status()
                    .IsNotImplemented());
  }
  const Message list = Message().Number(1, 2).Child(2, test::FlatArrayOf(8, 0)).Number(3, 1);
  EXPECT_TRUE(Parse(Message().Child(3, list)).status().IsNotImplemented());
}

TEST(ArrayEncodingTest, AMissingPartIsAnError) {
  EXPECT_TRUE(Parse(Message()).status().IsSerializationError());
  for (const uint32_t number : {2, 3, 4, 6, 7, 8, 11}) {
    EXPECT_TRUE(Parse(Message().Child(number)).status().IsSerializationError()) << number;
  }
}

TEST(ArrayEncodingTest, EncodingsNestToABoundedDepth) {
  Message nested = test::FlatArrayOf(8, 0);
  for (int i = 0; i < 20; ++i) nested = test::FixedSizeListArrayOf(1, nested);
  EXPECT_TRUE(Parse(nested).ok());
  for (int i = 0; i < 20; ++i) nested = test::NoNullsArrayOf(nested);
  EXPECT_TRUE(Parse(nested).status().IsSerializationError());
}

TEST(ArrayEncodingTest, EveryTruncationIsAnErrorOrAShorterMessage) {
  using namespace test;
  const auto bytes =
      SomeNullsArrayOf(FlatArrayOf(1, 0), FixedSizeListArrayOf(3, FlatArrayOf(16, 1))).bytes();
  ForEachTruncation(bytes, [](const ByteVector& cut) {
    EXPECT_TRUE(ArrayEncoding::Parse(cut).status().IsSerializationError());
  });
  ForEachChangedByte(bytes, 0, 1, [](const ByteVector& changed, size_t) {
    const auto parsed = ArrayEncoding::Parse(changed);
    EXPECT_FALSE(parsed.ok() && Describe(**parsed).empty());
  });
}

}  // namespace
}  // namespace croupier::format
