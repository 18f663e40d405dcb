#include "croupier/format/file/data_file_writer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/manifest/schema_writer.h"
#include "croupier/format/page/page_test_reader.h"
#include "croupier/format/write/test_random_arrays.h"

namespace croupier::format {
namespace {

class VectorSink : public ByteSink {
 public:
  arrow::Status Append(std::span<const uint8_t> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return arrow::Status::OK();
  }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

struct Written {
  std::vector<uint8_t> bytes;
  WrittenFile file;
};

arrow::Result<Written> WriteBatches(const arrow::Schema& schema,
                                    const arrow::RecordBatchVector& batches,
                                    const DataFileWriterOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto fields, MakeFields(schema));
  VectorSink sink;
  ARROW_ASSIGN_OR_RAISE(auto writer, DataFileWriter::Make(std::move(fields), options, &sink));
  for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->Write(*batch));
  Written written;
  ARROW_ASSIGN_OR_RAISE(written.file, writer->Finish());
  written.bytes = sink.Take();
  return written;
}

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

}  // namespace
}  // namespace croupier::format
