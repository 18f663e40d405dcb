#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

using format::test::ByteVector;
using format::test::Message;

constexpr uint64_t kSeed = 11;

bool Mentions(const arrow::Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

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

// Hand-made tables over the one data file of `numbers`.

class HandMadeTableTest : public ::testing::Test {
 protected:
  // The first fields of every manifest here: a version and the columns of `numbers`.
  static Message Head() {
    return Message()
        .Number(3, 1)
        .Child(1, FieldMessage(0, "i", "int32"))
        .Child(1, FieldMessage(1, "s", "string"));
  }

  Message File(const std::vector<uint64_t>& fields = {0, 1}) const {
    return DataFileMessage(data_file_, fields);
  }

  std::shared_ptr<const TableSource> Open(const Message& manifest) const {
    WriteManifest(path_, 1, manifest);
    auto table = OpenLanceTable(path_);
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ValueOr(nullptr);
  }

  arrow::Status OpenStatus(const Message& manifest) const {
    WriteManifest(path_, 1, manifest);
    return OpenLanceTable(path_).status();
  }

  // Write the deletion file 9 of version 1 of a fragment: the rows [begin, end) as one run.
  void WriteDeletions(uint64_t fragment, uint16_t begin, uint16_t end) const {
    ByteVector bytes;
    format::test::AppendValue(&bytes, uint32_t{12347});
    format::test::AppendValue(&bytes, uint8_t{1});
    for (const int value : {0, end - begin - 1, 1, int{begin}, end - begin - 1}) {
      format::test::AppendValue(&bytes, static_cast<uint16_t>(value));
    }
    std::filesystem::create_directories(path_ + "/_deletions");
    testing::WriteFile(path_ + "/_deletions/" + std::to_string(fragment) + "-1-9.bin", bytes);
  }

  static Message Deletions(uint64_t num_deleted) {
    return Message().Number(1, 1).Number(2, 1).Number(3, 9).Number(4, num_deleted);
  }

  const std::string path_ = CopyGoldenTable("numbers");
  const std::string data_file_ =
      std::filesystem::path(FilesIn(path_ + "/data").front()).filename().string();
  const std::shared_ptr<arrow::Table> rows_ =
      ReadGoldenRows("numbers")->RemoveColumn(2).ValueOrDie();
};

TEST_F(HandMadeTableTest, AThousandFragmentsAreScannedAndTaken) {
  auto manifest = Head();
  for (uint64_t id = 0; id < 1000; ++id) manifest.Child(2, FragmentMessage(3 * id, 100, File()));
  const auto table = Open(manifest);
  ASSERT_EQ(table->CountRows().ValueOrDie(), 100000);
  const auto scanned = ScanAll(*table, {{}, {"i", "s"}, 7777});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  const auto expected =
      arrow::ConcatenateTables(std::vector<std::shared_ptr<arrow::Table>>(1000, rows_));
  EXPECT_TRUE((*scanned)->Equals(**expected));

  std::vector<uint64_t> row_ids;
  std::vector<uint64_t> ranks;
  SplitMix64 random(kSeed);
  for (int i = 0; i < 3000; ++i) {
    ranks.push_back(random.Next() % 100);
    row_ids.push_back((random.Next() % 1000 * 3) << 32 | ranks.back());
  }
  const auto taken = table->Take(row_ids, {"s", "i"});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE((*taken)->Equals(*TakeRows(*rows_, ranks, {"s", "i"}))) << "seed " << kSeed;
}

TEST_F(HandMadeTableTest, ARowOfAFragmentThatIsNotThereIsAnIndexError) {
  const auto table = Open(
      Head().Child(2, FragmentMessage(1, 100, File())).Child(2, FragmentMessage(4, 100, File())));
  for (const uint64_t fragment : {0, 2, 3, 5}) {
    const auto status = table->Take(std::vector<uint64_t>{fragment << 32 | 7}, {"i"}).status();
    EXPECT_TRUE(status.IsIndexError()) << status;
    EXPECT_TRUE(Mentions(status, "(fragment " + std::to_string(fragment) + ", offset 7)"));
  }
}

TEST_F(HandMadeTableTest, AFragmentWhoseRowsAreAllDeletedGivesNone) {
  WriteDeletions(1, 0, 100);
  const auto table = Open(Head()
                              .Child(2, FragmentMessage(0, 100, File()))
                              .Child(2, FragmentMessage(1, 100, File()).Child(3, Deletions(100)))
                              .Child(2, FragmentMessage(2, 100, File())));
  EXPECT_EQ(table->CountRows().ValueOrDie(), 200);
  for (const int64_t batch_rows : {1, 60, 100, 1000}) {
    const auto scanned = ScanAll(*table, {{}, {"i", "s"}, batch_rows});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->Equals(*arrow::ConcatenateTables({rows_, rows_}).ValueOrDie()));
  }
  const auto index = table->RowIds().ValueOrDie();
  std::vector<uint64_t> ranks = {99, 100};
  index->Lookup(ranks);
  EXPECT_EQ(ranks, (std::vector<uint64_t>{99, uint64_t{2} << 32}));
}

