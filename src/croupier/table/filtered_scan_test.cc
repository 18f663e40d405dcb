#include "croupier/table/filtered_scan.h"

#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/expression.h"
#include "croupier/table/test_tables.h"

namespace croupier::table {
namespace {

bool Mentions(const arrow::Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

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

TEST(FilteredScanTest, DeletedRowsAreNotLookedAt) {
  const auto table = OpenGoldenTable("deletions_bitmap");
  const auto num_rows = table->CountRows().ValueOrDie();
  EXPECT_EQ(table->CountRowsWhere(Parsed("true")).ValueOrDie(), num_rows);
  EXPECT_EQ(table->CountRowsWhere(Parsed("_rowid >= 0")).ValueOrDie(), num_rows);
}

}  // namespace
}  // namespace croupier::table
