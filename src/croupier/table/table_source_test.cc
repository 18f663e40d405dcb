#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/child_process.h"

namespace croupier::table {
namespace {

// What every kind of table promises, asked of the rows of the golden table `numbers`.
struct Kind {
  std::string name;
  std::function<std::shared_ptr<const TableSource>()> open;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

std::shared_ptr<arrow::Table> WithoutRowIds(const std::shared_ptr<arrow::Table>& rows) {
  return rows->RemoveColumn(rows->schema()->GetFieldIndex(kRowIdColumn)).ValueOrDie();
}

// The same rows in chunks of uneven lengths, empty ones among them.
std::shared_ptr<arrow::Table> Rechunk(const std::shared_ptr<arrow::Table>& rows) {
  std::vector<std::shared_ptr<arrow::Table>> parts;
  int64_t begin = 0;
  for (const int64_t length : {0, 1, 32, 0, 7, 1000}) {
    parts.push_back(rows->Slice(begin, length));
    begin += length;
  }
  return arrow::ConcatenateTables(parts).ValueOrDie();
}

class TableSourceTest : public ::testing::TestWithParam<Kind> {
 protected:
  const std::shared_ptr<const TableSource> table_ = GetParam().open();
  const std::shared_ptr<arrow::Table> rows_ = ReadGoldenRows("numbers");
  const std::vector<std::string> all_ = rows_->schema()->field_names();
};

TEST_P(TableSourceTest, ShowsSchemaAndVersionAndCountsRows) {
  EXPECT_TRUE(table_->schema()->Equals(WithoutRowIds(rows_)->schema(), /*check_metadata=*/true));
  EXPECT_EQ(table_->version(), 1);
  EXPECT_EQ(table_->CountRows().ValueOrDie(), 100);
  EXPECT_NE(table_->location().find("numbers"), std::string::npos);
}

TEST_P(TableSourceTest, AScanGivesTheRowsInStorageOrderForAnyLengthOfBatches) {
  for (const int64_t batch_rows : {1, 2, 33, 99, 100, 101, 8192}) {
    const auto scanned = ScanAll(*table_, {{}, all_, batch_rows});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->Equals(*rows_, /*check_metadata=*/true)) << batch_rows;
  }
}

TEST_P(TableSourceTest, AScanGivesTheColumnsAskedForInTheirOrder) {
  for (const std::vector<std::string>& columns :
       {std::vector<std::string>{"s"}, {"s", "i"}, {"i"}, {"_rowid"}, {"_rowid", "s"}}) {
    const auto scanned = ScanAll(*table_, {{}, columns, 30});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_EQ((*scanned)->schema()->field_names(), columns);
    for (const auto& name : columns) {
      EXPECT_TRUE((*scanned)->GetColumnByName(name)->Equals(*rows_->GetColumnByName(name))) << name;
    }
  }
}

TEST_P(TableSourceTest, AScanOfNoColumnsCountsTheRows) {
  const auto scanned = ScanAll(*table_, {{}, {}, 30});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_EQ((*scanned)->num_rows(), 100);
  EXPECT_EQ((*scanned)->num_columns(), 0);
}

TEST_P(TableSourceTest, AScanGoesOnAfterItsEndWithTheEnd) {
  const auto reader = table_->Scan({{}, {"i"}, 100}).ValueOrDie();
  EXPECT_EQ(reader->Next().ValueOrDie()->num_rows(), 100);
  EXPECT_EQ(reader->Next().ValueOrDie(), nullptr);
  EXPECT_EQ(reader->Next().ValueOrDie(), nullptr);
}

TEST_P(TableSourceTest, AScanOutlivesItsTable) {
  auto table = GetParam().open();
  const auto reader = table->Scan({{}, all_, 100}).ValueOrDie();
  table.reset();
  EXPECT_TRUE(reader->Next().ValueOrDie()->Equals(*rows_->CombineChunksToBatch().ValueOrDie()));
}

TEST_P(TableSourceTest, ATakeGivesRowsInTheOrderAskedForRepeatsIncluded) {
  constexpr uint64_t kSeed = 5;
  SplitMix64 random(kSeed);
  for (const size_t num_rows : {1, 2, 50, 300}) {
    std::vector<uint64_t> row_ids(num_rows);
    for (uint64_t& row_id : row_ids) row_id = random.Next() % 100;
    const auto taken = table_->Take(row_ids, all_);
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE((*taken)->ValidateFull().ok());
    EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, row_ids, all_), /*check_metadata=*/true))
        << num_rows << " rows, seed " << kSeed;
  }
}

