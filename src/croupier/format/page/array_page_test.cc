#include "croupier/format/page/array_page.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/array_dict.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/encoding/test_arrays.h"
#include "croupier/format/encoding/test_encoders.h"
#include "croupier/format/page/list_page.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/format/page/test_pages.h"

// Pages of format 2.0 put together by hand: legal forms that released writers did not write, and
// pages that lie. Those of writers are golden files.
namespace croupier::format {
namespace {

using namespace test;

struct HandMadePage : test::HandMadePage {
  // Buffers are not aligned.
  HandMadePage(int64_t num_rows, const Message& encoding, const std::vector<ByteVector>& buffers)
      : test::HandMadePage(num_rows,
                           {ArrayLayout{ArrayEncoding::Parse(encoding.bytes()).ValueOrDie()}},
                           buffers, {7}) {}

  arrow::Result<std::shared_ptr<const Page>> Open(
      const std::shared_ptr<arrow::DataType>& type) const {
    std::vector<std::shared_ptr<arrow::Buffer>> headers;
    for (const ByteRange range : Page::HeaderRanges(column.pages[0])) {
      headers.push_back(arrow::Buffer::FromString(
          std::string(file.begin() + range.offset_bytes, file.begin() + range.end_bytes())));
    }
    return Page::Open(column.pages[0], LeafPath::Flat(type), headers);
  }

