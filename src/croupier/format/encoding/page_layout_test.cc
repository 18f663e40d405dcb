#include "croupier/format/encoding/page_layout.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/wire/test_messages.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::Message;

// Members of CompressiveEncoding, by number: lance-encodings.md, section 5.
Message Flat(uint64_t bits) { return Message().Child(1, Message().Number(1, bits)); }
Message Variable(const Message& offsets) { return Message().Child(2, Message().Child(1, offsets)); }
Message Fsst(std::string_view table, const Message& values) {
  return Message().Child(6, Message().Text(1, table).Child(2, values));
}
Message Rle(const Message& values, const Message& lengths) {
  return Message().Child(8, Message().Child(1, values).Child(2, lengths));
}
Message General(uint64_t scheme, const Message& values) {
  return Message().Child(10, Message().Child(1, Message().Number(1, scheme)).Child(3, values));
}
Message FixedSizeList(uint64_t dimension, bool has_validity, const Message& values) {
  return Message().Child(11,
                         Message().Number(1, dimension).Number(3, has_validity).Child(2, values));
}

Message MiniBlock(const Message& values) { return Message().Child(1, Message().Child(3, values)); }

arrow::Result<PageLayout> Parse(const Message& layout) { return PageLayout::Parse(layout.bytes()); }

// The value encoding of a mini-block page.
arrow::Result<CompressiveEncoding> ParseEncoding(const Message& encoding) {
  ARROW_ASSIGN_OR_RAISE(const auto layout, Parse(MiniBlock(encoding)));
  return *layout.As<MiniBlockLayout>()->value_compression;
}

// An encoding that is known to parse, as one of its kinds.
template <typename T>
T ParseAs(const Message& encoding) {
  const auto parsed = ParseEncoding(encoding);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  const T* kind = parsed.ok() ? parsed->As<T>() : nullptr;
  EXPECT_NE(kind, nullptr);
  return kind == nullptr ? T() : *kind;
}

// --- Layouts.

TEST(PageLayoutTest, TheExampleOfTheSpecificationIsRead) {
  const auto layout =
      PageLayout::Parse(test::FromHex("0a15 12040a020810 1a040a020820 320103 3801 4804 5001"));
  ASSERT_TRUE(layout.ok()) << layout.status();
  const auto* mini_block = layout->As<MiniBlockLayout>();
  ASSERT_NE(mini_block, nullptr);
  EXPECT_EQ(mini_block->rep_compression, nullptr);
  EXPECT_EQ(Describe(mini_block->def_compression), "flat(16)");
  EXPECT_EQ(Describe(mini_block->value_compression), "flat(32)");
  EXPECT_EQ(mini_block->dictionary, nullptr);
  EXPECT_EQ(mini_block->layers, (std::vector<RepDefLayer>{RepDefLayer::kNullableItem}));
  EXPECT_EQ(mini_block->num_buffers, 1u);
  EXPECT_EQ(mini_block->repetition_index_depth, 0u);
  EXPECT_EQ(mini_block->num_items, 4u);
  EXPECT_TRUE(mini_block->has_large_chunk);
}

TEST(PageLayoutTest, EveryFieldOfAMiniBlockLayoutIsRead) {
  const auto layout = Parse(Message().Child(1, Message()
                                                   .Child(1, Flat(16))
                                                   .Child(3, Flat(32))
                                                   .Child(4, Variable(Flat(32)))
                                                   .Number(5, 300)
                                                   .Packed(6, {1, 6})
                                                   .Number(7, 2)
                                                   .Number(8, 1)
                                                   .Number(9, uint64_t{1} << 40)));
  ASSERT_TRUE(layout.ok()) << layout.status();
  const auto& mini_block = *layout->As<MiniBlockLayout>();
  EXPECT_EQ(Describe(mini_block.rep_compression), "flat(16)");
  EXPECT_EQ(Describe(mini_block.dictionary), "variable(flat(32))");
  EXPECT_EQ(mini_block.num_dictionary_items, 300u);
  EXPECT_EQ(mini_block.layers,
            (std::vector<RepDefLayer>{RepDefLayer::kAllValidItem, RepDefLayer::kNullAndEmptyList}));
  EXPECT_EQ(mini_block.num_buffers, 2u);
  EXPECT_EQ(mini_block.repetition_index_depth, 1u);
  EXPECT_EQ(mini_block.num_items, uint64_t{1} << 40);
  EXPECT_FALSE(mini_block.has_large_chunk);
  EXPECT_EQ(Describe(*layout), "mini-block(flat(32), dictionary variable(flat(32)))");
}