TEST_P(TableSourceTest, ATakeGivesTheColumnsAskedForInTheirOrder) {
  const std::vector<uint64_t> row_ids = {99, 0, 7, 7};
  for (const std::vector<std::string>& columns :
       {std::vector<std::string>{"s"}, {"s", "_rowid", "i"}, {"_rowid"}, {}}) {
    const auto taken = table_->Take(row_ids, columns);
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, row_ids, columns)));
  }
}

TEST_P(TableSourceTest, ATakeOfNoRowsHasTheColumns) {
  const auto taken = table_->Take({}, all_).ValueOrDie();
  EXPECT_TRUE(taken->ValidateFull().ok());
  EXPECT_EQ(taken->num_rows(), 0);
  EXPECT_TRUE(taken->schema()->Equals(rows_->schema()));
}

TEST_P(TableSourceTest, ATakeOfAnAbsentRowNamesItsId) {
  for (const uint64_t row_id : {uint64_t{100}, uint64_t{1} << 32, UINT64_MAX}) {
    const auto status = table_->Take(std::vector<uint64_t>{1, row_id, 2}, {"i"}).status();
    EXPECT_TRUE(status.IsIndexError()) << status;
    EXPECT_NE(status.message().find(std::to_string(row_id)), std::string::npos) << status;
    EXPECT_NE(status.message().find(table_->location()), std::string::npos) << status;
  }
}

TEST_P(TableSourceTest, AnUnknownColumnIsAKeyErrorThatListsTheColumns) {
  for (const auto& status : {table_->Scan({{}, {"i", "nope"}}).status(),
                             table_->Take(std::vector<uint64_t>{1}, {"nope"}).status()}) {
    EXPECT_TRUE(status.IsKeyError()) << status;
    EXPECT_EQ(status.message(), "no column named 'nope'; the columns are: i, s");
  }
}

TEST_P(TableSourceTest, AColumnAskedForTwiceIsInvalid) {
  for (const std::vector<std::string>& columns :
       {std::vector<std::string>{"i", "s", "i"}, {"_rowid", "_rowid"}}) {
    EXPECT_TRUE(table_->Scan({{}, columns}).status().IsInvalid());
    EXPECT_TRUE(table_->Take(std::vector<uint64_t>{1}, columns).status().IsInvalid());
  }
}

TEST_P(TableSourceTest, BatchesWithoutRowsAreInvalid) {
  EXPECT_TRUE(table_->Scan({{}, {"i"}, 0}).status().IsInvalid());
  EXPECT_TRUE(table_->Scan({{}, {"i"}, -1}).status().IsInvalid());
}

TEST_P(TableSourceTest, TheIndexGivesTheRowIdOfEachRank) {
  const auto index = table_->RowIds().ValueOrDie();
  ASSERT_EQ(index->num_rows(), 100);
  std::vector<uint64_t> ranks = {99, 0, 50, 50};
  index->Lookup(ranks);
  EXPECT_EQ(ranks, (std::vector<uint64_t>{99, 0, 50, 50}));
}

TEST_P(TableSourceTest, ACancelledReadSaysSo) {
  CancelFlag cancel;
  ScanOptions options{{.cancel = &cancel}, {"i", "s"}, 10};
  const auto reader = table_->Scan(options).ValueOrDie();
  ASSERT_TRUE(reader->Next().ok());
  cancel.Cancel();
  EXPECT_TRUE(reader->Next().status().IsCancelled());
  EXPECT_TRUE(table_->Take(std::vector<uint64_t>{1}, {"i"}, options).status().IsCancelled());
}

TEST_P(TableSourceTest, ResultsComeFromThePoolOfTheOptions) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  const ScanOptions options{{.pool = &pool}, all_, 100};
  const auto scanned = ScanAll(*table_, options).ValueOrDie();
  const int64_t scanned_bytes = pool.total_bytes_allocated();
  EXPECT_GE(table_->Take(std::vector<uint64_t>(500, 3), all_, options).ValueOrDie()->num_rows(), 1);
  EXPECT_GE(pool.total_bytes_allocated() - scanned_bytes, 500 * (4 + 8));
}