  // All rows of a page of one chunk, in their decoded form.
  arrow::Result<std::shared_ptr<arrow::Array>> DecodeChunk(
      const std::shared_ptr<arrow::DataType>& type) const {
    ARROW_ASSIGN_OR_RAISE(const auto page, Open(type));
    const auto* chunks = page->AsChunks();
    EXPECT_NE(chunks, nullptr);
    EXPECT_EQ(chunks->num_chunks(), 1);
    const ByteRange range = chunks->chunk(0).bytes;
    ARROW_ASSIGN_OR_RAISE(
        const auto rows,
        chunks->DecodeChunk(0,
                            std::span(file).subspan(static_cast<size_t>(range.offset_bytes),
                                                    static_cast<size_t>(range.size_bytes)),
                            arrow::default_memory_pool()));
    auto array = arrow::MakeArray(std::const_pointer_cast<arrow::ArrayData>(rows.array));
    ARROW_RETURN_NOT_OK(array->ValidateFull());
    return array;
  }
};

template <typename T>
ByteVector Ints(const std::vector<T>& values) {
  return BytesOf(values);
}

ByteVector Text(std::string_view text) { return {text.begin(), text.end()}; }

template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> ArrayOf(const std::vector<std::optional<Value>>& values) {
  Builder builder;
  for (const auto& value : values) {
    EXPECT_TRUE((value.has_value() ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Strings(const std::vector<std::optional<std::string>>& values) {
  return ArrayOf<arrow::StringBuilder>(values);
}

void ExpectPage(const HandMadePage& page, const std::shared_ptr<arrow::Array>& expected) {
  const auto array = page.Read(expected->type());
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE((*array)->Equals(*expected)) << (*array)->ToString();
  // The rows one by one, the last first.
  std::vector<RowRun> runs;
  const auto num_rows = static_cast<uint32_t>(expected->length());
  for (uint32_t row = num_rows; row-- > 0;) runs.push_back({row, row, 1});
  const auto taken = ReadRows(page.file, page.column, expected->type(), runs, num_rows);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE((*taken)->Equals(*expected)) << (*taken)->ToString();
}

void ExpectError(const HandMadePage& page, const std::shared_ptr<arrow::DataType>& type) {
  const auto status = page.Read(type).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
}

// Bits of consecutive values, the lowest first.
template <std::unsigned_integral Word>
ByteVector PackStream(const std::vector<Word>& values, int width) {
  ByteVector bytes((values.size() * static_cast<size_t>(width) + 7) / 8);
  size_t at = 0;
  for (const Word value : values) {
    for (int bit = 0; bit < width; ++bit, ++at) {
      if ((value >> bit & 1) != 0) bytes[at / 8] |= static_cast<uint8_t>(1 << (at % 8));
    }
  }
  return bytes;
}

template <typename Word>
class PackedArrayPageTest : public ::testing::Test {};
using Words = ::testing::Types<uint8_t, uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(PackedArrayPageTest, Words);

TYPED_TEST(PackedArrayPageTest, BitpackedValuesOfEveryDistributionAreRead) {
  using Builder = typename arrow::CTypeTraits<TypeParam>::BuilderType;
  const int bits = sizeof(TypeParam) * 8;
  for (const auto& [name, values] : Distributions<TypeParam>(3001)) {
    SCOPED_TRACE(name);
    Builder builder;
    ASSERT_TRUE(builder.AppendValues(values).ok());
    const auto expected = builder.Finish().ValueOrDie();
    const int width = WidthOf(values);
    const auto num_rows = std::ssize(values);
    const auto w = static_cast<uint64_t>(width);
    ExpectPage({num_rows, BitpackedArrayOf(w, bits, 0, false), {PackStream(values, width)}},
               expected);
    const auto blocks = EncodeOutOfLineBitpacking(values, width, /*raw_tail=*/false);
    ExpectPage({num_rows, NoNullsArrayOf(FastLanesArrayOf(w, bits, 0)), {blocks}}, expected);
    // A byte less holds fewer values.
    for (const auto& encoding :
         {BitpackedArrayOf(w, bits, 0, false), FastLanesArrayOf(w, bits, 0)}) {
      if (width == 0) continue;
      const bool is_stream = encoding.bytes() == BitpackedArrayOf(w, bits, 0, false).bytes();
      auto bytes = is_stream ? PackStream(values, width) : blocks;
      bytes.pop_back();
      ExpectError({num_rows, encoding, {bytes}}, expected->type());
    }
  }
}

TEST(ArrayPageTest, SignedBitpackedValuesKeepTheirSign) {
  const std::vector<uint16_t> stored = {0b01111, 0b10000, 0b11111, 0};
  ExpectPage({4, BitpackedArrayOf(5, 16, 0, true), {PackStream(stored, 5)}},
             ArrayOf<arrow::Int16Builder, int16_t>({15, -16, -1, 0}));
}

TEST(ArrayPageTest, PackedValuesMayBeNull) {
  const std::vector<uint32_t> stored = {5, 0, 7};
  ExpectPage({3,
              SomeNullsArrayOf(FlatArrayOf(1, 0), FastLanesArrayOf(3, 32, 1)),
              {{0b101}, PackBlock(stored, 3)}},
             ArrayOf<arrow::UInt32Builder, uint32_t>({5, std::nullopt, 7}));
}

TEST(ArrayPageTest, WidthsThatValuesCannotHaveAreErrors) {
  const ByteVector bytes(4096);
  ExpectError({4, BitpackedArrayOf(33, 32, 0, false), {bytes}}, arrow::int32());
  ExpectError({4, FastLanesArrayOf(33, 32, 0), {bytes}}, arrow::int32());
  ExpectError({4, FastLanesArrayOf(3, 16, 0), {bytes}}, arrow::int32());
  ExpectError({4, FlatArrayOf(16, 0), {bytes}}, arrow::int32());
  ExpectError({4, FlatArrayOf(0, 0), {bytes}}, arrow::int32());
}

TEST(ArrayPageTest, FixedSizeBinaryIsReadInBothForms) {
  const auto type = arrow::fixed_size_binary(3);
  arrow::FixedSizeBinaryBuilder builder(type);
  ASSERT_TRUE(builder.Append("abc").ok());
  ASSERT_TRUE(builder.Append("def").ok());
  const auto expected = builder.Finish().ValueOrDie();
  for (const uint64_t bits : {8, 24}) {
    const auto bytes = NoNullsArrayOf(FlatArrayOf(bits, 0));
    ExpectPage({2, FixedSizeBinaryArrayOf(3, bytes), {Text("abcdef")}}, expected);
    ExpectError({3, FixedSizeBinaryArrayOf(3, bytes), {Text("abcdef")}}, type);
    ExpectError({2, FixedSizeBinaryArrayOf(2, bytes), {Text("abcdef")}}, type);
  }
}

TEST(ArrayPageTest, BuffersMustHoldTheRows) {
  ExpectError({4, FlatArrayOf(32, 0), {ByteVector(15)}}, arrow::int32());
  ExpectError({4, FlatArrayOf(32, 1), {ByteVector(16)}}, arrow::int32());
  // Read without its page, such a column would be too large for any memory.
  EXPECT_TRUE(
      HandMadePage(UINT32_MAX, FixedSizeListArrayOf(1 << 20, FlatArrayOf(64, 0)), {ByteVector(16)})
          .Open(arrow::fixed_size_list(arrow::int64(), 1 << 20))
          .status()
          .IsSerializationError());
  ExpectError({9, SomeNullsArrayOf(FlatArrayOf(1, 0), FlatArrayOf(8, 1)), {{0xff}, ByteVector(9)}},
              arrow::int8());
  ExpectError({2, FixedSizeListArrayOf(3, FlatArrayOf(8, 0)), {ByteVector(6)}},
              arrow::fixed_size_list(arrow::int8(), 2));
}

TEST(ArrayPageTest, ItemsThatAreAllNullTakeNoBytes) {
  const auto type = arrow::fixed_size_list(arrow::int32(), 2);
  const auto array =
      HandMadePage(3, SomeNullsArrayOf(FlatArrayOf(1, 0), FixedSizeListArrayOf(2, AllNullsArray())),
                   {{0b011}})
          .Read(type);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ((*array)->null_count(), 1);
  const auto& list = static_cast<const arrow::FixedSizeListArray&>(**array);
  EXPECT_EQ(list.values()->null_count(), 6);
}

// --- Strings.

TEST(ArrayPageTest, ANullMayOwnBytesThatAreNoText) {
  ExpectPage({4,
              BinaryArrayOf(FlatArrayOf(64, 0), FlatArrayOf(8, 1), 8),
              {Ints<uint64_t>({2, 8 + 4, 4, 7}), Text("ab\xff\xfe"
                                                      "cde")}},
             Strings({"ab", std::nullopt, "", "cde"}));
}

TEST(ArrayPageTest, EndsMustAscendWithinTheBytes) {
  const auto page = [](const std::vector<uint64_t>& ends, uint64_t adjustment) {
    return HandMadePage(std::ssize(ends),
                        BinaryArrayOf(FlatArrayOf(64, 0), FlatArrayOf(8, 1), adjustment),
                        {Ints(ends), Text("abcde")});
  };
  ExpectPage(page({1, 5}, 6), Strings({"a", "bcde"}));
  ExpectError(page({3, 2}, 6), arrow::utf8());
  ExpectError(page({3, 6}, 7), arrow::utf8());
  ExpectError(page({3, 6 + 2}, 6), arrow::utf8());
  ExpectError(page({3, UINT64_MAX}, 6), arrow::utf8());
  ExpectError(page({3, UINT64_MAX}, UINT64_MAX), arrow::utf8());
  ExpectError(page({3, (uint64_t{1} << 33)}, UINT64_MAX), arrow::utf8());
}

TEST(ArrayPageTest, TextIsChecked) {
  const HandMadePage page(1, BinaryArrayOf(FlatArrayOf(64, 0), FlatArrayOf(8, 1), 3),
                          {Ints<uint64_t>({2}), Text("\xff\xfe")});
  ExpectError(page, arrow::utf8());
  EXPECT_TRUE(page.Read(arrow::binary()).ok());
}

TEST(ArrayPageTest, FsstIsReadFromShortAndLongValues) {
  const std::vector<std::string> symbols = {"abc", "x"};
  for (const size_t repeats : {1, 400}) {
    std::string value;
    for (size_t i = 0; i < repeats; ++i) value += "abcx?";
    const std::string codes = EncodeFsst(symbols, value);
    ExpectPage({2,
                FsstArrayOf(BinaryArrayOf(FlatArrayOf(64, 0), FlatArrayOf(8, 1), 1 << 20),
                            EncodeFsstTable(symbols)),
                {Ints<uint64_t>({codes.size(), codes.size() + (1 << 20)}), Text(codes)}},
               Strings({value, std::nullopt}));
  }
}

TEST(ArrayPageTest, BareZstdFramesAreRead) {
  const auto frame = EncodeZstdFrame({{ZstdBlock::kRaw, 3, Text("abc")}}, -1);
  const auto encoding = BinaryArrayOf(FlatArrayOf(64, 0), FlatArrayOf(8, 1, "zstd"), 4);
  ExpectPage({2, encoding, {Ints<uint64_t>({1, 3}), frame}}, Strings({"a", "bc"}));
  ExpectError({2, encoding, {Ints<uint64_t>({1, 4}), frame}}, arrow::utf8());
}

TEST(ArrayPageTest, AnEmptyCompressedBufferHoldsNothing) {
  const auto encoding = BinaryArrayOf(FlatArrayOf(64, 0), FlatArrayOf(8, 1, "zstd"), 1);
  ExpectPage({2, encoding, {Ints<uint64_t>({0, 1}), {}}}, Strings({"", std::nullopt}));
}

// --- Dictionaries.

const Message kItems = BinaryArrayOf(FlatArrayOf(64, 1), FlatArrayOf(8, 2), 6);

TEST(ArrayPageTest, InStringDictionariesZeroIsNull) {
  const ByteVector ends = Ints<uint64_t>({2, 5});
  ExpectPage(
      {4, DictionaryArrayOf(FlatArrayOf(8, 0), kItems, 2), {{1, 0, 2, 1}, ends, Text("abcde")}},
      Strings({"ab", std::nullopt, "cde", "ab"}));
  ExpectError({1, DictionaryArrayOf(FlatArrayOf(8, 0), kItems, 2), {{3}, ends, Text("abcde")}},
              arrow::utf8());
}

TEST(ArrayPageTest, RowsOfNullItemsAreNull) {
  ExpectPage({3,
              DictionaryArrayOf(FlatArrayOf(8, 0), kItems, 2),
              {{1, 2, 0}, Ints<uint64_t>({2, 2 + 6}), Text("ab")}},
             Strings({"ab", std::nullopt, std::nullopt}));
}

TEST(ArrayPageTest, InArrowDictionariesZeroIsAnItem) {
  const auto type = arrow::dictionary(arrow::int16(), arrow::utf8());
  const auto array =
      HandMadePage(3, DictionaryArrayOf(FlatArrayOf(16, 0), kItems, 2),
                   {Ints<uint16_t>({1, 0, 1}), Ints<uint64_t>({2, 2 + 6}), Text("ab")})
          .DecodeChunk(type);
  ASSERT_TRUE(array.ok()) << array.status();
  const auto& decoded = static_cast<const arrow::DictionaryArray&>(**array);
  EXPECT_TRUE(decoded.IsNull(0));
  EXPECT_EQ(decoded.GetValueIndex(1), 0);
  EXPECT_TRUE(decoded.IsNull(2));
  // The null item that null rows point to is not kept: Arrow cannot unify dictionaries with it.
  EXPECT_TRUE(decoded.dictionary()->Equals(*Strings({"ab"})));
}

TEST(ArrayPageTest, AnArrowDictionaryOfNullsHasNoItems) {
  const auto type = arrow::dictionary(arrow::int16(), arrow::utf8());
  const auto array = HandMadePage(2, DictionaryArrayOf(FlatArrayOf(16, 0), AllNullsArray(), 1),
                                  {Ints<uint16_t>({0, 0})})
                         .DecodeChunk(type);
  ASSERT_TRUE(array.ok()) << array.status();
  const auto& decoded = static_cast<const arrow::DictionaryArray&>(**array);
  EXPECT_EQ(decoded.null_count(), 2);
  EXPECT_EQ(decoded.dictionary()->length(), 0);
  EXPECT_TRUE(decoded.ValidateFull().ok());
}

// --- Packed structs.

TEST(ArrayPageTest, PackedStructsAreRowsOfTheirMembers) {
  const auto type = arrow::struct_({arrow::field("a", arrow::uint8()),
                                    arrow::field("b", arrow::fixed_size_list(arrow::uint16(), 2))});
  const auto encoding = PackedStructArrayOf(
      {NoNullsArrayOf(FlatArrayOf(8, 9)), FixedSizeListArrayOf(2, FlatArrayOf(16, 9))}, 0);
  const ByteVector rows = {1, 2, 0, 3, 0, 4, 5, 0, 6, 0};
  const auto array = HandMadePage(2, encoding, {rows}).DecodeChunk(type);
  ASSERT_TRUE(array.ok()) << array.status();
  const auto& packed = static_cast<const arrow::StructArray&>(**array);
  EXPECT_TRUE(packed.field(0)->Equals(*ArrayOf<arrow::UInt8Builder, uint8_t>({1, 4})));
  const auto& lists = static_cast<const arrow::FixedSizeListArray&>(*packed.field(1));
  EXPECT_TRUE(lists.values()->Equals(*ArrayOf<arrow::UInt16Builder, uint16_t>({2, 3, 5, 6})));
  EXPECT_TRUE(HandMadePage(3, encoding, {rows}).Open(type).status().IsSerializationError());
  const auto other = arrow::struct_({arrow::field("a", arrow::uint8())});
  EXPECT_TRUE(HandMadePage(2, encoding, {rows}).Open(other).status().IsSerializationError());
}

// --- Lists.

std::vector<std::optional<std::pair<int64_t, int64_t>>> ReadLists(const ListPage& page) {
  std::vector<std::optional<std::pair<int64_t, int64_t>>> lists;
  for (int64_t row = 0; row < page.num_rows(); ++row) {
    auto& list = lists.emplace_back();
    if (page.IsValid(row)) list.emplace(page.ItemBegin(row), page.ItemBegin(row + 1));
  }
  return lists;
}

HandMadePage ListPageOf(const std::vector<uint64_t>& offsets, uint64_t adjustment,
                        uint64_t num_items) {
  return {std::ssize(offsets),
          ListArrayOf(NoNullsArrayOf(FlatArrayOf(64, 0)), adjustment, num_items),
          {Ints(offsets)}};
}

TEST(ListPageTest, TheExamplesOfTheSpecificationAreRead) {
  using Lists = std::vector<std::optional<std::pair<int64_t, int64_t>>>;
  const auto plain = ListPageOf({2, 8, 2, 5}, 6, 5).Open(arrow::null());
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(ReadLists(*(*plain)->AsLists()), (Lists{{{0, 2}}, std::nullopt, {{2, 2}}, {{2, 5}}}));
  const auto owning = ListPageOf({2, 13, 5, 7}, 8, 7).Open(arrow::null());
  ASSERT_TRUE(owning.ok()) << owning.status();
  EXPECT_EQ(ReadLists(*(*owning)->AsLists()), (Lists{{{0, 2}}, std::nullopt, {{5, 5}}, {{5, 7}}}));
}

TEST(ListPageTest, OffsetsThatLieAreErrors) {
  const auto status = [](const HandMadePage& page) { return page.Open(arrow::null()).status(); };
  EXPECT_TRUE(status(ListPageOf({2, 1}, 6, 5)).IsSerializationError());
  EXPECT_TRUE(status(ListPageOf({2, 5}, 6, 4)).IsSerializationError());
  EXPECT_TRUE(status(ListPageOf({2, 6 + 6}, 6, 5)).IsSerializationError());
  EXPECT_TRUE(status(ListPageOf({1, 5}, 0, 4)).IsSerializationError());
}

}  // namespace
}  // namespace croupier::format
