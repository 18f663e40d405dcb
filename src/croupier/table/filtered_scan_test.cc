#include "croupier/table/filtered_scan.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/expression.h"
#include "croupier/storage.h"
#include "croupier/table/test_tables.h"
#include "croupier/table_writer.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

Expression Parsed(const std::string& text) { return Expression::Parse(text).ValueOrDie(); }

// x counts from 0, null in every fifth row; y is x / 7, of 20,000 rows.
std::shared_ptr<const TableSource> Numbers() {
  arrow::Int64Builder x;
  arrow::Int32Builder y;
  for (int i = 0; i < 20'000; ++i) {
    EXPECT_TRUE((i % 5 == 4 ? x.AppendNull() : x.Append(i)).ok());
    EXPECT_TRUE(y.Append(i / 7).ok());
  }
  const auto schema =
      arrow::schema({arrow::field("x", arrow::int64()), arrow::field("y", arrow::int32())});
  return MakeMemoryTable("numbers", arrow::Table::Make(
                                        schema, {x.Finish().ValueOrDie(), y.Finish().ValueOrDie()}))
      .ValueOrDie();
}

std::vector<std::shared_ptr<arrow::RecordBatch>> Filtered(const TableSource& table,
                                                          const std::string& filter,
                                                          std::vector<std::string> columns,
                                                          int64_t batch_rows = 8192) {
  ScanOptions options;
  options.columns = std::move(columns);
  options.batch_rows = batch_rows;
  options.filter = Parsed(filter);
  return table.Scan(options).ValueOrDie()->ToRecordBatches().ValueOrDie();
}

TEST(FilteredScanTest, KeepsTheRowsForWhichTheFilterIsTrueAndNotNull) {
  const auto table = Numbers();
  const auto batches = Filtered(*table, "x % 10 = 3 or x > 19990", {"y", kRowIdColumn}, 100);
  int64_t num_rows = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    ASSERT_TRUE(batches[i]->ValidateFull().ok());
    // Full batches, but the last.
    EXPECT_TRUE(i + 1 == batches.size() || batches[i]->num_rows() == 100);
    const auto& y = static_cast<const arrow::Int32Array&>(*batches[i]->column(0));
    const auto& ids = static_cast<const arrow::UInt64Array&>(*batches[i]->column(1));
    for (int64_t row = 0; row < batches[i]->num_rows(); ++row) {
      const auto x = ids.Value(row);
      EXPECT_TRUE(x % 5 != 4 && (x % 10 == 3 || x > 19'990)) << x;
      EXPECT_EQ(y.Value(row), static_cast<int32_t>(x / 7));
    }
    num_rows += batches[i]->num_rows();
  }
  EXPECT_EQ(num_rows, 2'000 + 6);
  EXPECT_EQ(table->CountRowsWhere(Parsed("x % 10 = 3 or x > 19990")).ValueOrDie(), num_rows);
}

TEST(FilteredScanTest, AFilterMayNameOtherColumnsThanAreRead) {
  const auto table = Numbers();
  EXPECT_EQ(table->CountRowsWhere(Parsed("_rowid < 10 and y = 1")).ValueOrDie(), 3);
  const auto batches = Filtered(*table, "_rowid < 10 and y = 1", {"x"});
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0]->num_columns(), 1);
  EXPECT_EQ(batches[0]->num_rows(), 3);
  const auto without_columns = Filtered(*table, "y < 100", {});
  ASSERT_EQ(without_columns.size(), 1u);
  EXPECT_EQ(without_columns[0]->num_rows(), 700);
}

