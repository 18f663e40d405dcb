#include "croupier/format/write/page_encoder.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/file/test_data_files.h"
#include "croupier/format/page/page_test_reader.h"

namespace croupier::format {
namespace {

using Keys = std::map<std::string, std::string>;

std::shared_ptr<arrow::Field> FieldOf(const std::shared_ptr<arrow::DataType>& type,
                                      const Keys& keys = {}) {
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  for (const auto& [key, value] : keys) metadata->Append("lance-encoding:" + key, value);
  return arrow::field("x", type, true, keys.empty() ? nullptr : metadata);
}

// How the pages of a file of one column are laid out; checks that the column comes back.
std::string LayoutOf(const std::shared_ptr<arrow::Array>& array, const Keys& keys = {},
                     FileVersion version = FileVersion::kV2_2) {
  const auto field = FieldOf(array->type(), keys);
  const auto schema = arrow::schema({field});
  DataFileWriterOptions options;
  options.version = version;
  const auto batch = arrow::RecordBatch::Make(schema, array->length(), {array});
  const auto written = test::WriteBatches(*schema, {batch}, options);
  if (!written.ok()) return written.status().ToString();
  const auto file = TestFile::Parse(written->bytes);
  if (!file.ok()) return file.status().ToString();
  const RowRun all{0, 0, static_cast<uint32_t>(array->length())};
  const auto read = ReadNestedRows(file->bytes, file->columns, field, {&all, 1}, all.count);
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read.ok() && (*read)->Equals(*array));
  std::string layouts;
  for (const auto& page : file->columns[0]->pages) layouts += Describe(page.layout) + "\n";
  if (!layouts.empty()) layouts.pop_back();
  return layouts;
}

template <typename Builder, typename Make>
std::shared_ptr<arrow::Array> ArrayOf(int64_t length, const Make& make) {
  Builder builder;
  for (int64_t i = 0; i < length; ++i) EXPECT_TRUE(builder.Append(make(i)).ok());
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> IntsOf(int64_t length, const std::function<int64_t(int64_t)>& make) {
  return ArrayOf<arrow::Int64Builder>(length, make);
}

std::shared_ptr<arrow::Array> TextsOf(int64_t length,
                                      const std::function<std::string(int64_t)>& make) {
  return ArrayOf<arrow::StringBuilder>(length, make);
}

uint64_t NoiseOf(int64_t i) { return Mix64(static_cast<uint64_t>(i)); }

TEST(PageEncoderTest, IntegersAreEncodedByTheirValues) {
  EXPECT_EQ(LayoutOf(IntsOf(3000, [](int64_t i) { return i * 3; })),
            "mini-block(inline_bitpacking(64))");
  EXPECT_EQ(LayoutOf(IntsOf(3000, [](int64_t i) { return static_cast<int64_t>(NoiseOf(i)); })),
            "mini-block(flat(64))");
  EXPECT_EQ(LayoutOf(IntsOf(3000, [](int64_t i) { return (i / 100) << 40; })),
            "mini-block(rle(flat(64), flat(8)))");
  EXPECT_EQ(LayoutOf(IntsOf(3000, [](int64_t) { return -7; })), "constant(inline value)");
  EXPECT_EQ(LayoutOf(IntsOf(3000, [](int64_t) { return -7; }), {}, FileVersion::kV2_1),
            "mini-block(rle(flat(64), flat(8)))");
}

TEST(PageEncoderTest, TextsAreEncodedByTheirValues) {
  const auto numbers = [](int64_t i) { return std::to_string(NoiseOf(i) >> 40); };
  EXPECT_EQ(LayoutOf(TextsOf(500, numbers)), "mini-block(variable(flat(32)))");
  EXPECT_EQ(LayoutOf(TextsOf(9000, [&](int64_t i) { return "https://x.org/" + numbers(i); })),
            "mini-block(fsst(variable(flat(32))))");
  EXPECT_EQ(LayoutOf(TextsOf(9000, [](int64_t i) { return "kind " + std::to_string(i % 50); })),
            "mini-block(inline_bitpacking(32), dictionary general(lz4, variable(flat(32))))");
  EXPECT_EQ(LayoutOf(TextsOf(9, [&](int64_t i) { return std::string(300, 'a') + numbers(i); })),
            "full-zip(variable(flat(32)))");
  EXPECT_EQ(LayoutOf(TextsOf(9, [&](int64_t i) { return std::string(40000, 'a') + numbers(i); })),
            "full-zip(general(zstd, variable(flat(32))))");
}

TEST(PageEncoderTest, KeysDecide) {
  const auto ints = IntsOf(3000, [](int64_t i) { return i * 3; });
  const auto texts = TextsOf(3000, [](int64_t i) { return "text " + std::to_string(i); });
  EXPECT_EQ(LayoutOf(ints, {{"compression", "none"}}), "mini-block(flat(64))");
  const auto steps = IntsOf(3000, [](int64_t i) { return i / 3 * 64; });
  EXPECT_EQ(LayoutOf(steps, {{"compression", "zstd"}, {"bss", "off"}}),
            "mini-block(general(zstd, inline_bitpacking(64)))");
  EXPECT_EQ(LayoutOf(ints, {{"compression", "lz4"}, {"bss", "on"}}),
            "mini-block(general(lz4, byte_stream_split(flat(64))))");
  EXPECT_EQ(LayoutOf(ints, {{"structural-encoding", "fullzip"}}), "full-zip(flat(64))");
  EXPECT_EQ(LayoutOf(texts, {{"compression", "none"}}), "mini-block(variable(flat(32)))");
  EXPECT_EQ(LayoutOf(texts, {{"compression", "fsst"}}), "mini-block(fsst(variable(flat(32))))");
  EXPECT_EQ(LayoutOf(texts, {{"compression", "zstd"}, {"minichunk-size", "8192"}}),
            "mini-block(general(zstd, variable(flat(32))))");
  EXPECT_EQ(LayoutOf(texts, {{"compression", "zstd"}, {"structural-encoding", "fullzip"}}),
            "full-zip(variable(flat(32)))");
}

TEST(PageEncoderTest, ValuesThatKeysDoNotHaveAreInvalid) {
  const auto ints = IntsOf(3, [](int64_t i) { return i; });
  for (const auto& [key, value] : Keys{{"compression", "gzip"},
                                       {"bss", "maybe"},
                                       {"rle-threshold", "2"},
                                       {"dict-divisor", "0"},
                                       {"minichunk-size", "x"},
                                       {"structural-encoding", "both"},
                                       {"dict-values-compression", "fsst"},
                                       {"compression-level", "high"}}) {
    const auto layout = LayoutOf(ints, {{key, value}});
    EXPECT_NE(layout.find("Invalid: column 'x': lance-encoding:" + key), std::string::npos)
        << layout;
  }
}

// A list column of one row more than its lengths; the last is null.
std::shared_ptr<arrow::Array> ListsOf(const std::vector<int64_t>& lengths) {
  auto values = std::make_shared<arrow::Int64Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), values);
  int64_t next = 0;
  for (const int64_t length : lengths) {
    EXPECT_TRUE(lists.Append().ok());
    for (int64_t i = 0; i < length; ++i) EXPECT_TRUE(values->Append(next++ * 977).ok());
  }
  EXPECT_TRUE(lists.AppendNull().ok());
  return lists.Finish().ValueOrDie();
}