Message FullZip() { return Message().Number(1, 1).Number(2, 2).Number(5, 9).Number(6, 8); }

TEST(PageLayoutTest, AFullZipLayoutHasValuesOfOneWidth) {
  const auto layout =
      Parse(Message().Child(3, FullZip().Number(3, 72).Child(7, Flat(64)).Packed(8, {3})));
  ASSERT_TRUE(layout.ok()) << layout.status();
  const auto* full_zip = layout->As<FullZipLayout>();
  ASSERT_NE(full_zip, nullptr);
  EXPECT_EQ(full_zip->bits_rep, 1u);
  EXPECT_EQ(full_zip->bits_def, 2u);
  EXPECT_EQ(full_zip->bits_per_value, 72u);
  EXPECT_EQ(full_zip->bits_per_offset, std::nullopt);
  EXPECT_EQ(full_zip->num_items, 9u);
  EXPECT_EQ(full_zip->num_visible_items, 8u);
  EXPECT_EQ(full_zip->layers, (std::vector<RepDefLayer>{RepDefLayer::kNullableItem}));
  EXPECT_EQ(Describe(*layout), "full-zip(flat(64))");
}

TEST(PageLayoutTest, AFullZipLayoutHasOffsetsOfOneWidthElse) {
  const auto layout = Parse(Message().Child(3, FullZip().Number(4, 32).Child(7, Flat(8))));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->As<FullZipLayout>()->bits_per_value, std::nullopt);
  EXPECT_EQ(layout->As<FullZipLayout>()->bits_per_offset, 32u);
}

TEST(PageLayoutTest, TheLastWidthOfAFullZipLayoutCounts) {
  const auto layout =
      Parse(Message().Child(3, FullZip().Number(4, 32).Number(3, 8).Child(7, Flat(8))));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->As<FullZipLayout>()->bits_per_value, 8u);
  EXPECT_EQ(layout->As<FullZipLayout>()->bits_per_offset, std::nullopt);
}

TEST(PageLayoutTest, AConstantLayoutTellsAnEmptyValueFromNone) {
  const auto none = Parse(Message().Child(2, Message().Packed(5, {3})));
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->As<ConstantLayout>()->inline_value, std::nullopt);
  EXPECT_EQ(Describe(*none), "constant");
  const auto empty = Parse(Message().Child(2, Message().Packed(5, {3}).Text(6, "")));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->As<ConstantLayout>()->inline_value, "");
  EXPECT_EQ(Describe(*empty), "constant(inline value)");
}

TEST(PageLayoutTest, LevelsOfAConstantLayoutAreRead) {
  const auto layout = Parse(Message().Child(
      2, Message().Child(7, Flat(16)).Child(8, Rle(Flat(16), Flat(8))).Number(9, 5).Number(10, 6)));
  ASSERT_TRUE(layout.ok()) << layout.status();
  const auto& constant = *layout->As<ConstantLayout>();
  EXPECT_EQ(Describe(constant.rep_compression), "flat(16)");
  EXPECT_EQ(Describe(constant.def_compression), "rle(flat(16), flat(8))");
  EXPECT_EQ(constant.num_rep_values, 5u);
  EXPECT_EQ(constant.num_def_values, 6u);
}

TEST(PageLayoutTest, ABlobLayoutHasAnInnerOne) {
  const auto layout =
      Parse(Message().Child(4, Message().Child(1, MiniBlock(Flat(128))).Packed(2, {3})));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(Describe(*layout), "blob(mini-block(flat(128)))");
  EXPECT_EQ(layout->As<BlobLayout>()->layers,
            (std::vector<RepDefLayer>{RepDefLayer::kNullableItem}));
}

TEST(PageLayoutTest, LayersNeedNotBePacked) {
  const auto layout =
      Parse(Message().Child(1, Message().Child(3, Flat(8)).Number(6, 2).Number(6, 5)));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->As<MiniBlockLayout>()->layers,
            (std::vector<RepDefLayer>{RepDefLayer::kAllValidList, RepDefLayer::kEmptyableList}));
}

TEST(PageLayoutTest, UnknownKindsOfLayersAreErrors) {
  for (const uint64_t kind : {uint64_t{0}, uint64_t{7}, UINT64_MAX}) {
    const auto layout = Message().Child(1, Message().Child(3, Flat(8)).Packed(6, {kind}));
    EXPECT_TRUE(Parse(layout).status().IsSerializationError()) << kind;
  }
}

