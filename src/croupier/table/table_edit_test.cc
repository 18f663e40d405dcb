#include "croupier/table_edit.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/storage/memory_store.h"

namespace croupier {
namespace {

Expression Parsed(const std::string& text) { return Expression::Parse(text).ValueOrDie(); }

// Columns k and v.
std::shared_ptr<arrow::Table> Rows(const std::vector<int64_t>& keys,
                                   const std::vector<std::string>& values) {
  arrow::Int64Builder k;
  arrow::StringBuilder v;
  EXPECT_TRUE(k.AppendValues(keys).ok());
  EXPECT_TRUE(v.AppendValues(values).ok());
  const auto schema =
      arrow::schema({arrow::field("k", arrow::int64()), arrow::field("v", arrow::utf8())});
  return arrow::Table::Make(schema, {k.Finish().ValueOrDie(), v.Finish().ValueOrDie()});
}

class TableEditTest : public ::testing::Test {
 protected:
  TableEditTest() : store_(storage::MakeTransientMemoryStore("table_edit_test", {})) {
    const auto rows = std::make_shared<arrow::TableBatchReader>(
        Rows({1, 2, 3, 4}, {"one", "two", "three", "four"}));
    EXPECT_TRUE(TableWriter::Create(kUri, rows).ok());
    writer_ = TableWriter::Open(kUri).ValueOrDie();
  }

  // All rows as "k v", sorted.
  std::vector<std::string> Texts() const {
    const auto table = OpenLanceTable(kUri).ValueOrDie();
    ScanOptions options;
    options.columns = {"k", "v"};
    const auto rows = table->Scan(options).ValueOrDie()->ToTable().ValueOrDie();
    const auto batch = rows->CombineChunksToBatch().ValueOrDie();
    const auto& k = static_cast<const arrow::Int64Array&>(*batch->column(0));
    const auto& v = static_cast<const arrow::StringArray&>(*batch->column(1));
    std::vector<std::string> texts;
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      texts.push_back(std::to_string(k.Value(i)) + " " + v.GetString(i));
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }

  using Strings = std::vector<std::string>;
  static constexpr char kUri[] = "memory://table_edit_test/t.lance";
  const std::shared_ptr<const storage::ObjectStore> store_;
  std::unique_ptr<TableWriter> writer_;
};

TEST_F(TableEditTest, RowsAreDeletedWhereAConditionIsTrue) {
  const auto result = DeleteRows(writer_.get(), Parsed("k % 2 = 0")).ValueOrDie();
  EXPECT_EQ(result.version, 2u);
  EXPECT_EQ(result.num_rows_removed, 2);
  EXPECT_EQ(Texts(), (Strings{"1 one", "3 three"}));
  EXPECT_TRUE(DeleteRows(writer_.get(), Parsed("z = 1")).status().IsKeyError());
}

TEST_F(TableEditTest, ColumnsAreUpdatedFromTheRowAsItWas) {
  ASSERT_TRUE(
      UpdateRows(writer_.get(), Parsed("k > 2"), {{"k", Parsed("k * 10")}, {"v", Parsed("v || k")}})
          .ok());
  EXPECT_EQ(Texts(), (Strings{"1 one", "2 two", "30 three3", "40 four4"}));
  EXPECT_TRUE(UpdateRows(writer_.get(), std::nullopt, {{"z", Parsed("1")}}).status().IsKeyError());
  EXPECT_TRUE(UpdateRows(writer_.get(), std::nullopt, {{"k", Parsed("1")}, {"k", Parsed("2")}})
                  .status()
                  .IsInvalid());
  EXPECT_TRUE(UpdateRows(writer_.get(), std::nullopt, {}).status().IsInvalid());
}

TEST_F(TableEditTest, AMergeUpdatesInsertsAndDeletes) {
  MergePlan plan;
  plan.on = {"k"};
  plan.update_matched = true;
  plan.update_where = Parsed("target.v <> 'one' AND source.v <> ''");
  plan.insert_unmatched = true;
  plan.delete_unmatched = true;
  plan.delete_where = Parsed("k = 4");
  const auto result =
      MergeRows(writer_.get(), Rows({1, 2, 5}, {"ONE", "TWO", "FIVE"}), plan).ValueOrDie();
  EXPECT_EQ(result.num_updated, 1);
  EXPECT_EQ(result.num_inserted, 1);
  EXPECT_EQ(result.num_deleted, 1);
  EXPECT_EQ(Texts(), (Strings{"1 one", "2 TWO", "3 three", "5 FIVE"}));
  const auto twice = MergeRows(writer_.get(), Rows({2, 2}, {"a", "b"}), plan).status();
  EXPECT_TRUE(twice.IsInvalid()) << twice;
}

TEST_F(TableEditTest, ColumnsAreComputedByExpressions) {
  const auto schema = OpenLanceTable(kUri).ValueOrDie()->schema();
  const auto columns =
      ComputeColumns(schema, {{"twice", Parsed("k * 2")}, {"one", Parsed("1")}}).ValueOrDie();
  EXPECT_EQ(columns.inputs, (Strings{"k"}));
  ASSERT_TRUE(writer_->AddColumns(columns).ok());
  const auto table = OpenLanceTable(kUri).ValueOrDie();
  EXPECT_EQ(table->CountRowsWhere(Parsed("twice = 2 * k AND one = 1")).ValueOrDie(), 4);
}

}  // namespace
}  // namespace croupier