TEST(FilteredScanTest, AFilterOfNoColumnKeepsAllOrNothing) {
  const auto table = Numbers();
  EXPECT_EQ(table->CountRowsWhere(Parsed("1 < 2")).ValueOrDie(), 20'000);
  EXPECT_EQ(table->CountRowsWhere(Parsed("1 > 2")).ValueOrDie(), 0);
  EXPECT_TRUE(Filtered(*table, "false", {"x"}).empty());
}

TEST(FilteredScanTest, AnUnknownColumnIsNamedWithThoseThereAre) {
  ScanOptions options;
  options.columns = {"x"};
  options.filter = Parsed("z > 3");
  const auto status = Numbers()->Scan(options).status();
  EXPECT_TRUE(status.IsKeyError()) << status;
  EXPECT_TRUE(Mentions(status, "z")) << status;
  EXPECT_TRUE(Mentions(status, "y")) << status;
  options.filter = Parsed("x + 1");
  EXPECT_TRUE(Numbers()->Scan(options).status().IsTypeError());
}

TEST(FilteredScanTest, TablesOfFilesGiveWhatTheirRowsInMemoryGive) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"deletions_bitmap", {"k % 100 = 7", "k < 5000 or k > 30000", "k >= -40000"}},
      {"records", {"flag", "none is null and same < 20", "doc is null or vector_or_null is null"}},
      {"evolved", {"c > 3", "later is null", "c is null"}},
      {"json", {"i > 5", "j is not null"}},
      {"mixed_versions",
       {"i % 3 = 1", "st.x > 10", "st.y.name is null", "st.y.name like '%a%' or st.x < 5",
        "st is not null and st.x > 3", "st.y is null", "i < 0"}},
      {"nested_v2_0", {"st.x > 10 and i < 50", "st.y.name is not null"}},
      {"empty", {"i > 0"}}};
  for (const auto& [name, filters] : cases) {
    const auto table = OpenGoldenTable(name);
    const auto golden = ReadGoldenRows(name);
    const auto rows =
        golden->RemoveColumn(golden->schema()->GetFieldIndex(kRowIdColumn)).ValueOrDie();
    const auto in_memory = MakeMemoryTable(name, rows).ValueOrDie();
    for (const auto& filter : filters) {
      SCOPED_TRACE(::testing::Message() << name << ", " << filter);
      for (const int64_t batch_rows : {7, 100'000}) {
        ScanOptions options;
        options.columns = rows->schema()->field_names();
        options.batch_rows = batch_rows;
        options.filter = Parsed(filter);
        const auto expected = ScanAll(*in_memory, options);
        ASSERT_TRUE(expected.ok()) << expected.status();
        const auto scanned = ScanAll(*table, options);
        ASSERT_TRUE(scanned.ok()) << scanned.status();
        EXPECT_TRUE((*scanned)->Equals(**expected));
        EXPECT_EQ(table->CountRowsWhere(*options.filter).ValueOrDie(), (*expected)->num_rows());
      }
    }
  }
}

int64_t LocalBytesRead() { return ReadStoreCounters()["file://"].num_bytes; }

TEST(FilteredScanTest, OnlyWhatTheFilterNamesIsReadOfRowsThatItDrops) {
  const auto large = arrow::field("large", arrow::binary());
  const auto members = arrow::struct_({arrow::field("n", arrow::int64()), large});
  const auto schema = arrow::schema({arrow::field("st", members), large});
  arrow::Int64Builder n;
  arrow::BinaryBuilder bytes;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(n.Append(i).ok());
    ASSERT_TRUE(bytes.Append(std::string(10'000, static_cast<char>(i))).ok());
  }
  const auto values = bytes.Finish().ValueOrDie();
  const auto st =
      arrow::StructArray::Make({n.Finish().ValueOrDie(), values}, members->fields()).ValueOrDie();
  const auto batch = arrow::RecordBatch::Make(schema, 2000, {st, values});
  const auto uri = testing::MakeTemporaryDirectory() + "/t.lance";
  ASSERT_TRUE(TableWriter::Create(uri, arrow::RecordBatchReader::Make({batch}).ValueOrDie()).ok());
  const auto table = OpenLanceTable(uri).ValueOrDie();
  EXPECT_EQ(Filtered(*table, "st.n < 0", {"large"}).size(), 0u);  // reads what is remembered
  int64_t before = LocalBytesRead();
  EXPECT_EQ(Filtered(*table, "st.n < 0", {"large"}).size(), 0u);
  const int64_t none = LocalBytesRead() - before;
  before = LocalBytesRead();
  EXPECT_EQ(Filtered(*table, "st.n % 1000 = 17", {"large"}).at(0)->num_rows(), 2);
  const int64_t two = LocalBytesRead() - before;
  EXPECT_LT(none, 100'000);
  EXPECT_GT(two, none);
  EXPECT_LT(two, 300'000);
}

TEST(FilteredScanTest, DeletedRowsAreNotLookedAt) {
  const auto table = OpenGoldenTable("deletions_bitmap");
  const auto num_rows = table->CountRows().ValueOrDie();
  EXPECT_EQ(table->CountRowsWhere(Parsed("true")).ValueOrDie(), num_rows);
  EXPECT_EQ(table->CountRowsWhere(Parsed("_rowid >= 0")).ValueOrDie(), num_rows);
}

}  // namespace
}  // namespace croupier::table