TEST_F(HandMadeTableTest, ATableWhoseLastRowsAreAllDeletedEnds) {
  WriteDeletions(0, 0, 100);
  const auto table =
      Open(Head().Child(2, FragmentMessage(0, 100, File()).Child(3, Deletions(100))));
  EXPECT_EQ(table->CountRows().ValueOrDie(), 0);
  EXPECT_EQ(ScanAll(*table, {{}, {"i", kRowIdColumn}, 10}).ValueOrDie()->num_rows(), 0);
  EXPECT_EQ(table->RowIds().ValueOrDie()->num_rows(), 0);
}

TEST_F(HandMadeTableTest, ADeletedRowInAStretchOfRowsIsNamed) {
  WriteDeletions(2, 40, 50);
  const auto table = Open(Head().Child(2, FragmentMessage(2, 100, File()).Child(3, Deletions(10))));
  std::vector<uint64_t> row_ids(100);
  for (size_t i = 0; i < 100; ++i) row_ids[i] = uint64_t{2} << 32 | i;
  const auto status = table->Take(row_ids, {"i"}).status();
  EXPECT_TRUE(status.IsIndexError());
  EXPECT_TRUE(Mentions(status, "(fragment 2, offset 40)")) << status;
  EXPECT_TRUE(table->Take(std::span(row_ids).first(40), {"i"}).ok());
  EXPECT_TRUE(table->Take(std::span(row_ids).subspan(50), {"i"}).ok());
}

TEST_F(HandMadeTableTest, RowsAreCountedFromTheDeletionFileIfTheManifestDoesNotSay) {
  WriteDeletions(0, 90, 100);
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, File()).Child(3, Deletions(0))));
  EXPECT_EQ(table->CountRows().ValueOrDie(), 90);
}

TEST_F(HandMadeTableTest, ADeletionFileWithAnotherCountThanTheManifestIsAnError) {
  WriteDeletions(0, 90, 100);
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, File()).Child(3, Deletions(11))));
  for (const auto& status : {ScanAll(*table, {{}, {"i"}}).status(), table->RowIds().status(),
                             table->Take(std::vector<uint64_t>{1}, {"i"}).status()}) {
    EXPECT_TRUE(status.IsSerializationError()) << status;
    EXPECT_TRUE(Mentions(status, path_ + "/_deletions/0-1-9.bin")) << status;
  }
}

TEST_F(HandMadeTableTest, AMissingDeletionFileIsNamed) {
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, File()).Child(3, Deletions(10))));
  EXPECT_EQ(table->CountRows().ValueOrDie(), 90);
  for (const auto& status : {ScanAll(*table, {{}, {"i"}}).status(), table->RowIds().status(),
                             table->Take(std::vector<uint64_t>{1}, {"i"}).status()}) {
    EXPECT_TRUE(status.IsIOError()) << status;
    EXPECT_TRUE(Mentions(status, path_ + "/_deletions/0-1-9.bin")) << status;
  }
}