TEST(PageLayoutTest, UnknownFieldsArePassedOver) {
  const auto layout =
      Parse(Message().Child(1, Message().Number(50, 1).Child(3, Flat(8)).Text(51, "x")));
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(Describe(*layout), "mini-block(flat(8))");
}

TEST(PageLayoutTest, UnknownLayoutsAreNotImplementedByNumber) {
  for (const uint32_t number : {5u, 6u, 77u}) {
    const auto status = Parse(Message().Child(number)).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find(std::to_string(number)), std::string::npos) << status;
  }
}

TEST(PageLayoutTest, LayoutsWithoutWhatTheyNeedAreErrorsThatNameIt) {
  const std::pair<const char*, Message> layouts[] = {
      {"the message is empty", {}},
      {"mini_block_layout.value_compression", Message().Child(1)},
      {"full_zip_layout.value_compression", Message().Child(3, FullZip().Number(3, 8))},
      {"full_zip_layout has no width", Message().Child(3, FullZip().Child(7, Flat(8)))},
      {"blob_layout has no inner layout", Message().Child(4)},
  };
  for (const auto& [what, layout] : layouts) {
    const auto status = Parse(layout).status();
    EXPECT_TRUE(status.IsSerializationError()) << what << ": " << status;
    EXPECT_NE(status.message().find(what), std::string::npos) << status;
  }
}

TEST(PageLayoutTest, NumbersOutOfTheirRangeAreErrors) {
  for (const uint32_t field : {1, 2, 3, 4, 5, 6}) {
    const auto full_zip = FullZip().Number(3, 8).Child(7, Flat(8)).Number(field, uint64_t{1} << 32);
    EXPECT_TRUE(Parse(Message().Child(3, full_zip)).status().IsSerializationError()) << field;
  }
}

// --- Encodings.

TEST(CompressiveEncodingTest, FlatHasAWidth) {
  EXPECT_EQ(ParseAs<FlatEncoding>(Flat(128)).bits_per_value, 128u);
  EXPECT_EQ(ParseAs<FlatEncoding>(Message().Child(1)).bits_per_value, 0u);
}

TEST(CompressiveEncodingTest, ConstantMayHaveAValue) {
  EXPECT_EQ(ParseAs<ConstantEncoding>(Message().Child(3)).value, std::nullopt);
  EXPECT_EQ(ParseAs<ConstantEncoding>(Message().Child(3, Message().Text(1, ""))).value, "");
}

TEST(CompressiveEncodingTest, BitpackingHasTheWidthOfItsValues) {
  const auto outside = ParseAs<OutOfLineBitpackingEncoding>(
      Message().Child(4, Message().Number(1, 32).Child(3, Flat(7))));
  EXPECT_EQ(outside.uncompressed_bits_per_value, 32u);
  EXPECT_EQ(Describe(outside.values), "flat(7)");
  const auto inside =
      ParseAs<InlineBitpackingEncoding>(Message().Child(5, Message().Number(1, 64)));
  EXPECT_EQ(inside.uncompressed_bits_per_value, 64u);
}

TEST(CompressiveEncodingTest, FsstHasASymbolTable) {
  const auto fsst = ParseAs<FsstEncoding>(Fsst("\x01\xff", Variable(Flat(32))));
  EXPECT_EQ(fsst.symbol_table, "\x01\xff");
  EXPECT_EQ(Describe(fsst.values), "variable(flat(32))");
}

TEST(CompressiveEncodingTest, DictionaryHasIndicesAndItems) {
  const auto dictionary = ParseAs<DictionaryEncoding>(
      Message().Child(7, Message().Child(1, Flat(32)).Child(2, Variable(Flat(64))).Number(3, 12)));
  EXPECT_EQ(Describe(dictionary.indices), "flat(32)");
  EXPECT_EQ(Describe(dictionary.items), "variable(flat(64))");
  EXPECT_EQ(dictionary.num_dictionary_items, 12u);
}

TEST(CompressiveEncodingTest, GeneralHasAScheme) {
  EXPECT_EQ(ParseAs<GeneralEncoding>(General(1, Flat(8))).scheme, CompressionScheme::kLz4);
  EXPECT_EQ(ParseAs<GeneralEncoding>(General(2, Flat(8))).scheme, CompressionScheme::kZstd);
}