TEST_P(TableSourceTest, APoolIsNotNeededOnceItsResultsAreGone) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  const ScanOptions options{{.pool = &pool}, all_, 10};
  ASSERT_TRUE(ScanAll(*table_, options).ok());
  ASSERT_TRUE(table_->Take(std::vector<uint64_t>{5, 4}, all_, options).ok());
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST_P(TableSourceTest, APoolThatIsFullIsAnError) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  arrow::CappedMemoryPool full(&pool, 100);
  const ScanOptions options{{.pool = &full}, all_, 100};
  EXPECT_TRUE(ScanAll(*table_, options).status().IsOutOfMemory());
  const std::vector<uint64_t> row_ids(500, 3);
  EXPECT_TRUE(table_->Take(row_ids, all_, options).status().IsOutOfMemory());
}

TEST_P(TableSourceTest, AForkedChildReadsATableThatWasUsed) {
  ASSERT_TRUE(ScanAll(*table_, {{}, all_}).ok());
  const auto result = testing::RunInForkedChild([&] {
    const auto scanned = ScanAll(*table_, {{}, all_, 30});
    const auto taken = table_->Take(std::vector<uint64_t>{9, 4}, all_);
    return scanned.ok() && (*scanned)->Equals(*rows_) && taken.ok() &&
                   (*taken)->Equals(*TakeRows(*rows_, std::vector<uint64_t>{9, 4}, all_))
               ? 0
               : 1;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

std::vector<Kind> Kinds() {
  const auto memory_table =
      [](std::shared_ptr<arrow::Table> (*shape)(const std::shared_ptr<arrow::Table>&)) {
        return [shape] {
          return MakeMemoryTable("numbers", shape(WithoutRowIds(ReadGoldenRows("numbers"))))
              .ValueOrDie();
        };
      };
  return {
      {"lance_v2_2", [] { return OpenGoldenTable("numbers"); }},
      {"lance_v2_1", [] { return OpenGoldenTable("numbers_v2_1"); }},
      {"memory", memory_table([](const std::shared_ptr<arrow::Table>& rows) { return rows; })},
      {"memory_in_chunks", memory_table(&Rechunk)},
  };
}

INSTANTIATE_TEST_SUITE_P(Kinds, TableSourceTest, ::testing::ValuesIn(Kinds()),
                         [](const auto& info) { return info.param.name; });

// A table that leaves RowIds to the interface, and scans in another order than that of storage.
class ScannedTable : public TableSource {
 public:
  explicit ScannedTable(std::shared_ptr<arrow::Table> row_ids) : row_ids_(std::move(row_ids)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return row_ids_->schema(); }
  uint64_t version() const override { return 1; }
  const std::string& location() const override { return location_; }
  arrow::Result<int64_t> CountRows() const override { return row_ids_->num_rows(); }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override {
    ARROW_RETURN_NOT_OK(options.cancel->Check());
    return std::make_shared<arrow::TableBatchReader>(row_ids_);
  }
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(std::span<const uint64_t>,
                                                          const std::vector<std::string>&,
                                                          const ReadOptions&) const override {
    return arrow::Status::NotImplemented("take");
  }

 private:
  const std::string location_ = "scanned";
  const std::shared_ptr<arrow::Table> row_ids_;
};

std::shared_ptr<arrow::Table> OneColumn(const std::shared_ptr<arrow::Array>& array) {
  return arrow::Table::Make(arrow::schema({arrow::field(kRowIdColumn, array->type())}), {array});
}

TEST(ScannedRowIdsTest, RowIdsThatAScanGivesAreSorted) {
  arrow::UInt64Builder builder;
  ASSERT_TRUE(builder.AppendValues({7, 3, uint64_t{1} << 40, 5}).ok());
  const ScannedTable table(OneColumn(builder.Finish().ValueOrDie()));
  const auto index = table.RowIds().ValueOrDie();
  EXPECT_EQ(index->num_rows(), 4);
  std::vector<uint64_t> ranks = {3, 0, 1, 2};
  index->Lookup(ranks);
  EXPECT_EQ(ranks, (std::vector<uint64_t>{uint64_t{1} << 40, 3, 5, 7}));
}

TEST(ScannedRowIdsTest, RowIdsOfAnotherTypeAreAnError) {
  arrow::Int64Builder builder;
  ASSERT_TRUE(builder.Append(7).ok());
  const ScannedTable table(OneColumn(builder.Finish().ValueOrDie()));
  EXPECT_TRUE(table.RowIds().status().IsTypeError());
}

TEST(ScannedRowIdsTest, TheScanIsCancelled) {
  const ScannedTable table(OneColumn(arrow::MakeArrayOfNull(arrow::uint64(), 0).ValueOrDie()));
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(table.RowIds({.cancel = &cancel}).status().IsCancelled());
}

}  // namespace
}  // namespace croupier::table
