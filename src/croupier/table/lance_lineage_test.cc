#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_primitive.h>
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

constexpr uint64_t kSeed = 17;

// Golden tables with every column that says what a row is.
class LineageTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::shared_ptr<const TableSource> table_ = OpenGoldenTable(GetParam());
  const std::shared_ptr<arrow::Table> rows_ = ReadGoldenRows(GetParam());
  const std::vector<std::string> all_ = rows_->schema()->field_names();
};

TEST_P(LineageTest, AScanGivesRowIdsAddressesAndVersionsOfTheReference) {
  ASSERT_EQ(all_,
            (std::vector<std::string>{"k", kRowIdColumn, kRowAddressColumn,
                                      kRowCreatedAtVersionColumn, kRowLastUpdatedAtVersionColumn}));
  for (const int64_t batch_rows : {1, 7, 1000}) {
    const auto scanned = ScanAll(*table_, {{}, all_, batch_rows});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->Equals(*rows_)) << (*scanned)->ToString();
  }
}

TEST_P(LineageTest, EachColumnIsReadByItselfAndInAnyOrder) {
  for (const auto& name : all_) {
    const auto scanned = ScanAll(*table_, {{}, {name}, 9});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->column(0)->Equals(*rows_->GetColumnByName(name))) << name;
  }
  const std::vector<std::string> some = {kRowLastUpdatedAtVersionColumn, "k", kRowIdColumn};
  const auto scanned = ScanAll(*table_, {{}, some, 9}).ValueOrDie();
  for (const auto& name : some) {
    EXPECT_TRUE(scanned->GetColumnByName(name)->Equals(*rows_->GetColumnByName(name))) << name;
  }
}

TEST_P(LineageTest, RowsAreTakenByIdAndByOffset) {
  const auto row_ids = RowIdsOf(*rows_);
  SplitMix64 random(kSeed);
  std::vector<uint64_t> offsets(200);
  std::vector<uint64_t> taken_ids;
  for (auto& offset : offsets) {
    offset = random.Next() % row_ids.size();
    taken_ids.push_back(row_ids[offset]);
  }
  const auto expected = TakeRows(*rows_, offsets, all_);
  const auto by_id = table_->Take(taken_ids, all_);
  ASSERT_TRUE(by_id.ok()) << by_id.status();
  EXPECT_TRUE((*by_id)->Equals(*expected)) << "seed " << kSeed;
  const auto by_offset = table_->TakeOffsets(offsets, all_);
  ASSERT_TRUE(by_offset.ok()) << by_offset.status();
  EXPECT_TRUE((*by_offset)->Equals(*expected)) << "seed " << kSeed;
}

TEST_P(LineageTest, TheIndexGivesTheRowIdOfEachRank) {
  const auto index = table_->RowIds().ValueOrDie();
  std::vector<uint64_t> ranks(static_cast<size_t>(index->num_rows()));
  for (size_t i = 0; i < ranks.size(); ++i) ranks[i] = i;
  index->Lookup(ranks);
  EXPECT_EQ(ranks, RowIdsOf(*rows_));
}

TEST_P(LineageTest, AnIdIsTakenIfAndOnlyIfALiveRowHasIt) {
  auto row_ids = RowIdsOf(*rows_);
  std::sort(row_ids.begin(), row_ids.end());
  int num_absent = 0;
  for (uint64_t id = 0; id < 200; ++id) {
    const auto status = table_->Take({&id, 1}, {"k"}).status();
    if (std::binary_search(row_ids.begin(), row_ids.end(), id)) {
      EXPECT_TRUE(status.ok()) << status;
    } else {
      ++num_absent;
      EXPECT_TRUE(status.IsIndexError()) << status;
      EXPECT_NE(status.message().find("row id " + std::to_string(id)), std::string::npos) << status;
    }
  }
  EXPECT_GE(num_absent, 100);
}