TEST(PageEncoderTest, LongRowsGoOnOverChunks) {
  for (const auto version : {FileVersion::kV2_1, FileVersion::kV2_2}) {
    EXPECT_EQ(LayoutOf(ListsOf({3, 70000, 0, 1, 5000, 2}), {}, version),
              "mini-block(inline_bitpacking(64))");
  }
}

TEST(PageEncoderTest, EmptyListsBeyondWhatAChunkCountsAreInMorePages) {
  std::vector<int64_t> lengths(150'000, 0);
  for (size_t i = 0; i < lengths.size(); i += 10'000) lengths[i] = 2;
  for (const auto version : {FileVersion::kV2_1, FileVersion::kV2_2}) {
    const auto layouts = LayoutOf(ListsOf(lengths), {}, version);
    EXPECT_GE(std::count(layouts.begin(), layouts.end(), '\n'), 2) << layouts;
    EXPECT_EQ(layouts.find("Error"), std::string::npos) << layouts;
  }
}

TEST(PageEncoderTest, ARowOfMoreEmptyListsThanAChunkCountsIsARecord) {
  auto values = std::make_shared<arrow::Int64Builder>();
  auto inner = std::make_shared<arrow::ListBuilder>(arrow::default_memory_pool(), values);
  arrow::ListBuilder lists(arrow::default_memory_pool(), inner);
  ASSERT_TRUE(lists.Append().ok());
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(inner->Append().ok());
  ASSERT_TRUE(inner->Append().ok());
  ASSERT_TRUE(values->AppendValues({1, 2}).ok());
  for (const auto version : {FileVersion::kV2_1, FileVersion::kV2_2}) {
    auto copy = lists.Finish().ValueOrDie();
    EXPECT_EQ(LayoutOf(copy, {}, version), "full-zip(flat(64))");
    ASSERT_TRUE(lists.Append().ok());
    for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(inner->Append().ok());
    ASSERT_TRUE(inner->Append().ok());
    ASSERT_TRUE(values->AppendValues({1, 2}).ok());
  }
}

std::shared_ptr<arrow::Array> DictionaryOf(const std::vector<int>& keys,
                                           const std::shared_ptr<arrow::Array>& items) {
  arrow::Int8Builder builder;
  for (const int key : keys) {
    EXPECT_TRUE((key < 0 ? builder.AppendNull() : builder.Append(static_cast<int8_t>(key))).ok());
  }
  const auto type = arrow::dictionary(arrow::int8(), items->type());
  return std::make_shared<arrow::DictionaryArray>(type, builder.Finish().ValueOrDie(), items);
}

TEST(PageEncoderTest, DictionariesComeBack) {
  const auto items =
      TextsOf(3, [](int64_t i) { return std::string(1, static_cast<char>('a' + i)); });
  EXPECT_EQ(LayoutOf(DictionaryOf({2, -1, 0, 1, 1}, items)),
            "mini-block(flat(8), dictionary variable(flat(32)))");
  const auto none = TextsOf(0, [](int64_t) { return ""; });
  EXPECT_EQ(LayoutOf(DictionaryOf({-1, -1}, none)), "constant");
}

TEST(PageEncoderTest, AKeyThatADictionaryDoesNotHaveIsInvalid) {
  const auto items = TextsOf(3, [](int64_t) { return "a"; });
  const auto layout = LayoutOf(DictionaryOf({0, 3}, items));
  EXPECT_NE(layout.find("Invalid: cannot write column 'x': a key is not one"), std::string::npos)
      << layout;
}

}  // namespace
}  // namespace croupier::format
