#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/util.h>
#include <arrow/buffer_builder.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"
#include "croupier/format/page/page.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/format/page/test_pages.h"

// Pages put together by hand: the examples of lance-encodings.md, section 19, and legal forms that
// today's reference writer does not write.
namespace croupier::format {
namespace {

using test::ByteVector;
using test::Encoding;
using test::Flat;
using test::HandMadePage;
using test::Variable;

const std::vector<RepDefLayer> kNullable = {RepDefLayer::kNullableItem};
const std::vector<RepDefLayer> kAllValid = {RepDefLayer::kAllValidItem};

template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> MakeArray(const std::vector<std::optional<Value>>& values) {
  Builder builder;
  for (const auto& value : values) {
    EXPECT_TRUE((value.has_value() ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Int32s(const std::vector<std::optional<int32_t>>& values) {
  return MakeArray<arrow::Int32Builder>(values);
}
std::shared_ptr<arrow::Array> Strings(const std::vector<std::optional<std::string>>& values) {
  return MakeArray<arrow::StringBuilder>(values);
}
std::shared_ptr<arrow::Array> Binaries(const std::vector<std::optional<std::string>>& values) {
  return MakeArray<arrow::BinaryBuilder>(values);
}

void ExpectPage(const HandMadePage& page, const std::shared_ptr<arrow::Array>& expected) {
  const auto array = page.Read(expected->type());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE((*array)->Equals(*expected)) << (*array)->ToString();
}

MiniBlockLayout MiniBlock(EncodingPtr values, uint64_t num_items, bool large) {
  MiniBlockLayout layout;
  layout.value_compression = std::move(values);
  layout.layers = kAllValid;
  layout.num_buffers = 1;
  layout.num_items = num_items;
  layout.has_large_chunk = large;
  return layout;
}

FullZipLayout FullZip(EncodingPtr values, uint32_t num_items, uint32_t bits_def) {
  FullZipLayout layout;
  layout.value_compression = std::move(values);
  layout.bits_def = bits_def;
  layout.layers = bits_def > 0 ? kNullable : kAllValid;
  layout.num_items = num_items;
  layout.num_visible_items = num_items;
  return layout;
}

const ByteVector kInt32Chunk21 = {4, 0, 8, 0, 16, 0, 0xfe, 0xfe, 0, 0, 0, 0, 1, 0, 0, 0,
                                  1, 0, 0, 0, 2,  0, 0,    0,    0, 0, 0, 0, 4, 0, 0, 0};

TEST(MiniBlockPageTest, TheInt32ExampleOf21IsRead) {
  auto layout = MiniBlock(Flat(32), 4, false);
  layout.def_compression = Flat(16);
  layout.layers = kNullable;
  ExpectPage({4, {layout}, {{0x30, 0x00}, kInt32Chunk21}}, Int32s({1, 2, std::nullopt, 4}));
}

TEST(MiniBlockPageTest, TheInt32ExampleOf22IsReadFromItsLayoutMessage) {
  const ByteVector message = {0x0a, 0x15, 0x12, 0x04, 0x0a, 0x02, 0x08, 0x10,
                              0x1a, 0x04, 0x0a, 0x02, 0x08, 0x20, 0x32, 0x01,
                              0x03, 0x38, 0x01, 0x48, 0x04, 0x50, 0x01};
  const auto layout = PageLayout::Parse(message);
  ASSERT_TRUE(layout.ok()) << layout.status();
  ExpectPage({4, *layout, {{0x30, 0, 0, 0}, {4, 0, 8, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
                                             1, 0, 0, 0, 2,  0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0}}},
             Int32s({1, 2, std::nullopt, 4}));
}

TEST(MiniBlockPageTest, TheStringExampleIsRead) {
  const ByteVector chunk = {0,   0,   28,  0,   0,   0,   0xfe, 0xfe, 20,   0,    0,    0,   21, 0,
                            0,   0,   23,  0,   0,   0,   23,   0,    0,    0,    27,   0,   0,  0,
                            'x', 'y', 'y', 'z', 'z', 'z', 'z',  0x48, 0xfe, 0xfe, 0xfe, 0xfe};
  ExpectPage({4, {MiniBlock(Variable(32), 4, true)}, {{0x40, 0, 0, 0}, chunk}},
             Strings({"x", "yy", "", "zzzz"}));
}

// A chunk of 2.1 with one value buffer and no levels.
ByteVector PlainChunk(const ByteVector& values) {
  ByteVector chunk;
  test::AppendValue(&chunk, uint16_t{0});
  test::AppendValue(&chunk, static_cast<uint16_t>(values.size()));
  chunk.resize(8, 0xfe);
  test::AppendBytes(&chunk, values.data(), values.size());
  chunk.resize((chunk.size() + 7) / 8 * 8, 0xfe);
  return chunk;
}

// A page of 2.1 from chunks of given numbers of values.
HandMadePage PlainPage(const std::vector<std::vector<int32_t>>& chunks, int64_t num_rows) {
  ByteVector words;
  ByteVector data;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto chunk = PlainChunk(test::BytesOf(chunks[i]));
    int log = 0;
    while (i + 1 < chunks.size() && size_t{1} << log < chunks[i].size()) ++log;
    test::AppendValue(&words, static_cast<uint16_t>((chunk.size() / 8 - 1) << 4 | log));
    test::AppendBytes(&data, chunk.data(), chunk.size());
  }
  return {num_rows, {MiniBlock(Flat(32), static_cast<uint64_t>(num_rows), false)}, {words, data}};
}

TEST(MiniBlockPageTest, ChunksOfDifferentNumbersOfRowsAreRead) {
  for (const std::vector<size_t>& sizes :
       {std::vector<size_t>{8, 2, 4, 1}, {2, 2, 2, 2}, {4, 4, 3}, {4, 4, 9}, {16}}) {
    std::vector<std::vector<int32_t>> chunks;
    std::vector<std::optional<int32_t>> expected;
    for (const size_t size : sizes) {
      auto& chunk = chunks.emplace_back();
      for (size_t i = 0; i < size; ++i) {
        chunk.push_back(static_cast<int32_t>(expected.size()));
        expected.push_back(chunk.back());
      }
    }
    const auto page = PlainPage(chunks, std::ssize(expected));
    ExpectPage(page, Int32s(expected));
    for (uint32_t row = 0; row < expected.size(); ++row) {  // ChunkOf finds each row
      const RowRun run{row, 0, 1};
      const auto array = ReadRows(page.file, page.column, arrow::int32(), {&run, 1}, 1);
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_TRUE((*array)->Equals(*Int32s({expected[row]})));
    }
  }
}

TEST(MiniBlockPageTest, ChunksThatDoNotAddUpToThePageAreErrors) {
  const std::vector<std::vector<int32_t>> chunks = {{1, 2, 3, 4}, {5, 6}};
  EXPECT_TRUE(PlainPage(chunks, 6).Read(arrow::int32()).ok());
  for (const int64_t num_rows : {1, 4, 5, 7}) {
    EXPECT_TRUE(PlainPage(chunks, num_rows).Read(arrow::int32()).status().IsSerializationError())
        << num_rows;
  }
  auto more_items = PlainPage(chunks, 6);
  more_items.column.pages[0].num_rows = 7;
  EXPECT_TRUE(more_items.Read(arrow::int32()).status().IsSerializationError());
}

TEST(MiniBlockPageTest, OnlyTheLastChunkMayHoldOneRow) {
  EXPECT_TRUE(PlainPage({{1}, {2, 3}}, 3).Read(arrow::int32()).status().IsSerializationError());
}

TEST(MiniBlockPageTest, ADictionaryPageWithNarrowIndicesIsRead) {
  auto layout = MiniBlock(Flat(8), 4, false);
  layout.dictionary = Variable(32);
  layout.num_dictionary_items = 2;
  layout.def_compression = Flat(16);
  layout.layers = kNullable;
  // The index of the null row points nowhere.
  const ByteVector chunk = {4, 0, 8, 0, 4, 0, 0,    0, 0, 0, 0, 0,
                            1, 0, 0, 0, 1, 0, 0xff, 1, 0, 0, 0, 0};
  const auto items = test::EncodeVariableBlock<uint32_t>({"red", "blue"});
  ExpectPage({4, {layout}, {{0x20, 0x00}, chunk, items}},
             Strings({"blue", "red", std::nullopt, "blue"}));

  auto out_of_range = chunk;
  out_of_range[16] = 2;
  const HandMadePage bad(4, {layout}, {{0x20, 0x00}, out_of_range, items});
  EXPECT_TRUE(bad.Read(arrow::utf8()).status().IsSerializationError());
}

TEST(MiniBlockPageTest, ADictionaryInTheOldFormIsRead) {
  auto layout = MiniBlock(Flat(8), 2, false);
  layout.dictionary = Variable(32);
  layout.num_dictionary_items = 2;
  // u8 bits, u32 count, u32 start, offsets, bytes.
  const ByteVector items = {32, 2, 0, 0, 0, 21, 0, 0, 0, 0,   0,   0,
                            0,  1, 0, 0, 0, 3,  0, 0, 0, 'a', 'b', 'c'};
  ExpectPage({2, {layout}, {{0x10, 0x00}, PlainChunk({1, 0}), items}}, Strings({"bc", "a"}));
}

TEST(MiniBlockPageTest, AStringThatIsNotUtf8IsAnErrorUnlessItIsNull) {
  auto layout = MiniBlock(Variable(32), 2, false);
  layout.def_compression = Flat(16);
  layout.layers = kNullable;
  const auto values = test::EncodeVariableMiniBlock<uint32_t>({"good", "\xff\xff\xff\xff"});
  ByteVector chunk = {2, 0, 4, 0, static_cast<uint8_t>(values.size()), 0, 0, 0, 0, 0, 1, 0,
                      0, 0, 0, 0};
  test::AppendBytes(&chunk, values.data(), values.size());
  chunk.resize((chunk.size() + 7) / 8 * 8);
  const ByteVector words = {static_cast<uint8_t>((chunk.size() / 8 - 1) << 4), 0};
  ExpectPage({2, {layout}, {words, chunk}}, Strings({"good", std::nullopt}));
  chunk[10] = 0;  // now it is valid
  const HandMadePage bad(2, {layout}, {words, chunk});
  EXPECT_TRUE(bad.Read(arrow::utf8()).status().IsSerializationError());
  EXPECT_TRUE(bad.Read(arrow::binary()).ok());
}

TEST(MiniBlockPageTest, ACharacterCutBetweenTwoStringsIsAnError) {
  const auto values = test::EncodeVariableMiniBlock<uint32_t>({"\xc3", "\xa9"});
  const auto chunk = PlainChunk(values);
  const ByteVector words = {static_cast<uint8_t>((chunk.size() / 8 - 1) << 4), 0};
  const HandMadePage page(2, {MiniBlock(Variable(32), 2, false)}, {words, chunk});
  EXPECT_TRUE(page.Read(arrow::utf8()).status().IsSerializationError());
  EXPECT_TRUE(page.Read(arrow::binary()).ok());
}

const ByteVector kBinaryRecords = {0, 2, 0, 0, 0, 'a', 'b', 1,   0,   0,  0,
                                   0, 0, 0, 3, 0, 0,   0,   'x', 'y', 'z'};
const std::vector<std::optional<std::string>> kBinaries = {"ab", std::nullopt, "", "xyz"};

FullZipLayout BinaryLayout() {
  auto layout = FullZip(Variable(32), 4, 1);
  layout.bits_per_offset = 32;
  return layout;
}

TEST(FullZipPageTest, TheBinaryExampleIsRead) {
  ExpectPage({4, {BinaryLayout()}, {kBinaryRecords, {0x00, 0x07, 0x08, 0x0d, 0x15}}},
             Binaries(kBinaries));
}

TEST(FullZipPageTest, AnIndexOfAnyWidthIsRead) {
  const std::vector<uint64_t> starts = {0x00, 0x07, 0x08, 0x0d, 0x15};
  for (const size_t width : {1u, 2u, 4u, 8u}) {
    ByteVector index;
    for (const uint64_t start : starts) test::AppendBytes(&index, &start, width);
    ExpectPage({4, {BinaryLayout()}, {kBinaryRecords, index}}, Binaries(kBinaries));
  }
}

TEST(FullZipPageTest, AnIndexThatFallsOrLeavesTheRecordsIsAnError) {
  for (const ByteVector& index : {ByteVector{0x00, 0x08, 0x07, 0x0d, 0x15},
                                  {0x00, 0x07, 0x08, 0x0d, 0x16},
                                  {0x00, 0x07, 0x08, 0x0d},
                                  {},
                                  {0x00, 0x07, 0x08, 0x0d, 0x15, 0x15}}) {
    const HandMadePage page(4, {BinaryLayout()}, {kBinaryRecords, index});
    EXPECT_TRUE(page.Read(arrow::binary()).status().IsSerializationError());
  }
}

TEST(FullZipPageTest, ControlWordsOfTwoBytesAreRead) {
  auto layout = BinaryLayout();
  layout.bits_def = 9;
  ExpectPage({2,
              {[&] {
                layout.num_items = layout.num_visible_items = 2;
                return layout;
              }()},
              {{0, 0, 1, 0, 0, 0, 'q', 1, 0}, {0, 7, 9}}},
             Binaries({"q", std::nullopt}));
}

TEST(FullZipPageTest, TheVectorExampleIsRead) {
  auto layout = FullZip(Encoding({FixedSizeListEncoding{2, true, Flat(32)}}), 4, 1);
  layout.bits_per_value = 72;
  const ByteVector records = {0,    0xf3, 0, 0, 0x80, 0x3f, 0,    0,    0, 0x40, 1,    0,    0, 0,
                              0,    0,    0, 0, 0,    0,    0,    3,    0, 0,    0x40, 0x40, 0, 0,
                              0x80, 0x40, 0, 3, 0,    0,    0xa0, 0x40, 0, 0,    0xc0, 0x40};
  arrow::FixedSizeListBuilder builder(arrow::default_memory_pool(),
                                      std::make_shared<arrow::FloatBuilder>(), 2);
  auto* items = static_cast<arrow::FloatBuilder*>(builder.value_builder());
  ASSERT_TRUE(builder.Append().ok() && items->Append(1).ok() && items->Append(2).ok());
  ASSERT_TRUE(builder.AppendNull().ok());
  ASSERT_TRUE(builder.Append().ok() && items->Append(3).ok() && items->Append(4).ok());
  ASSERT_TRUE(builder.Append().ok() && items->Append(5).ok() && items->Append(6).ok());
  ExpectPage({4, {layout}, {records}}, builder.Finish().ValueOrDie());
}

TEST(FullZipPageTest, ADefinitionLevelAboveOneIsAnError) {
  auto layout = FullZip(Flat(32), 2, 2);
  layout.bits_per_value = 32;
  const HandMadePage page(2, {layout}, {{0, 1, 0, 0, 0, 2, 2, 0, 0, 0}});
  EXPECT_TRUE(page.Read(arrow::int32()).status().IsSerializationError());
}

TEST(FullZipPageTest, RecordsOfAnotherTotalSizeAreAnError) {
  auto layout = FullZip(Flat(32), 2, 0);
  layout.bits_per_value = 32;
  for (const size_t size : {0u, 7u, 9u, 12u}) {
    const HandMadePage page(2, {layout}, {ByteVector(size)});
    EXPECT_TRUE(page.Read(arrow::int32()).status().IsSerializationError()) << size;
  }
}

TEST(FullZipPageTest, BareZstdFramesAreRead) {
  auto layout = FullZip(Encoding({GeneralEncoding{CompressionScheme::kZstd, Variable(32)}}), 1, 0);
  layout.bits_per_offset = 32;
  const std::string text = "stored as it is";
  const auto frame = test::EncodeZstdFrame(
      {{test::ZstdBlock::kRaw, static_cast<uint32_t>(text.size()), {text.begin(), text.end()}}},
      -1);
  ByteVector record;
  test::AppendValue(&record, static_cast<uint32_t>(frame.size()));
  test::AppendBytes(&record, frame.data(), frame.size());
  ExpectPage({1, {layout}, {record, {0, static_cast<uint8_t>(record.size())}}}, Strings({text}));
}

ConstantLayout Constant(std::optional<std::string> value, std::vector<RepDefLayer> layers) {
  ConstantLayout layout;
  layout.inline_value = std::move(value);
  layout.layers = std::move(layers);
  return layout;
}

TEST(ConstantPageTest, TheInlineExampleWithLevelsIsRead) {
  const auto layout = Constant(std::string("\x07\0\0\0", 4), kNullable);
  ExpectPage({4, {layout}, {{}, {0, 0, 1, 0, 0, 0, 0, 0}}}, Int32s({7, std::nullopt, 7, 7}));
}

TEST(ConstantPageTest, AnInlineValueAloneIsRead) {
  ExpectPage({3, {Constant(std::string("\x07\0\0\0", 4), kAllValid)}, {}}, Int32s({7, 7, 7}));
}

const ByteVector kScalar = {2, 0, 0, 0, 8, 0, 0, 0, 3,   0,   0,  0,
                            0, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c'};

TEST(ConstantPageTest, AScalarBufferIsReadWithAndWithoutLevels) {
  ExpectPage({2, {Constant(std::nullopt, kAllValid)}, {kScalar}}, Strings({"abc", "abc"}));
  ExpectPage({3, {Constant(std::nullopt, kNullable)}, {kScalar, {}, {1, 0, 0, 0, 1, 0}}},
             Strings({std::nullopt, "abc", std::nullopt}));
  ExpectPage({2, {Constant(std::nullopt, kNullable)}, {kScalar, {}, {}}}, Strings({"abc", "abc"}));
}

TEST(ConstantPageTest, AScalarBufferOfAFixedWidthIsRead) {
  ByteVector scalar = {1, 0, 0, 0, 40, 0, 0, 0};
  scalar.resize(48, 'w');
  const HandMadePage page(2, {Constant(std::nullopt, kAllValid)}, {scalar});
  const auto array = page.Read(arrow::fixed_size_binary(40));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ((*array)->length(), 2);
}

TEST(ConstantPageTest, AMalformedScalarIsAnError) {
  for (size_t size = 0; size < kScalar.size(); ++size) {
    const ByteVector cut(kScalar.begin(), kScalar.begin() + static_cast<int64_t>(size));
    const HandMadePage page(2, {Constant(std::nullopt, kAllValid)}, {cut});
    EXPECT_TRUE(page.Read(arrow::utf8()).status().IsSerializationError()) << size;
  }
  auto falling = kScalar;
  falling[12] = 4;
  EXPECT_FALSE(
      HandMadePage(2, {Constant(std::nullopt, kAllValid)}, {falling}).Read(arrow::utf8()).ok());
  for (const std::string value : {"", "\x01", "12345678"}) {
    EXPECT_TRUE(HandMadePage(2, {Constant(value, kAllValid)}, {})
                    .Read(arrow::int32())
                    .status()
                    .IsSerializationError());
  }
}

TEST(ConstantPageTest, LevelsOfAnotherNumberThanRowsAreAnError) {
  const auto layout = Constant(std::string("\x07\0\0\0", 4), kNullable);
  const HandMadePage page(4, {layout}, {{}, {0, 0, 1, 0, 0, 0}});
  EXPECT_TRUE(page.Read(arrow::int32()).status().IsSerializationError());
}

TEST(ConstantPageTest, APageWithoutAValueIsNullForEveryType) {
  const HandMadePage page(3, {Constant(std::nullopt, kNullable)}, {});
  for (const auto& type : {arrow::null(), arrow::int8(), arrow::boolean(), arrow::large_utf8(),
                           arrow::fixed_size_list(arrow::float32(), 4)}) {
    const auto array = page.Read(type);
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ((*array)->null_count(), 3) << type->ToString();
  }
}

// Packed structs of two numbers, as uint16, by 32 bits each.
std::shared_ptr<arrow::Array> Pairs(const std::vector<std::optional<uint16_t>>& first,
                                    const std::vector<std::optional<uint16_t>>& second,
                                    const std::vector<bool>& is_valid) {
  auto members = arrow::StructArray::Make({MakeArray<arrow::UInt16Builder>(first),
                                           MakeArray<arrow::UInt16Builder>(second)},
                                          std::vector<std::string>{"first", "second"})
                     .ValueOrDie()
                     ->data()
                     ->Copy();
  arrow::TypedBufferBuilder<bool> bitmap;
  for (const bool valid : is_valid) EXPECT_TRUE(bitmap.Append(valid).ok());
  members->buffers[0] = bitmap.Finish().ValueOrDie();
  members->null_count = arrow::kUnknownNullCount;
  return arrow::MakeArray(members);
}

EncodingPtr PackedPair() { return Encoding({PackedStructEncoding{{16, 16}, Flat(32)}}); }

TEST(PackedStructTest, RowsOfAChunkAreCutIntoMembers) {
  auto layout = MiniBlock(PackedPair(), 4, false);
  layout.def_compression = Flat(16);
  layout.layers = kNullable;
  ExpectPage({4, {layout}, {{0x30, 0x00}, kInt32Chunk21}},
             Pairs({1, 2, 0, 4}, {0, 0, 0, 0}, {true, true, false, true}));
}

TEST(PackedStructTest, RecordsAreCutIntoMembers) {
  auto layout = FullZip(PackedPair(), 3, 1);
  layout.bits_per_value = 32;
  ExpectPage({3, {layout}, {{0, 1, 0, 2, 0, 1, 9, 9, 9, 9, 0, 3, 1, 4, 0}}},
             Pairs({1, 0, 259}, {2, 0, 4}, {true, false, true}));
}

TEST(PackedStructTest, MembersThatAreNotThoseOfTheTypeAreAnError) {
  const auto type = Pairs({}, {}, {})->type();
  for (const auto& bits :
       std::vector<std::vector<uint64_t>>{{}, {32}, {16, 16, 0}, {8, 24}, {UINT64_MAX, 33}}) {
    const auto encoding = Encoding({PackedStructEncoding{bits, Flat(32)}});
    const HandMadePage page(4, {MiniBlock(encoding, 4, false)}, {{0x30, 0x00}, kInt32Chunk21});
    EXPECT_TRUE(page.Read(type).status().IsSerializationError());
  }
  const HandMadePage wider(
      4, {MiniBlock(Encoding({PackedStructEncoding{{16, 16}, Flat(64)}}), 4, false)},
      {{0x30, 0x00}, kInt32Chunk21});
  EXPECT_TRUE(wider.Read(type).status().IsSerializationError());
}

// Records of {uint16, string}: the length of a record, then of the string, have `length_bits`.
HandMadePage VariablePairs(uint32_t length_bits, const ByteVector& data, const ByteVector& index) {
  VariablePackedStructEncoding packed;
  packed.fields.push_back({Flat(16), 16, std::nullopt});
  packed.fields.push_back({Variable(32), std::nullopt, length_bits});
  auto layout = FullZip(Encoding({packed}), static_cast<uint32_t>(index.size()) - 1, 1);
  layout.bits_per_offset = length_bits;
  return {std::ssize(index) - 1, {layout}, {data, index}};
}

std::shared_ptr<arrow::DataType> NumberAndText() {
  return arrow::struct_({arrow::field("n", arrow::uint16()), arrow::field("s", arrow::utf8())});
}

// The number and the text of a row of such pairs.
std::string RowOf(const arrow::Array& array, int64_t row) {
  return array.GetScalar(row).ValueOrDie()->ToString();
}

TEST(VariablePackedStructTest, LengthsMayHave32Or64Bits) {
  const auto by_32 = VariablePairs(32, {0, 8, 0, 0, 0, 7, 0, 2, 0, 0, 0, 'a', 'b',  //
                                        1,                                          //
                                        0, 6, 0, 0, 0, 8, 0, 0, 0, 0, 0},
                                   {0, 13, 14, 25})
                         .Read(NumberAndText());
  ASSERT_TRUE(by_32.ok()) << by_32.status();
  const auto by_64 =
      VariablePairs(64, {0, 12, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 1},
                    {0, 21, 22})
          .Read(NumberAndText());
  ASSERT_TRUE(by_64.ok()) << by_64.status();
  for (const auto& array : {*by_32, *by_64}) {
    EXPECT_EQ(RowOf(*array, 0), "{n:uint16 = 7, s:string = ab}");
    EXPECT_TRUE(array->IsNull(1));
  }
  EXPECT_EQ(RowOf(**by_32, 2), "{n:uint16 = 8, s:string = }");
}

TEST(VariablePackedStructTest, MembersThatDoNotFillTheirRecordAreAnError) {
  const ByteVector good = {0, 8, 0, 0, 0, 7, 0, 2, 0, 0, 0, 'a', 'b'};
  for (const auto& [at, value] : std::vector<std::pair<size_t, uint8_t>>{
           {1, 9}, {1, 7}, {7, 1}, {7, 3}, {10, 0xff}, {11, 0xff}}) {
    auto bad = good;
    bad[at] = value;
    const auto status = VariablePairs(32, bad, {0, 13}).Read(NumberAndText()).status();
    EXPECT_TRUE(status.IsSerializationError()) << at << status;
  }
}

TEST(BlobPageTest, APositionWithoutASizeIsANull) {
  BlobLayout blob;
  blob.inner = std::make_shared<const PageLayout>(
      PageLayout{MiniBlock(Encoding({PackedStructEncoding{{64, 64}, Flat(128)}}), 3, false)});
  blob.layers = kNullable;
  ByteVector values;
  for (const uint64_t number : {64, 5, 0, 0, 1 << 16, 0}) {
    for (int shift = 0; shift < 64; shift += 8) {
      values.push_back(static_cast<uint8_t>(number >> shift));
    }
  }
  const auto type = arrow::struct_(
      {arrow::field("position", arrow::uint64()), arrow::field("size", arrow::uint64())});
  const HandMadePage page(3, {blob}, {{0x60, 0x00}, PlainChunk(values)});
  const auto array = page.Read(type);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE((*array)->IsValid(0));
  EXPECT_TRUE((*array)->IsValid(1));
  EXPECT_TRUE((*array)->IsNull(2));
  const auto& members = static_cast<const arrow::StructArray&>(**array);
  EXPECT_EQ(members.field(0)->GetScalar(0).ValueOrDie()->ToString(), "64");
  EXPECT_EQ(members.field(1)->GetScalar(0).ValueOrDie()->ToString(), "5");
  EXPECT_TRUE(page.Read(arrow::large_binary()).status().IsSerializationError());
}

TEST(DictionaryColumnTest, APageWithoutADictionaryIsRefused) {
  const HandMadePage page(4, {MiniBlock(Flat(32), 4, false)}, {{0x30, 0x00}, kInt32Chunk21});
  EXPECT_TRUE(
      page.Read(arrow::dictionary(arrow::int32(), arrow::utf8())).status().IsNotImplemented());
}

}  // namespace
}  // namespace croupier::format