TEST_P(LineageTest, AnOffsetBehindTheLastRowIsAnIndexError) {
  const auto num_rows = static_cast<uint64_t>(rows_->num_rows());
  for (const uint64_t offset : {num_rows, UINT64_MAX}) {
    const auto status = table_->TakeOffsets(std::vector<uint64_t>{0, offset}, {"k"}).status();
    EXPECT_TRUE(status.IsIndexError()) << status;
    EXPECT_NE(status.message().find(std::to_string(offset) + " of " + std::to_string(num_rows)),
              std::string::npos)
        << status;
  }
  EXPECT_EQ(table_->TakeOffsets({}, {"k", kRowIdColumn}).ValueOrDie()->num_rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Tables, LineageTest,
                         ::testing::Values("stable_row_ids", "stable_row_ids_compacted",
                                           "stable_row_ids_spilled", "history_v1_names"),
                         [](const auto& info) { return info.param; });

TEST(LineageTest, StableRowIdsStayWithTheirRows) {
  // A row that was updated, and one that was not: k was 20 and is 1020, k is 21.
  const auto rows = ReadGoldenRows("stable_row_ids");
  const auto row_ids = RowIdsOf(*rows);
  const auto taken =
      OpenGoldenTable("stable_row_ids")->Take(std::vector<uint64_t>{20, 21}, {"k"}).ValueOrDie();
  const auto& k = static_cast<const arrow::Int32Array&>(*taken->column(0));
  EXPECT_EQ(k.Value(0), 1020);
  EXPECT_EQ(k.Value(1), 21);
  EXPECT_FALSE(std::is_sorted(row_ids.begin(), row_ids.end()));
}

TEST(LineageTest, AForkedChildFindsRowsByStableId) {
  const auto table = OpenGoldenTable("stable_row_ids");
  const auto rows = ReadGoldenRows("stable_row_ids");
  const std::vector<uint64_t> offsets = {40, 3, 61};
  auto row_ids = RowIdsOf(*rows);
  row_ids = {row_ids[40], row_ids[3], row_ids[61]};
  const auto expected = TakeRows(*rows, offsets, {"k", kRowIdColumn});
  const auto takes_right = [&] {
    const auto taken = table->Take(row_ids, {"k", kRowIdColumn});
    return taken.ok() && (*taken)->Equals(*expected);
  };
  ASSERT_TRUE(takes_right());
  const auto child = testing::RunInForkedChild([&] { return takes_right() ? 0 : 1; });
  EXPECT_EQ(child.exit_code, 0);
  EXPECT_FALSE(child.timed_out);
}

TEST(LineageTest, AColumnOfTheSchemaHidesASystemColumnButTheRowId) {
  const auto int32 = arrow::int32();
  const auto schema = arrow::schema({arrow::field(kRowAddressColumn, int32)});
  const auto projected = ProjectSchema(*schema, {kRowAddressColumn, kRowIdColumn}).ValueOrDie();
  EXPECT_TRUE(projected->field(0)->type()->Equals(int32));
  EXPECT_TRUE(projected->field(1)->type()->Equals(arrow::uint64()));
}

TEST(LineageTest, ATableInMemoryHasTheColumnsToo) {
  const auto rows = ReadGoldenRows("stable_row_ids")->SelectColumns({0}).ValueOrDie();
  const auto table = MakeMemoryTable("t", rows).ValueOrDie();
  const std::vector<std::string> columns = {kRowAddressColumn, kRowCreatedAtVersionColumn, "k",
                                            kRowIdColumn, kRowLastUpdatedAtVersionColumn};
  const auto scanned = ScanAll(*table, {{}, columns, 7});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)->column(0)->Equals(*(*scanned)->column(3)));
  const auto whole = (*scanned)->CombineChunksToBatch().ValueOrDie();
  const std::vector<uint64_t> offsets = {3, 0, 3};
  EXPECT_TRUE(table->TakeOffsets(offsets, columns)
                  .ValueOrDie()
                  ->Equals(*TakeRows(**scanned, offsets, columns)));
  EXPECT_EQ(static_cast<const arrow::UInt64Array&>(*whole->column(1)).Value(5), 1u);
}

}  // namespace
}  // namespace croupier::table
