#include "croupier/format/file/data_file_writer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/file/test_data_files.h"
#include "croupier/format/manifest/schema_writer.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/format/write/test_random_arrays.h"

namespace croupier::format {
namespace {

using test::WriteBatches;
using test::Written;

// Reads a column back whole, and then some runs of its rows.
void ExpectColumn(const Written& written, const std::shared_ptr<arrow::Field>& field,
                  const arrow::Array& expected) {
  const auto file = TestFile::Parse(written.bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto num_rows = static_cast<uint32_t>(expected.length());
  const RowRun all{0, 0, num_rows};
  const auto read =
      ReadNestedRows(file->bytes, file->columns, field, {&all, num_rows == 0 ? 0U : 1U}, num_rows);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE((*read)->Equals(expected, arrow::EqualOptions().nans_equal(true)))
      << (*read)->ToString() << expected.ToString();
  if (num_rows < 3) return;
  const std::vector<RowRun> runs = {{num_rows - 1, 0, 1}, {num_rows / 3, 1, num_rows / 3}};
  const auto some = ReadNestedRows(file->bytes, file->columns, field, runs, 1 + num_rows / 3);
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_TRUE((*some)->Slice(0, 1)->Equals(*expected.Slice(num_rows - 1, 1),
                                           arrow::EqualOptions().nans_equal(true)));
  EXPECT_TRUE((*some)->Slice(1)->Equals(*expected.Slice(num_rows / 3, num_rows / 3),
                                        arrow::EqualOptions().nans_equal(true)));
}

void ExpectRoundTrip(const std::shared_ptr<arrow::Field>& field, uint64_t seed) {
  SplitMix64 random(seed);
  const auto schema = arrow::schema({field});
  const auto nulls = static_cast<test::Nulls>(random.Next() % 4);
  const int64_t num_rows = static_cast<int64_t>(random.Next() % 3000);
  const auto array = test::MakeRandomArray(field->type(), num_rows, nulls, &random);
  arrow::RecordBatchVector batches;
  for (int64_t row = 0; row < num_rows;) {
    const auto size = std::min<int64_t>(num_rows - row, static_cast<int64_t>(random.Next() % 900));
    batches.push_back(arrow::RecordBatch::Make(schema, size, {array->Slice(row, size)}));
    row += size;
  }
  DataFileWriterOptions options;
  options.page_bytes = random.Next() % 2 == 0 ? 700 : 8 << 20;
  options.version = FileVersion::kV2_2;
  const auto written = WriteBatches(*schema, batches, options);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->file.num_rows, num_rows);
  EXPECT_EQ(written->file.size_bytes, std::ssize(written->bytes));
  ExpectColumn(*written, field, *array);
  options.keeps_batches = true;
  const auto uncopied = WriteBatches(*schema, batches, options);
  ASSERT_TRUE(uncopied.ok()) << uncopied.status();
  ExpectColumn(*uncopied, field, *array);
  // Smaller pages may end elsewhere: those that are copied count bitmaps too.
  if (options.page_bytes > 700) {
    EXPECT_EQ(uncopied->bytes, written->bytes);
  }
}

TEST(DataFileWriterTest, ValuesOfEveryTypeComeBack) {
  for (const auto& type : test::LeafTypes()) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      SCOPED_TRACE(type->ToString() + ", seed " + std::to_string(seed));
      ExpectRoundTrip(arrow::field("x", type), seed);
      if (HasFailure()) return;
    }
  }
}

TEST(DataFileWriterTest, NestedValuesComeBack) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SplitMix64 random(seed);
    const auto type = test::MakeRandomType(3, &random);
    SCOPED_TRACE(type->ToString() + ", seed " + std::to_string(seed));
    ExpectRoundTrip(arrow::field("x", type), seed);
    if (HasFailure()) return;
  }
}

std::shared_ptr<arrow::RecordBatch> BatchOf(const std::shared_ptr<arrow::Field>& field,
                                            const std::shared_ptr<arrow::Array>& array) {
  return arrow::RecordBatch::Make(arrow::schema({field}), array->length(), {array});
}

std::shared_ptr<arrow::Array> IntArray(const std::vector<int32_t>& values, bool with_null) {
  arrow::Int32Builder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  EXPECT_TRUE(!with_null || builder.AppendNull().ok());
  return builder.Finish().ValueOrDie();
}

TEST(DataFileWriterTest, AFileMayHaveNoRowsAndNoColumns) {
  const auto empty = WriteBatches(*arrow::schema({arrow::field("x", arrow::utf8())}), {}, {});
  ASSERT_TRUE(empty.ok()) << empty.status();
  const auto file = TestFile::Parse(empty->bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->columns.size(), 1u);
  EXPECT_TRUE(file->columns[0]->pages.empty());
  EXPECT_TRUE(WriteBatches(*arrow::schema(arrow::FieldVector{}), {}, {}).ok());
}