TEST_F(HandMadeTableTest, AMissingDataFileIsNamedWhileOtherRowsAreRead) {
  const auto table = Open(Head()
                              .Child(2, FragmentMessage(0, 100, File()))
                              .Child(2, FragmentMessage(1, 100, DataFileMessage("gone", {0, 1}))));
  EXPECT_TRUE(table->Take(std::vector<uint64_t>{50}, {"i"}).ok());
  const auto status = table->Take(std::vector<uint64_t>{50, uint64_t{1} << 32}, {"i"}).status();
  EXPECT_TRUE(status.IsIOError()) << status;
  EXPECT_TRUE(Mentions(status, path_ + "/data/gone")) << status;
}

TEST_F(HandMadeTableTest, AScanThatFailedGivesItsErrorAgainInsteadOfLaterRows) {
  const auto table = Open(Head()
                              .Child(2, FragmentMessage(0, 100, File()))
                              .Child(2, FragmentMessage(1, 100, DataFileMessage("gone", {0, 1})))
                              .Child(2, FragmentMessage(2, 100, File())));
  const auto reader = table->Scan({{}, {"i", kRowIdColumn}, 100}).ValueOrDie();
  ASSERT_TRUE(reader->Next().ok());
  const auto first = reader->Next().status();
  EXPECT_TRUE(first.IsIOError()) << first;
  EXPECT_EQ(reader->Next().status(), first);
}

TEST_F(HandMadeTableTest, AColumnInNoFileIsNull) {
  const auto table = Open(Head()
                              .Child(1, FieldMessage(7, "later", "fixed_size_list:float:3"))
                              .Child(2, FragmentMessage(0, 100, File({0}))));
  for (const std::string name : {"s", "later"}) {
    const auto scanned = ScanAll(*table, {{}, {"i", name}, 30});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_EQ((*scanned)->column(1)->null_count(), 100);
    EXPECT_TRUE((*scanned)->column(0)->Equals(*rows_->column(0)));
    const auto taken = table->Take(std::vector<uint64_t>{5, 5, 1}, {name}).ValueOrDie();
    EXPECT_TRUE(taken->ValidateFull().ok());
    EXPECT_EQ(taken->column(0)->null_count(), 3);
  }
}

TEST_F(HandMadeTableTest, AFieldThatIsNoColumnOfTheTableAnyMoreIsLeftOut) {
  const auto table = Open(Message()
                              .Number(3, 1)
                              .Child(1, FieldMessage(1, "s", "string"))
                              .Child(2, FragmentMessage(0, 100, File({0, 1}))));
  const auto scanned = ScanAll(*table, {{}, {"s"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)->column(0)->Equals(*rows_->column(1)));
}

TEST_F(HandMadeTableTest, AColumnWithAnotherNumberOfRowsThanItsFragmentIsAnError) {
  const auto table = Open(Head().Child(2, FragmentMessage(0, 99, File())));
  const auto status = ScanAll(*table, {{}, {"i"}}).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
  EXPECT_TRUE(Mentions(status, "'i'")) << status;
  EXPECT_TRUE(Mentions(status, data_file_)) << status;
}

TEST_F(HandMadeTableTest, AColumnThatTheFileDoesNotHaveIsAnError) {
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, File({5, 6, 1}))));
  const auto status = ScanAll(*table, {{}, {"s"}}).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
  EXPECT_TRUE(Mentions(status, "'s'")) << status;
  EXPECT_TRUE(Mentions(status, data_file_)) << status;
}

TEST_F(HandMadeTableTest, AFileColumnOfTwoTableColumnsOfDifferentTypesIsAnError) {
  const auto one_column = Message().Text(1, data_file_).Packed(2, {0, 1}).Packed(3, {0, 0});
  const auto file = Message(one_column).Number(4, 2).Number(5, 2);
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, file)));
  EXPECT_FALSE(ScanAll(*table, {{}, {"i", "s"}}).ok());
  EXPECT_TRUE(ScanAll(*table, {{}, {"i"}}).ok());
}

