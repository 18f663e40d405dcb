#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

using format::test::Message;

constexpr uint64_t kSeed = 11;

struct GoldenTable {
  std::string name;
  uint64_t version = 1;
  int64_t num_rows = 0;
};

void PrintTo(const GoldenTable& table, std::ostream* out) { *out << table.name; }

class GoldenTableTest : public ::testing::TestWithParam<GoldenTable> {
 protected:
  const std::shared_ptr<const TableSource> table_ = OpenGoldenTable(GetParam().name);
  const std::shared_ptr<arrow::Table> rows_ = ReadGoldenRows(GetParam().name);
  const std::vector<std::string> all_ = rows_->schema()->field_names();  // that can be read
};

class GoldenRowsTest : public GoldenTableTest {};

TEST_P(GoldenTableTest, HasTheVersionAndTheColumns) {
  EXPECT_EQ(table_->version(), GetParam().version);
  EXPECT_EQ(table_->location(), testing::GoldenPath("tables/" + GetParam().name + ".lance"));
  for (const auto& field : rows_->schema()->fields()) {
    if (field->name() == kRowIdColumn) continue;
    const auto found = table_->schema()->GetFieldByName(field->name());
    ASSERT_NE(found, nullptr) << field->name();
    EXPECT_TRUE(found->Equals(field, /*check_metadata=*/true)) << found->ToString();
  }
}

TEST_P(GoldenTableTest, CountsItsLiveRows) {
  EXPECT_EQ(table_->CountRows().ValueOrDie(), GetParam().num_rows);
}

TEST_P(GoldenTableTest, AScanGivesTheRowsOfTheReference) {
  for (const int64_t batch_rows : {1, 7, 30, 1000, 100000}) {
    if (GetParam().num_rows > 1000 * batch_rows) continue;  // slow
    const auto scanned = ScanAll(*table_, {{}, all_, batch_rows});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->Equals(*rows_)) << batch_rows;
  }
}

TEST_P(GoldenTableTest, EachColumnIsReadByItself) {
  for (const auto& name : all_) {
    const auto scanned = ScanAll(*table_, {{}, {name}, 64});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->column(0)->Equals(*rows_->GetColumnByName(name))) << name;
  }
}

TEST_P(GoldenTableTest, ColumnsComeInTheOrderAskedFor) {
  const std::vector<std::string> reversed(all_.rbegin(), all_.rend());
  const auto scanned = ScanAll(*table_, {{}, reversed, 64});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)
                  ->SelectColumns([&] {
                    std::vector<int> order(all_.size());
                    for (size_t i = 0; i < order.size(); ++i)
                      order[i] = static_cast<int>(order.size() - 1 - i);
                    return order;
                  }())
                  .ValueOrDie()
                  ->Equals(*rows_));
}

TEST_P(GoldenTableTest, TheIndexGivesTheRowIdOfEachRank) {
  const auto index = table_->RowIds().ValueOrDie();
  ASSERT_EQ(index->num_rows(), GetParam().num_rows);
  std::vector<uint64_t> ranks(static_cast<size_t>(index->num_rows()));
  for (size_t i = 0; i < ranks.size(); ++i) ranks[i] = i;
  index->Lookup(ranks);
  EXPECT_EQ(ranks, RowIdsOf(*rows_));
}

TEST_P(GoldenRowsTest, ATakeOfRandomRowsGivesThemTheFirstTimeAndAgain) {
  const auto row_ids = RowIdsOf(*rows_);
  SplitMix64 random(kSeed);
  for (const size_t num_taken : {1, 10, 300, 10, 1}) {
    std::vector<uint64_t> ranks(num_taken);
    std::vector<uint64_t> taken_ids(num_taken);
    for (size_t i = 0; i < num_taken; ++i) {
      ranks[i] = random.Next() % row_ids.size();
      taken_ids[i] = row_ids[ranks[i]];
    }
    const auto taken = table_->Take(taken_ids, all_);
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE((*taken)->ValidateFull().ok());
    EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, ranks, all_))) << "seed " << kSeed;
  }
}

TEST_P(GoldenRowsTest, ATakeOfAllRowsBackwardsGivesThem) {
  auto row_ids = RowIdsOf(*rows_);
  std::vector<uint64_t> ranks(row_ids.size());
  for (size_t i = 0; i < ranks.size(); ++i) ranks[i] = ranks.size() - 1 - i;
  std::reverse(row_ids.begin(), row_ids.end());
  const auto taken = table_->Take(row_ids, all_);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, ranks, all_)));
}