TEST(DataFileWriterTest, ABatchOfAnotherSchemaIsInvalidAndSaysWhichColumn) {
  const auto schema = arrow::schema({arrow::field("a", arrow::int32())});
  const auto array = IntArray({1}, false);
  struct Case {
    std::shared_ptr<arrow::RecordBatch> batch;
    const char* message;
  };
  const auto a = arrow::field("a", arrow::int32());
  const Case cases[] = {
      {BatchOf(arrow::field("b", arrow::int32()), array), "column 0 is 'b'; the table has 'a'"},
      {BatchOf(arrow::field("a", arrow::uint32()), *array->View(arrow::uint32())),
       "column 'a' has the type uint32; the table has it as int32"},
      {arrow::RecordBatch::Make(arrow::schema(arrow::FieldVector{}), 1, arrow::ArrayVector{}),
       "column 'a' is missing"},
      {arrow::RecordBatch::Make(arrow::schema({a, arrow::field("c", arrow::int32())}), 1,
                                {array, array}),
       "the table has no column 'c'"},
      {arrow::RecordBatch::Make(arrow::schema({a}), 2, {array}), "did not match"},
  };
  for (const auto& [batch, message] : cases) {
    const auto status = WriteBatches(*schema, {batch}, {}).status();
    EXPECT_TRUE(status.IsInvalid()) << status;
    EXPECT_NE(status.message().find(message), std::string::npos) << status;
  }
}

TEST(DataFileWriterTest, ANullWhereTheSchemaAllowsNoneIsInvalid) {
  const auto item = arrow::field("item", arrow::int32(), false);
  const auto flat = arrow::field("x", arrow::int32(), false);
  const auto below = arrow::field("x", arrow::struct_({arrow::field("y", arrow::int32(), false)}));
  const auto array = IntArray({1, 2}, true);
  const auto members = arrow::StructArray::Make({array}, below->type()->fields()).ValueOrDie();
  for (const auto& batch : {BatchOf(flat, array), BatchOf(below, members)}) {
    const auto status = WriteBatches(*batch->schema(), {batch}, {}).status();
    EXPECT_TRUE(status.IsInvalid()) << status;
    EXPECT_NE(status.message().find("has a null"), std::string::npos) << status;
  }
  // Below a null it is none.
  auto hidden = members->data()->Copy();
  hidden->buffers[0] = array->null_bitmap();
  hidden->null_count = 1;
  const auto batch = BatchOf(below, arrow::MakeArray(hidden));
  EXPECT_TRUE(WriteBatches(*batch->schema(), {batch}, {}).ok());
}

TEST(DataFileWriterTest, TheOlderFormatSaysWhatItDoesNotHave) {
  DataFileWriterOptions options;
  options.version = FileVersion::kV2_1;
  const auto entry = arrow::struct_({arrow::field("y", arrow::utf8())});
  for (const auto& type :
       {arrow::map(arrow::utf8(), arrow::int8()), arrow::fixed_size_list(entry, 2)}) {
    const auto status =
        WriteBatches(*arrow::schema({arrow::field("x", type)}), {}, options).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
  }
}

// Fails from some byte on.
class FullSink : public ByteSink {
 public:
  explicit FullSink(size_t capacity) : left_(capacity) {}
  arrow::Status Append(std::span<const uint8_t> bytes) override {
    if (bytes.size() > left_) return arrow::Status::IOError("no space left");
    left_ -= bytes.size();
    return arrow::Status::OK();
  }

 private:
  size_t left_;
};

TEST(DataFileWriterTest, AnErrorOfTheSinkIsTheWriters) {
  const auto field = arrow::field("x", arrow::int32());
  const auto schema = arrow::schema({field});
  const auto batch = BatchOf(field, IntArray({1, 2, 3}, true));
  const auto size = WriteBatches(*schema, {batch}, {}).ValueOrDie().bytes.size();
  for (size_t capacity = 0; capacity < size; capacity += 7) {
    FullSink sink(capacity);
    auto writer = DataFileWriter::Make(MakeFields(*schema).ValueOrDie(), {}, &sink).ValueOrDie();
    auto status = writer->Write(*batch);
    if (status.ok()) status = writer->Finish().status();
    EXPECT_TRUE(status.IsIOError()) << capacity;
  }
}

TEST(DataFileWriterTest, KeptBatchesAreNotCopiedUntilTheirPageIsMade) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  const auto field = arrow::field("x", arrow::int32());
  const auto batch = BatchOf(field, IntArray(std::vector<int32_t>(100'000, 7), false));
  for (const bool keeps : {false, true}) {
    DataFileWriterOptions options;
    options.pool = &pool;
    options.keeps_batches = keeps;
    test::VectorSink sink;
    const auto fields = MakeFields(*batch->schema()).ValueOrDie();
    const auto writer = DataFileWriter::Make(fields, options, &sink).ValueOrDie();
    ASSERT_TRUE(writer->Write(*batch).ok());
    EXPECT_EQ(pool.bytes_allocated() >= 400'000, !keeps) << pool.bytes_allocated();
    ASSERT_TRUE(writer->Finish().ok());
  }
}

TEST(DataFileWriterTest, StringsOfMoreThanAPageAreInSeveralPages) {
  arrow::StringBuilder builder;
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(builder.Append(std::string(100, static_cast<char>('a' + i % 26))).ok());
  const auto array = builder.Finish().ValueOrDie();
  const auto field = arrow::field("x", arrow::utf8());
  DataFileWriterOptions options;
  options.page_bytes = 10'000;
  const auto written = WriteBatches(*arrow::schema({field}), {BatchOf(field, array)}, options);
  ASSERT_TRUE(written.ok()) << written.status();
  const auto file = TestFile::Parse(written->bytes).ValueOrDie();
  // Batches of up to four pages are not cut.
  EXPECT_GE(file.columns[0]->pages.size(), 3u);
  ExpectColumn(*written, field, *array);
}

}  // namespace
}  // namespace croupier::format
