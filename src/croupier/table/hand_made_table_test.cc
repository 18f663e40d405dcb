#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
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

TEST_F(HandMadeTableTest, ATakeOfRowsThatWereTakenTwiceReadsNothing) {
  const auto table = Open(Head().Child(2, FragmentMessage(0, 100, File())));
  const std::vector<uint64_t> row_ids = {3, 50, 99};
  const auto taken = table->Take(row_ids, {"i", "s"}).ValueOrDie();
  const auto num_bytes = [] { return storage::IoScheduler::Default().counters().num_bytes; };
  const int64_t after_one = num_bytes();
  EXPECT_TRUE(table->Take(row_ids, {"i", "s"}).ValueOrDie()->Equals(*taken));
  const int64_t before = num_bytes();
  EXPECT_GT(before, after_one);  // what was used once was not remembered
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

}  // namespace
}  // namespace croupier::table