TEST_F(HandMadeTableTest, ATypeThatClaimsWideValuesDoesNotDictateTheMemory) {
  constexpr int64_t kAllowedBytes = 1 << 20;
  const auto file = File({7});
  for (const std::string type : {"fixed_size_list:float:1000000000", "fixed_size_binary:1000000"}) {
    const auto table = Open(
        Head().Child(1, FieldMessage(7, "wide", type)).Child(2, FragmentMessage(0, 100, file)));
    arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
    arrow::CappedMemoryPool capped(&pool, kAllowedBytes);
    const auto status =
        table->Take(std::vector<uint64_t>{0, 50}, {"wide"}, {.pool = &capped}).status();
    EXPECT_TRUE(status.IsSerializationError()) << status;
    EXPECT_TRUE(Mentions(status, data_file_)) << status;
  }
}

TEST_F(HandMadeTableTest, ColumnsOfAVeryWideFileAreRead) {
  // As `numbers`, with a table of columns that does not fit in what is read to open a file.
  constexpr int kNumColumns = 5000;
  const auto bytes = ReadFile(path_ + "/data/" + data_file_);
  const auto footer = format::FileFooter::Parse(bytes, std::ssize(bytes)).ValueOrDie();
  const auto part = [&](int64_t begin, int64_t end) {
    return ByteVector(bytes.begin() + begin, bytes.begin() + end);
  };
  const int64_t entries = footer.column_metadata_offsets_start;
  auto wide = part(0, entries);
  for (int i = 0; i < kNumColumns; ++i) {
    const auto entry =
        i < kNumColumns - 1 ? part(entries, entries + 16) : part(entries + 16, entries + 32);
    wide.insert(wide.end(), entry.begin(), entry.end());
  }
  const auto global_buffers_start = std::ssize(wide);
  const auto rest = part(footer.global_buffer_offsets_start, std::ssize(bytes));
  wide.insert(wide.end(), rest.begin(), rest.end());
  uint8_t* new_footer = wide.data() + wide.size() - format::FileFooter::kEncodedBytes;
  std::memcpy(new_footer + 16, &global_buffers_start, 8);
  std::memcpy(new_footer + 28, &kNumColumns, 4);
  testing::WriteFile(path_ + "/data/wide", wide);

  const auto file = Message()
                        .Text(1, "wide")
                        .Packed(2, {0, 1})
                        .Packed(3, {0, kNumColumns - 1})
                        .Number(4, 2)
                        .Number(5, 2);
  const auto scanned =
      ScanAll(*Open(Head().Child(2, FragmentMessage(0, 100, file))), {{}, {"i", "s"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)->Equals(*rows_));
}

TEST_F(HandMadeTableTest, ATakeOfRowsThatWereTakenBeforeReadsNothing) {
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, File())));
  const std::vector<uint64_t> row_ids = {3, 50, 99};
  const auto taken = table->Take(row_ids, {"i", "s"}).ValueOrDie();
  const auto num_bytes = [] { return storage::IoScheduler::Default().counters().num_bytes; };
  const int64_t before = num_bytes();
  EXPECT_TRUE(table->Take(row_ids, {"i", "s"}).ValueOrDie()->Equals(*taken));
  EXPECT_EQ(num_bytes(), before);
  EXPECT_TRUE(ScanAll(*OpenLanceTable(path_).ValueOrDie(), {{}, {"i"}}).ok());
  EXPECT_GT(num_bytes(), before);
}