TEST_P(GoldenRowsTest, ARowIsTakenIfAndOnlyIfItIsLive) {
  const auto row_ids = RowIdsOf(*rows_);
  const size_t step = std::max<size_t>(1, row_ids.size() / 500);
  int num_absent = 0;
  for (size_t i = 0; i < row_ids.size(); i += step) {
    const uint64_t live = row_ids[i];
    EXPECT_TRUE(table_->Take({&live, 1}, {kRowIdColumn}).ok()) << live;
    const uint64_t next = live + 1;
    if (std::binary_search(row_ids.begin(), row_ids.end(), next)) continue;
    ++num_absent;
    const auto status = table_->Take({&next, 1}, {kRowIdColumn}).status();
    EXPECT_TRUE(status.IsIndexError()) << status;
    EXPECT_TRUE(Mentions(status, "row id " + std::to_string(next) + " ")) << status;
  }
  EXPECT_GE(num_absent, step == 1 ? 1 : 100);
}

const GoldenTable kTables[] = {{"deletions_arrow", 2, 59},
                               {"deletions_bitmap", 2, 46901},
                               {"evolved", 6, 11},
                               {"nested", 1, 3},
                               {"numbers", 1, 100},
                               {"numbers_v2_1", 1, 100},
                               {"old_format", 1, 100},
                               {"nested_v2_0", 1, 60},
                               {"nested_v2_0_0_18_2", 1, 60},
                               {"text_0_12_3", 1, 60},
                               {"nested_v2_0_0_23_2", 1, 60},
                               {"mixed_versions", 3, 60},
                               {"records", 1, 40}};

