#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/util.h>
#include <arrow/json/from_string.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/format/encoding/test_encoders.h"
#include "croupier/format/page/column_tree.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/format/page/test_pages.h"

// Nested pages made by hand: the hex examples of lance-encodings.md, section 19, and what no writer
// was found to write.

namespace croupier::format {
namespace {

using Kind = PathLayer::Kind;
using test::ByteVector;
using test::Encoding;
using test::Flat;
using test::HandMadePage;
using test::Variable;

std::shared_ptr<const LeafPath> ListOf(std::shared_ptr<arrow::DataType> type) {
  return LeafPath::Make({{Kind::kList}}, std::move(type)).ValueOrDie();
}

void ExpectJson(const arrow::Result<std::shared_ptr<arrow::ArrayData>>& read,
                const std::string& json) {
  ASSERT_TRUE(read.ok()) << read.status();
  const auto array = arrow::MakeArray(*read);
  const auto expected = arrow::json::ArrayFromJSONString(array->type(), json).ValueOrDie();
  EXPECT_TRUE(array->Equals(*expected)) << array->ToString();
}

MiniBlockLayout ListLayout(uint64_t num_items) {
  MiniBlockLayout layout;
  layout.rep_compression = Flat(16);
  layout.def_compression = Flat(16);
  layout.value_compression = Flat(64);
  layout.layers = {RepDefLayer::kAllValidItem, RepDefLayer::kNullAndEmptyList};
  layout.num_buffers = 1;
  layout.num_items = num_items;
  layout.repetition_index_depth = 1;
  return layout;
}

// A chunk of 2.1 of levels of 16 bits and values of 64 bits.
ByteVector ListChunk(const std::vector<uint16_t>& rep, const std::vector<uint16_t>& def,
                     const std::vector<int64_t>& values) {
  ByteVector chunk;
  for (const size_t size : {rep.size(), rep.size() * 2, def.size() * 2, values.size() * 8}) {
    test::AppendValue(&chunk, static_cast<uint16_t>(size));
  }
  test::AppendBytes(&chunk, rep.data(), rep.size() * 2);
  chunk.resize((chunk.size() + 7) / 8 * 8, 0xfe);
  test::AppendBytes(&chunk, def.data(), def.size() * 2);
  chunk.resize((chunk.size() + 7) / 8 * 8, 0xfe);
  test::AppendBytes(&chunk, values.data(), values.size() * 8);
  return chunk;
}

ByteVector Index(const std::vector<uint64_t>& entries) {
  ByteVector bytes;
  for (const uint64_t entry : entries) test::AppendValue(&bytes, entry);
  return bytes;
}

// A page of chunks of two, two and one items.
HandMadePage ThreeChunks(const std::vector<ByteVector>& chunks, const std::vector<uint64_t>& index,
                         int64_t num_rows) {
  ByteVector words;
  ByteVector data;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto word = (chunks[i].size() / 8 - 1) << 4 | (i + 1 < chunks.size() ? 1 : 0);
    test::AppendValue(&words, static_cast<uint16_t>(word));
    test::AppendBytes(&data, chunks[i].data(), chunks[i].size());
  }
  return {num_rows, {ListLayout(5)}, {words, data, Index(index)}};
}

TEST(NestedPagesTest, TheListExampleIsRead) {
  const ByteVector chunk = {5, 0, 10, 0, 10, 0, 24, 0,                          //
                            1, 0, 0,  0, 1,  0, 1,  0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            0, 0, 0,  0, 1,  0, 2,  0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            1, 0, 0,  0, 0,  0, 0,  0, 2, 0, 0, 0, 0, 0, 0, 0,
                            3, 0, 0,  0, 0,  0, 0,  0};
  const HandMadePage page(4, {ListLayout(3)}, {{0x70, 0}, chunk, Index({4, 0})});
  ExpectJson(page.Read(ListOf(arrow::int64())), "[[1, 2], null, [], [3]]");
}

TEST(NestedPagesTest, TheListOfRecordsExampleIsRead) {
  FullZipLayout layout;
  layout.value_compression = Variable(32);
  layout.bits_rep = 1;
  layout.bits_def = 2;
  layout.bits_per_offset = 32;
  layout.layers = {RepDefLayer::kAllValidItem, RepDefLayer::kNullAndEmptyList};
  layout.num_items = 5;
  layout.num_visible_items = 3;
  const ByteVector records = {4,   1,   0, 0, 0, 'p', 0, 2, 0, 0,  0,
                              'q', 'q', 5, 6, 4, 1,   0, 0, 0, 'r'};
  const HandMadePage page(4, {layout}, {records, {0, 0x0d, 0x0e, 0x0f, 0x15}});
  ExpectJson(page.Read(ListOf(arrow::binary())), R"([["p", "qq"], null, [], ["r"]])");
}

TEST(NestedPagesTest, ARowGoesOnThroughChunksInWhichNoRowBegins) {
  const auto page =
      ThreeChunks({ListChunk({1, 1, 0}, {1, 0, 0}, {10, 11}), ListChunk({0, 0}, {0, 0}, {12, 13}),
                   ListChunk({0, 1}, {0, 2}, {14})},
                  {1, 2, 0, 2, 2, 0}, 3);
  ExpectJson(page.Read(ListOf(arrow::int64())), "[null, [10, 11, 12, 13, 14], []]");
  // The long row alone, and twice.
  const std::vector<RowRun> runs = {{1, 0, 1}, {1, 1, 1}, {2, 2, 1}};
  ExpectJson(ReadLeafRows(page.file, page.column, ListOf(arrow::int64()), runs, 3),
             "[[10, 11, 12, 13, 14], [10, 11, 12, 13, 14], []]");
}

TEST(NestedPagesTest, ARowThatBeginsWithAChunkEndedInTheChunkBefore) {
  const auto page = ThreeChunks({ListChunk({1, 0}, {0, 0}, {10, 11}),
                                 ListChunk({1, 1}, {0, 0}, {12, 13}), ListChunk({1}, {0}, {14})},
                                {1, 0, 2, 0, 1, 0}, 4);
  ExpectJson(page.Read(ListOf(arrow::int64())), "[[10, 11], [12], [13], [14]]");
}

TEST(NestedPagesTest, ARepetitionIndexThatContradictsTheLevelsIsAnError) {
  const std::vector<ByteVector> chunks = {ListChunk({1, 0}, {0, 0}, {10, 11}),
                                          ListChunk({0, 1}, {0, 0}, {12, 13}),
                                          ListChunk({1}, {0}, {14})};
  EXPECT_TRUE(ThreeChunks(chunks, {0, 2, 2, 0, 1, 0}, 3).Read(ListOf(arrow::int64())).ok());
  const std::vector<std::vector<uint64_t>> wrong = {
      {1, 0, 1, 0, 1, 0},  // the first row does not end with its chunk
      {0, 2, 1, 1, 2, 0},  // the second row does
      {0, 2, 2, 0, 1, 1},  // nothing comes after the last chunk
      {0, 0, 2, 0, 1, 0},  // a chunk without rows
      {0, 2, 3, 0, 0, 0}, {UINT64_MAX, 0, 2, 0, 2, 0}, {0, 2, 2, 0}, {},
  };
  for (const auto& index : wrong) {
    const auto status = ThreeChunks(chunks, index, 3).Read(ListOf(arrow::int64())).status();
    EXPECT_TRUE(status.IsSerializationError()) << status;
  }
}

TEST(NestedPagesTest, ACountOfLevelsThatOverflowedIsRepairedByTheirRuns) {
  // One list of 65538 items: runs of levels know, the count of 16 bits is 2.
  constexpr int64_t kNumItems = (1 << 16) + 2;
  ByteVector rep;
  ByteVector values;
  std::vector<uint8_t> lengths = {1};
  for (int64_t left = kNumItems - 1; left > 0; left -= lengths.back()) {
    lengths.push_back(static_cast<uint8_t>(std::min<int64_t>(255, left)));
  }
  test::AppendValue(&rep, static_cast<uint64_t>(2 * lengths.size()));
  for (size_t i = 0; i < lengths.size(); ++i) {
    test::AppendValue(&rep, static_cast<uint16_t>(i == 0 ? 1 : 0));
  }
  test::AppendBytes(&rep, lengths.data(), lengths.size());
  ByteVector chunk;
  test::AppendValue(&chunk, uint16_t{2});
  test::AppendValue(&chunk, static_cast<uint16_t>(rep.size()));
  test::AppendValue(&chunk, static_cast<uint32_t>(kNumItems));
  test::AppendBytes(&chunk, rep.data(), rep.size());
  chunk.resize((chunk.size() + 7) / 8 * 8, 0xfe);
  for (int64_t i = 0; i < kNumItems; ++i) chunk.push_back(static_cast<uint8_t>(i));
  chunk.resize((chunk.size() + 7) / 8 * 8, 0xfe);
  MiniBlockLayout layout;
  layout.rep_compression = Encoding({RleEncoding{Flat(16), Flat(8)}});
  layout.value_compression = Flat(8);
  layout.layers = {RepDefLayer::kAllValidItem, RepDefLayer::kAllValidList};
  layout.num_buffers = 1;
  layout.num_items = kNumItems;
  layout.repetition_index_depth = 1;
  layout.has_large_chunk = true;
  ByteVector words;
  test::AppendValue(&words, static_cast<uint32_t>((chunk.size() / 8 - 1) << 4));
  const HandMadePage page(1, {layout}, {words, chunk, Index({1, 0})});
  const auto read = page.Read(ListOf(arrow::uint8()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->child_data[0]->length, kNumItems);
}

TEST(NestedPagesTest, AConstantPageWithLevelsRepeatsItsValue) {
  ConstantLayout layout;
  layout.layers = {RepDefLayer::kNullableItem, RepDefLayer::kNullAndEmptyList};
  layout.inline_value = std::string("\x07\0", 2);
  const ByteVector rep = {1, 0, 0, 0, 1, 0, 1, 0};
  const ByteVector def = {0, 0, 1, 0, 2, 0, 3, 0};
  const HandMadePage page(3, {layout}, {rep, def});
  ExpectJson(page.Read(ListOf(arrow::int16())), "[[7, null], null, []]");
  layout.inline_value.reset();
  ExpectJson(HandMadePage(3, {layout}, {rep, {1, 0, 1, 0, 2, 0, 3, 0}}).Read(ListOf(arrow::utf8())),
             "[[null, null], null, []]");
  EXPECT_TRUE(HandMadePage(4, {layout}, {rep, def})
                  .Read(ListOf(arrow::int16()))
                  .status()
                  .IsSerializationError());
}

TEST(NestedPagesTest, ListsThatDoNotGoOnWhereTheChunkSaysSoAreAnError) {
  const auto path = LeafPath::Make({{Kind::kList}, {Kind::kList}}, arrow::int8()).ValueOrDie();
  auto assembler = ColumnAssembler::Make(path, 1, arrow::default_memory_pool()).ValueOrDie();
  const auto type = path->type();
  const auto rows = [&](const std::string& json, uint32_t continued_lists) {
    return DecodedRows{arrow::json::ArrayFromJSONString(type, json).ValueOrDie()->data(),
                       continued_lists};
  };
  const RowRun row{0, 0, 1};
  ASSERT_TRUE(assembler->Append(rows("[[]]", 0), {&row, 1}).ok());
  ASSERT_TRUE(assembler->Append(rows("[[[1]]]", 2), {&row, 1}).ok());
  EXPECT_TRUE(assembler->Finish().status().IsSerializationError());

  auto first = ColumnAssembler::Make(path, 1, arrow::default_memory_pool()).ValueOrDie();
  ASSERT_TRUE(first->Append(rows("[[[1]]]", 1), {&row, 1}).ok());
  EXPECT_TRUE(first->Finish().status().IsSerializationError());

  auto good = ColumnAssembler::Make(path, 1, arrow::default_memory_pool()).ValueOrDie();
  ASSERT_TRUE(good->Append(rows("[[[1], [2]]]", 0), {&row, 1}).ok());
  ASSERT_TRUE(good->Append(rows("[[[3], null]]", 2), {&row, 1}).ok());
  ASSERT_TRUE(good->Append(rows("[[[4]]]", 1), {&row, 1}).ok());
  ExpectJson(good->Finish(), "[[[1], [2, 3], null, [4]]]");
}

// Columns put together from their leaves.

class ColumnTreeTest : public ::testing::Test {
 protected:
  // struct s {x: int8, y: int8}, leaves given by JSON
  static arrow::Result<std::shared_ptr<arrow::ArrayData>> AssembleStruct(const std::string& x,
                                                                         const std::string& y) {
    const auto member = [](const char* name) {
      Field field;
      field.name = name;
      field.arrow_field = arrow::field(name, arrow::int8());
      return field;
    };
    Field field;
    field.name = "s";
    field.logical_type = "struct";
    field.children = {member("x"), member("y")};
    field.arrow_field = arrow::field(
        "s", arrow::struct_({arrow::field("x", arrow::int8()), arrow::field("y", arrow::int8())}));
    ARROW_ASSIGN_OR_RAISE(const auto tree, ColumnTree::Make({&field}));
    std::vector<std::shared_ptr<arrow::ArrayData>> leaves;
    for (const auto& json : {x, y}) {
      ARROW_ASSIGN_OR_RAISE(auto leaf,
                            arrow::json::ArrayFromJSONString(tree.leaves()[0].path->type(), json));
      leaves.push_back(leaf->data());
    }
    return tree.Assemble(std::move(leaves), arrow::default_memory_pool());
  }
};

TEST_F(ColumnTreeTest, MembersBecomeOneStruct) {
  ExpectJson(AssembleStruct(R"([{"": 1}, null, {"": null}])", R"([{"": 4}, null, {"": 6}])"),
             R"([{"x": 1, "y": 4}, null, {"x": null, "y": 6}])");
}

TEST_F(ColumnTreeTest, AStructIsNullWhereAllMembersSayThatItIs) {
  ExpectJson(AssembleStruct(R"([{"": 1}, null, null])", R"([{"": 4}, null, {"": 6}])"),
             R"([{"x": 1, "y": 4}, null, {"x": null, "y": 6}])");
}

TEST_F(ColumnTreeTest, MembersOfDifferentLengthsAreAnError) {
  EXPECT_TRUE(AssembleStruct(R"([{"": 1}])", R"([{"": 4}, null])").status().IsSerializationError());
}

}  // namespace
}  // namespace croupier::format