TEST(CompressiveEncodingTest, FixedSizeListHasADimensionAndPerhapsValidity) {
  const auto list = ParseAs<FixedSizeListEncoding>(FixedSizeList(768, true, Flat(16)));
  EXPECT_EQ(list.items_per_value, 768u);
  EXPECT_TRUE(list.has_validity);
  EXPECT_EQ(Describe(list.values), "flat(16)");
}

TEST(CompressiveEncodingTest, PackedStructsHaveWidths) {
  const auto fixed = ParseAs<PackedStructEncoding>(
      Message().Child(12, Message().Packed(1, {8, 32}).Child(2, Flat(40))));
  EXPECT_EQ(fixed.bits_per_value, (std::vector<uint64_t>{8, 32}));
  const auto variable = ParseAs<VariablePackedStructEncoding>(
      Message().Child(13, Message()
                              .Child(1, Message().Child(1, Flat(16)).Number(2, 16))
                              .Child(1, Message().Child(1, Variable(Flat(32))).Number(3, 32))));
  ASSERT_EQ(variable.fields.size(), 2u);
  EXPECT_EQ(variable.fields[0].bits_per_value, 16u);
  EXPECT_EQ(variable.fields[0].bits_per_length, std::nullopt);
  EXPECT_EQ(variable.fields[1].bits_per_value, std::nullopt);
  EXPECT_EQ(variable.fields[1].bits_per_length, 32u);
}

TEST(CompressiveEncodingTest, ATreeIsDescribedFromTheOutsideIn) {
  const std::pair<const char*, Message> trees[] = {
      {"general(zstd, variable(flat(32)))", General(2, Variable(Flat(32)))},
      {"fixed_size_list(2, general(lz4, flat(8)))", FixedSizeList(2, false, General(1, Flat(8)))},
      {"fsst(variable(flat(32)))", Fsst("", Variable(Flat(32)))},
      {"rle(byte_stream_split(flat(64)), flat(8))",
       Rle(Message().Child(9, Message().Child(1, Flat(64))), Flat(8))},
      {"out_of_line_bitpacking(16, flat(3))",
       Message().Child(4, Message().Number(1, 16).Child(3, Flat(3)))},
      {"inline_bitpacking(16)", Message().Child(5, Message().Number(1, 16))},
      {"dictionary(flat(8), constant)",
       Message().Child(7, Message().Child(1, Flat(8)).Child(2, Message().Child(3)))},
      {"packed_struct(flat(8))", Message().Child(12, Message().Child(2, Flat(8)))},
      {"variable_packed_struct(flat(8), constant)",
       Message().Child(13, Message()
                               .Child(1, Message().Child(1, Flat(8)))
                               .Child(1, Message().Child(1, Message().Child(3))))},
  };
  for (const auto& [description, encoding] : trees) {
    const auto parsed = ParseEncoding(encoding);
    ASSERT_TRUE(parsed.ok()) << description << ": " << parsed.status();
    EXPECT_EQ(Describe(*parsed), description);
  }
}

TEST(CompressiveEncodingTest, UnknownEncodingsAreNotImplementedByNumber) {
  for (const uint32_t number : {14u, 15u, 99u}) {
    const auto status = ParseEncoding(Variable(Message().Child(number))).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find("number " + std::to_string(number)), std::string::npos)
        << status;
  }
}

TEST(CompressiveEncodingTest, AnEncodingWithoutAKindIsNotImplemented) {
  const auto status = ParseEncoding({}).status();
  EXPECT_TRUE(status.IsNotImplemented()) << status;
}

TEST(CompressiveEncodingTest, UnknownSchemesAreNotImplementedByNumber) {
  for (const uint64_t scheme : {0, 3}) {
    const auto status = ParseEncoding(General(scheme, Flat(8))).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find("number " + std::to_string(scheme)), std::string::npos)
        << status;
  }
}

TEST(CompressiveEncodingTest, CompressedBuffersAreNotImplementedByName) {
  const auto compression = Message().Number(1, 2);
  const std::pair<const char*, Message> encodings[] = {
      {" flat ", Message().Child(1, Message().Number(1, 8).Child(2, compression))},
      {" variable ", Message().Child(2, Message().Child(1, Flat(32)).Child(2, compression))},
      {" inline_bitpacking ", Message().Child(5, Message().Number(1, 8).Child(2, compression))},
  };
  for (const auto& [name, encoding] : encodings) {
    const auto status = ParseEncoding(encoding).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
  }
}