INSTANTIATE_TEST_SUITE_P(Tables, GoldenTableTest, ::testing::ValuesIn(kTables),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(WithoutRows, GoldenTableTest,
                         ::testing::Values(GoldenTable{"empty", 1, 0}));
INSTANTIATE_TEST_SUITE_P(Tables, GoldenRowsTest, ::testing::ValuesIn(kTables),
                         [](const auto& info) { return info.param.name; });

TEST(LanceTableTest, KeepsTheMetadataOfItsSchema) {
  EXPECT_TRUE(OpenGoldenTable("numbers")->schema()->Equals(
      ReadGoldenRows("numbers")->RemoveColumn(2).ValueOrDie()->schema(), /*check_metadata=*/true));
}

TEST(LanceTableTest, IsOpenedByAFileUriAndByAPathThatEndsInASlash) {
  const auto path = testing::GoldenPath("tables/numbers.lance");
  for (const auto& uri : {"file://" + path, "file://localhost" + path, path + "/"}) {
    const auto table = OpenLanceTable(uri);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ((*table)->location(), path);
  }
}

TEST(LanceTableTest, AnOpenTableIsNotChangedByALaterVersion) {
  const auto path = CopyGoldenTable("numbers");
  const auto table = OpenLanceTable(path).ValueOrDie();
  WriteManifest(path, 2, Message().Child(1, FieldMessage(0, "new", "int32")).Number(3, 2));
  EXPECT_EQ(table->version(), 1);
  EXPECT_EQ(table->CountRows().ValueOrDie(), 100);
  EXPECT_EQ(OpenLanceTable(path).ValueOrDie()->version(), 2);
}

// Columns that cannot be read yet.

TEST(LanceTableTest, AColumnThatCannotBeReadIsNamedWithItsType) {
  const auto path = CopyGoldenTable("numbers");
  WriteManifest(path, 2,
                Message()
                    .Child(1, FieldMessage(0, "i", "int32"))
                    .Child(1, FieldMessage(1, "months", "interval:month"))
                    .Number(3, 2));
  const auto table = OpenLanceTable(path).ValueOrDie();
  for (const auto& status : {table->Scan({{}, {"i", "months"}}).status(),
                             table->Take(std::vector<uint64_t>{0}, {"months"}).status()}) {
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_TRUE(Mentions(status, "'months'")) << status;
    EXPECT_TRUE(Mentions(status, "interval:month")) << status;
  }
}

// What is no table that can be read.

TEST(LanceTableErrorTest, WhatIsNoDatasetIsAnIoErrorThatNamesIt) {
  const auto folder = testing::MakeTemporaryDirectory();
  testing::WriteFile(folder + "/file", {1, 2, 3});
  std::filesystem::create_directories(folder + "/empty");
  std::filesystem::create_directories(folder + "/no_manifest/_versions");
  testing::WriteFile(folder + "/no_manifest/_versions/notes.txt", {1});
  for (const std::string name : {"missing", "file", "empty", "no_manifest"}) {
    const auto path = (std::filesystem::path(folder) / name).string();
    const auto status = OpenLanceTable(path).status();
    EXPECT_TRUE(status.IsIOError()) << status;
    EXPECT_TRUE(Mentions(status, path + ": not a Lance dataset")) << status;
  }
}

TEST(LanceTableErrorTest, ALocationThatCannotBeReadIsAnError) {
  EXPECT_TRUE(OpenLanceTable("").status().IsInvalid());
  const auto status = OpenLanceTable("ftp://host/table.lance").status();
  EXPECT_TRUE(status.IsNotImplemented());
  EXPECT_TRUE(Mentions(status, "ftp://"));
  EXPECT_TRUE(OpenLanceTable("file://elsewhere/table.lance").status().IsInvalid());
}

TEST(LanceTableErrorTest, ManifestsNamedInTwoWaysAreAnError) {
  const auto path = CopyGoldenTable("numbers");
  testing::WriteFile(path + "/_versions/1.manifest", ReadFile(NewestManifest(path)));
  const auto status = OpenLanceTable(path).status();
  EXPECT_TRUE(status.IsSerializationError());
  EXPECT_TRUE(Mentions(status, path)) << status;
}

TEST(LanceTableErrorTest, AManifestNamedInTheOldWayIsRead) {
  const auto path = CopyGoldenTable("numbers");
  std::filesystem::rename(NewestManifest(path), path + "/_versions/1.manifest");
  EXPECT_EQ(OpenLanceTable(path).ValueOrDie()->CountRows().ValueOrDie(), 100);
}

TEST(LanceTableErrorTest, AManifestOfAnotherVersionThanItsNameSaysIsAnError) {
  const auto path = CopyGoldenTable("numbers");
  const auto manifest = NewestManifest(path);
  const auto renamed = path + "/_versions/18446744073709551608.manifest";
  std::filesystem::rename(manifest, renamed);
  const auto status = OpenLanceTable(path).status();
  EXPECT_TRUE(status.IsSerializationError());
  EXPECT_TRUE(Mentions(status, renamed)) << status;
}

TEST(LanceTableErrorTest, FeaturesThatAreNotKnownAreNamedByTheirFlags) {
  const auto path = CopyGoldenTable("numbers");
  for (const uint64_t flag : {uint64_t{64}, uint64_t{4096}, uint64_t{1} << 40}) {
    WriteManifest(path, 1, Message().Number(3, 1).Number(9, flag | 1));
    const auto status = OpenLanceTable(path).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_TRUE(Mentions(status, "flags " + std::to_string(flag) + ")")) << status;
    EXPECT_TRUE(Mentions(status, path)) << status;
  }
}

TEST(LanceTableErrorTest, AFileVersionThatCannotBeReadIsNamed) {
  const auto path = CopyGoldenTable("numbers");
  for (const std::string version : {"0.1", "2.3", "3.0", "next"}) {
    WriteManifest(path, 1, Message().Number(3, 1).Child(15, Message().Text(2, version)));
    const auto status = OpenLanceTable(path).status();
    EXPECT_TRUE(status.IsNotImplemented()) << status;
    EXPECT_TRUE(Mentions(status, version)) << status;
    EXPECT_TRUE(Mentions(status, path)) << status;
  }
}

// One file of several pages, of all layouts.

class ManyPagesTest : public ::testing::Test {
 protected:
  ManyPagesTest() {
    std::filesystem::create_directories(path_ + "/data");
    testing::WriteFile(path_ + "/data/pages.lance",
                       testing::ReadGolden("pages/many_pages_v2_2.lance"));
    WriteManifest(
        path_, 1,
        Message()
            .Number(3, 1)
            .Child(1, FieldMessage(0, "numbers", "int64"))
            .Child(1, FieldMessage(1, "words", "string"))
            .Child(1, FieldMessage(2, "sometimes", "double"))
            .Child(2, FragmentMessage(0, 735, DataFileMessage("pages.lance", {0, 1, 2}))));
  }

  const std::string path_ = testing::MakeTemporaryDirectory() + "/pages.lance";
  const std::shared_ptr<arrow::Table> rows_ = ReadArrowFile("pages/many_pages.arrow");
  const std::vector<std::string> all_ = {"numbers", "words", "sometimes"};
};

TEST_F(ManyPagesTest, WindowsThatCutPagesAndChunksAreScanned) {
  const auto table = OpenLanceTable(path_).ValueOrDie();
  for (const int64_t batch_rows : {1, 50, 119, 120, 121, 735, 1000}) {
    const auto scanned = ScanAll(*table, {{}, all_, batch_rows});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->Equals(*rows_)) << batch_rows;
  }
}

TEST_F(ManyPagesTest, RowsOfAllPagesAreTaken) {
  const auto table = OpenLanceTable(path_).ValueOrDie();
  SplitMix64 random(kSeed);
  for (const size_t num_rows : {1, 20, 1000}) {
    std::vector<uint64_t> row_ids(num_rows);
    for (uint64_t& row_id : row_ids) row_id = random.Next() % 735;
    const auto taken = table->Take(row_ids, all_);
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, row_ids, all_))) << "seed " << kSeed;
  }
}

TEST_F(ManyPagesTest, StretchesOfRowsAcrossPagesAreTaken) {
  const auto table = OpenLanceTable(path_).ValueOrDie();
  std::vector<uint64_t> row_ids;
  for (uint64_t row_id = 600; row_id < 735; ++row_id) row_ids.push_back(row_id);
  for (uint64_t row_id = 100; row_id < 500; ++row_id) row_ids.push_back(row_id);
  const auto taken = table->Take(row_ids, all_);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, row_ids, all_)));
}

}  // namespace
}  // namespace croupier::table