TEST_F(HandMadeTableTest, AFragmentThatDoesNotSayHowManyRowsItHasIsAskedForThem) {
  const Message fragment = Message().Number(1, 3).Child(2, File());
  const auto table = Open(Head().Child(2, fragment));
  EXPECT_EQ(table->CountRows().ValueOrDie(), 100);
  const auto scanned = ScanAll(*table, {{}, {"i", "s"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)->Equals(*rows_));

  const auto status = OpenStatus(Head().Child(2, Message(fragment).Child(3, Deletions(101))));
  EXPECT_TRUE(status.IsSerializationError()) << status;
  EXPECT_TRUE(Mentions(status, path_ + ": fragment 3")) << status;
}

TEST_F(HandMadeTableTest, LegacyFilesAreNotTakenForNulls) {
  const auto legacy = Message().Text(1, data_file_).Packed(2, {0, 1});
  const auto status = OpenStatus(Head().Child(2, FragmentMessage(0, 100, legacy)));
  EXPECT_TRUE(status.IsNotImplemented()) << status;
  EXPECT_TRUE(Mentions(status, data_file_)) << status;
}

Message BasePathMessage(uint64_t id, const std::string& path, bool is_dataset_root) {
  return Message().Number(1, id).Number(3, is_dataset_root ? 1 : 0).Text(4, path);
}

TEST_F(HandMadeTableTest, FilesOfACloneAreReadWhereTheyAre) {
  WriteDeletions(4, 0, 10);
  const auto clone = testing::MakeTemporaryDirectory() + "/clone.lance";
  const auto deletions = Deletions(10).Number(7, 0);
  WriteManifest(clone, 1,
                Head()
                    .Number(3, 1)
                    .Child(18, BasePathMessage(0, path_, true))
                    .Child(18, BasePathMessage(1, "file://" + path_ + "/data/", false))
                    .Child(2, FragmentMessage(4, 100, File().Number(7, 0)).Child(3, deletions))
                    .Child(2, FragmentMessage(5, 100, File().Number(7, 1))));
  const auto table = OpenLanceTable(clone).ValueOrDie();
  const auto scanned = ScanAll(*table, {{}, {"i", "s"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE(
      (*scanned)->Equals(*arrow::ConcatenateTables({rows_->Slice(10), rows_}).ValueOrDie()));
}

TEST_F(HandMadeTableTest, ABasePathThatIsNotInTheManifestIsAnError) {
  const auto elsewhere = File().Number(7, 0);
  const auto data_status = OpenStatus(Head().Child(2, FragmentMessage(4, 100, elsewhere)));
  EXPECT_TRUE(data_status.IsSerializationError()) << data_status;
  EXPECT_TRUE(Mentions(data_status, path_)) << data_status;

  const auto deletions = Deletions(10).Number(7, 0);
  const auto table = Open(Head().Child(2, FragmentMessage(4, 100, File()).Child(3, deletions)));
  const auto deletions_status = ScanAll(*table, {{}, {"i"}}).status();
  EXPECT_TRUE(deletions_status.IsSerializationError()) << deletions_status;
}

TEST_F(HandMadeTableTest, ABasePathOnAnotherStoreIsRefusedUnlessItIsAllowed) {
  const auto manifest = Head()
                            .Child(18, BasePathMessage(0, "other://bucket/t.lance", true))
                            .Child(2, FragmentMessage(4, 100, File().Number(7, 0)));
  const auto status = OpenStatus(manifest);
  EXPECT_TRUE(status.IsIOError()) << status;
  EXPECT_TRUE(Mentions(status, "allow_external")) << status;
  // It is allowed, and there is no such store.
  const auto allowed = OpenLanceTable(path_, {{}, {"other://bucket"}}).status();
  EXPECT_TRUE(allowed.IsNotImplemented()) << allowed;
}

TEST_F(HandMadeTableTest, HostileBasePathsAreErrorsWhereTheyAreUsed) {
  for (const auto* path :
       {"", "relative/../b", "/a/../b", "file:///a/%2e%2e/b", "s3://b/x?endpoint=e"}) {
    const auto head = Head().Child(18, BasePathMessage(0, path, true));
    const auto used =
        OpenStatus(Message(head).Child(2, FragmentMessage(4, 100, File().Number(7, 0))));
    EXPECT_TRUE(used.IsSerializationError()) << path << ": " << used;
    EXPECT_TRUE(OpenStatus(Message(head).Child(2, FragmentMessage(4, 100, File()))).ok()) << path;
  }
}

TEST_F(HandMadeTableTest, AFragmentWithoutStableRowIdsIsAnErrorWhereTheyAreAskedFor) {
  const auto table =
      Open(Head().Number(9, 2).Number(10, 2).Child(2, FragmentMessage(0, 100, File())));
  EXPECT_TRUE(ScanAll(*table, {{}, {"i", kRowAddressColumn}}).ok());
  for (const auto& status :
       {ScanAll(*table, {{}, {kRowIdColumn}}).status(), table->RowIds().status(),
        table->Take(std::vector<uint64_t>{1}, {"i"}).status()}) {
    EXPECT_TRUE(status.IsSerializationError()) << status;
    EXPECT_TRUE(Mentions(status, path_ + ": fragment 0")) << status;
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