TEST(CompressiveEncodingTest, EncodingsWithoutWhatTheyNeedAreErrorsThatNameIt) {
  const std::pair<const char*, Message> encodings[] = {
      {"variable.offsets", Message().Child(2)},
      {"out_of_line_bitpacking.values", Message().Child(4)},
      {"fsst.values", Message().Child(6)},
      {"dictionary.indices", Message().Child(7, Message().Child(2, Flat(8)))},
      {"dictionary.items", Message().Child(7, Message().Child(1, Flat(8)))},
      {"rle.values", Message().Child(8, Message().Child(2, Flat(8)))},
      {"rle.run_lengths", Message().Child(8, Message().Child(1, Flat(8)))},
      {"byte_stream_split.values", Message().Child(9)},
      {"general.compression", Message().Child(10, Message().Child(3, Flat(8)))},
      {"general.values", Message().Child(10, Message().Child(1, Message().Number(1, 1)))},
      {"fixed_size_list.values", Message().Child(11)},
      {"packed_struct.values", Message().Child(12)},
      {"variable_packed_struct.field.value", Message().Child(13, Message().Child(1))},
  };
  for (const auto& [what, encoding] : encodings) {
    const auto status = ParseEncoding(encoding).status();
    EXPECT_TRUE(status.IsSerializationError()) << what << ": " << status;
    EXPECT_NE(status.message().find(what), std::string::npos) << status;
  }
}

// --- Hostile messages.

TEST(HostilePageLayoutTest, EncodingsNestToABound) {
  Message encoding = Flat(8);
  for (int i = 0; i < 31; ++i) encoding = General(2, encoding);
  EXPECT_TRUE(ParseEncoding(encoding).ok());
  EXPECT_TRUE(ParseEncoding(General(2, encoding)).status().IsSerializationError());
  for (int i = 0; i < 2000; ++i) encoding = General(2, encoding);
  EXPECT_TRUE(ParseEncoding(encoding).status().IsSerializationError());
}

TEST(HostilePageLayoutTest, BlobsNestToABound) {
  Message layout = MiniBlock(Flat(8));
  for (int i = 0; i < 31; ++i) layout = Message().Child(4, Message().Child(1, layout));
  EXPECT_TRUE(Parse(layout).ok());
  for (int i = 0; i < 2000; ++i) layout = Message().Child(4, Message().Child(1, layout));
  EXPECT_TRUE(Parse(layout).status().IsSerializationError());
}

// A layout that holds every kind of encoding.
ByteVector LayoutOfEverything() {
  const auto packed = Message().Child(12, Message().Packed(1, {8, 32}).Child(2, Flat(40)));
  const auto variable_packed =
      Message().Child(13, Message().Child(1, Message().Child(1, Flat(16)).Number(2, 16)));
  const auto bits = Message().Child(4, Message().Number(1, 16).Child(3, Flat(3)));
  const auto dictionary = Message().Child(7, Message().Child(1, bits).Child(2, packed));
  const auto values = FixedSizeList(3, true, General(2, Fsst("abc", Variable(variable_packed))));
  return Message()
      .Child(1, Message()
                    .Child(1, Rle(Flat(16), Flat(8)))
                    .Child(2, Message().Child(5, Message().Number(1, 16)))
                    .Child(3, values)
                    .Child(4, dictionary)
                    .Packed(6, {1, 6})
                    .Number(9, 1000))
      .bytes();
}

// Whatever the bytes hold: an error of the right kind, or a layout.
void ExpectSound(const arrow::Result<PageLayout>& layout) {
  if (layout.ok()) {
    EXPECT_FALSE(Describe(*layout).empty());
  } else {
    EXPECT_TRUE(layout.status().IsSerializationError() || layout.status().IsNotImplemented())
        << layout.status();
  }
}

TEST(HostilePageLayoutTest, EveryTruncationIsAnError) {
  const auto bytes = LayoutOfEverything();
  ASSERT_TRUE(PageLayout::Parse(bytes).ok());
  test::ForEachTruncation(bytes, [](const ByteVector& cut) {
    EXPECT_TRUE(PageLayout::Parse(cut).status().IsSerializationError()) << cut.size();
  });
}

TEST(HostilePageLayoutTest, EveryChangedByteGivesAnErrorOrALayout) {
  test::ForEachChangedByte(LayoutOfEverything(), 0, 1, [](const ByteVector& changed, size_t place) {
    SCOPED_TRACE(place);
    ExpectSound(PageLayout::Parse(changed));
  });
}

}  // namespace
}  // namespace croupier::format
