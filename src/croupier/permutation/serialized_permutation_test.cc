#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "croupier/permutation.h"
#include "croupier/permutation/test_tables.h"
#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier {
namespace {

using permutation::Build;
using permutation::MappedRows;
using permutation::MappedSplits;
using permutation::MinimalTable;
using permutation::NumberedRows;
using permutation::TablesOfAllKinds;

namespace fs = std::filesystem;

using TablePtr = std::shared_ptr<const PermutationTable>;
using BasePtr = std::shared_ptr<const TableSource>;

// The rows of a permutation as a table that is nowhere else.
BasePtr InMemory(const BasePtr& base, const PermutationTable& table) {
  ScanOptions options;
  options.columns = {"row_id", "split_id"};
  const auto reader = table.AsTable(base).ValueOrDie()->Scan(options).ValueOrDie();
  const auto rows = reader->ToTable().ValueOrDie();
  return MakeMemoryTable("kept", rows->ReplaceSchemaMetadata(table.schema()->metadata()))
      .ValueOrDie();
}

std::vector<TablePtr> SerializableTables(const std::shared_ptr<const TableSource>& base) {
  auto tables = TablesOfAllKinds(base);
  tables.push_back(PermutationTable::Read(*InMemory(base, *tables[1]), *base).ValueOrDie());
  return tables;
}

TEST(SerializedPermutationTest, EveryKindReadsBackWhole) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100), 7, "some/branch");
  for (const TablePtr& table : SerializableTables(base)) {
    const std::string bytes = table->Serialize().ValueOrDie();
    const auto copy = PermutationTable::Deserialize(bytes);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ((*copy)->spec().ToString(), table->spec().ToString());
    EXPECT_TRUE((*copy)->schema()->Equals(*table->schema(), /*check_metadata=*/true));
    EXPECT_EQ((*copy)->base_branch(), "some/branch");
    EXPECT_EQ((*copy)->num_list_bytes(), table->num_list_bytes());
    EXPECT_EQ(MappedSplits(**copy), MappedSplits(*table));
    EXPECT_EQ((*copy)->Serialize().ValueOrDie(), bytes);
  }
}

TEST(SerializedPermutationTest, EveryTruncationIsAnErrorNotACrash) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100));
  for (const TablePtr& table : SerializableTables(base)) {
    const std::string bytes = table->Serialize().ValueOrDie();
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto status = PermutationTable::Deserialize(bytes.substr(0, size)).status();
      EXPECT_TRUE(status.IsSerializationError() || status.IsInvalid()) << size << ": " << status;
    }
    EXPECT_TRUE(PermutationTable::Deserialize(bytes + "x").status().IsSerializationError());
  }
}

TEST(SerializedPermutationTest, AChangedByteGivesRowsInRangeOrAnError) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100));
  for (const TablePtr& table : SerializableTables(base)) {
    const std::string bytes = table->Serialize().ValueOrDie();
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int bit : {1, 8, 128}) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ bit);
        const auto copy = PermutationTable::Deserialize(changed);
        if (!copy.ok() || (*copy)->maps_to_row_ids()) continue;
        const auto limit = static_cast<uint64_t>((*copy)->spec().num_base_rows);
        for (int64_t split = 0; split < (*copy)->num_splits(); ++split) {
          if ((*copy)->split_num_rows(split) == 0) continue;
          uint64_t row = static_cast<uint64_t>((*copy)->split_num_rows(split) - 1);
          const auto mapped = (*copy)->MapPositions(split, {&row, 1});
          if (mapped.ok()) {
            EXPECT_LT(row, limit);
          } else {
            EXPECT_TRUE(mapped.IsSerializationError()) << mapped;
          }
        }
      }
    }
  }
}

// Lists that are too long to go by value.
class SharedPermutationTest : public ::testing::Test {
 protected:
  // One directory of temporary files for all tests: a process knows what it shares wherever it is.
  void SetUp() override {
    static const std::string directory = testing::MakeTemporaryDirectory();
    temporary_ = directory;
    ASSERT_EQ(setenv("TMPDIR", temporary_.c_str(), 1), 0);
    RemoveSharedFiles();
  }
  void TearDown() override { unsetenv("TMPDIR"); }

  static BasePtr MakeBase(int64_t num_rows) {
    return MakeMemoryTable("base", NumberedRows(num_rows)).ValueOrDie();
  }

  int64_t NumSharedFiles() const {
    const std::string directory = temporary_ + "/croupier-" + std::to_string(geteuid());
    if (!fs::exists(directory)) return 0;
    return std::distance(fs::directory_iterator(directory), fs::directory_iterator());
  }
  void RemoveSharedFiles() const {
    fs::remove_all(temporary_ + "/croupier-" + std::to_string(geteuid()));
  }

  std::string temporary_;
  const BasePtr base_ = MakeBase(20000);
};

TEST_F(SharedPermutationTest, LongListsGoByOneFileAndAreMapped) {
  for (const TablePtr& table : TablesOfAllKinds(base_)) {
    const std::string bytes = table->Serialize().ValueOrDie();
    EXPECT_LT(bytes.size(), 1000u);
    EXPECT_EQ(table->Serialize().ValueOrDie(), bytes);
    const auto copy = PermutationTable::Deserialize(bytes).ValueOrDie();
    EXPECT_EQ(MappedSplits(*copy), MappedSplits(*table));
    EXPECT_EQ(copy->num_list_bytes(), table->num_list_bytes());
    // A copy passes the file on.
    EXPECT_EQ(copy->Serialize().ValueOrDie(), bytes);
  }
  EXPECT_EQ(NumSharedFiles(), 5);
}

TEST_F(SharedPermutationTest, WhereTheFileIsGoneTheOrderIsBuiltAgain) {
  for (const TablePtr& table : TablesOfAllKinds(base_)) {
    const std::string bytes = table->Serialize().ValueOrDie();
    const auto mapped = PermutationTable::Deserialize(bytes).ValueOrDie();
    RemoveSharedFiles();
    const auto copy = PermutationTable::Deserialize(bytes, MakeBase(20000));
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(MappedSplits(**copy), MappedSplits(*table));
    EXPECT_EQ((*copy)->order_id(), table->order_id());
    EXPECT_EQ((*copy)->split_names(), table->split_names());
    // What was mapped goes on, and shares its lists anew.
    EXPECT_EQ(MappedSplits(*mapped), MappedSplits(*table));
    const std::string again = mapped->Serialize().ValueOrDie();
    EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(again).ValueOrDie()),
              MappedSplits(*table));
  }
}

TEST_F(SharedPermutationTest, ATableWithOtherRowsIsAnErrorThatSaysWhatToDo) {
  const auto table = Build(base_, [](auto* b) { ASSERT_TRUE(b->Filter("id % 3 = 1").ok()); });
  const std::string bytes = table->Serialize().ValueOrDie();
  RemoveSharedFiles();
  // As many rows, others of which pass the filter.
  const auto rows = NumberedRows(20000);
  const auto other =
      MakeMemoryTable("base",
                      arrow::ConcatenateTables({rows->Slice(1), rows->Slice(0, 1)}).ValueOrDie())
          .ValueOrDie();
  for (const auto& base : {BasePtr(), BasePtr(other), MakeBase(100)}) {
    const auto status = PermutationTable::Deserialize(bytes, base).status();
    EXPECT_TRUE(status.IsInvalid()) << status;
    EXPECT_NE(status.message().find("persist"), std::string::npos) << status;
  }
}

TEST_F(SharedPermutationTest, WithoutADirectoryTheOrderIsBuiltAgain) {
  std::ofstream(temporary_ + "/croupier-" + std::to_string(geteuid())) << "in the way";
  const auto table = Build(base_, [](auto* b) { ASSERT_TRUE(b->Filter("id % 3 = 1").ok()); });
  const std::string bytes = table->Serialize().ValueOrDie();
  EXPECT_LT(bytes.size(), 1000u);
  EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(bytes, base_).ValueOrDie()),
            MappedSplits(*table));
}

TEST_F(SharedPermutationTest, AKeptPermutationGoesByItsOwnFileOrByItsRows) {
  const std::string path = testing::MakeTemporaryDirectory() + "/kept.lance";
  const auto table = Build(base_, [](auto* b) {
    ASSERT_TRUE(b->Filter("id % 3 = 1").ok());
    ASSERT_TRUE(b->SplitRandom({.fixed = 3}, 1).ok());
  });
  ASSERT_TRUE(table->Keep(base_, path).ok());
  const auto read = PermutationTable::Read(*OpenLanceTable(path).ValueOrDie(), *base_).ValueOrDie();
  const auto rows = MappedSplits(*read);
  std::string bytes = read->Serialize().ValueOrDie();
  EXPECT_LT(bytes.size(), 1000u);
  EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(bytes).ValueOrDie()), rows);
  EXPECT_EQ(NumSharedFiles(), 0);
  fs::remove_all(path + "/_croupier");
  EXPECT_TRUE(PermutationTable::Deserialize(bytes).status().IsInvalid());
  const auto copy = PermutationTable::Deserialize(bytes, base_).ValueOrDie();
  EXPECT_EQ(MappedSplits(*copy), rows);
  EXPECT_EQ(copy->order_id(), read->order_id());
  // One that was kept without a file, as by LanceDB, is shared.
  bytes = copy->Serialize().ValueOrDie();
  EXPECT_EQ(NumSharedFiles(), 1);
  EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(bytes).ValueOrDie()), rows);
  RemoveSharedFiles();
  EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(bytes, base_).ValueOrDie()), rows);
  fs::remove_all(path);
  const auto status = PermutationTable::Deserialize(bytes, base_).status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("persist"), std::string::npos) << status;
}

TEST_F(SharedPermutationTest, OneSplitThatGoesByValueDoesNotCarryOthers) {
  const auto built = Build(base_, [](auto* b) {
    ASSERT_TRUE(b->SplitBy({.kind = SplitRule::Kind::kHash,
                            .columns = {"id"},
                            .weights = std::vector<int64_t>(10, 1)})
                    .ok());
  });
  const auto table = PermutationTable::Read(*InMemory(base_, *built), *base_).ValueOrDie();
  const std::string all = table->Serialize().ValueOrDie();
  const std::vector<int64_t> splits = {3, 7};
  const std::string some = table->Serialize(splits).ValueOrDie();
  EXPECT_EQ(NumSharedFiles(), 0);
  EXPECT_LT(4 * some.size(), all.size());
  EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(all).ValueOrDie()), MappedSplits(*table));
  const auto copy = PermutationTable::Deserialize(some).ValueOrDie();
  EXPECT_EQ(copy->order_id(), table->order_id());
  EXPECT_EQ(copy->split_num_rows(0), table->split_num_rows(0));
  for (const int64_t split : splits) EXPECT_EQ(MappedRows(*copy, split), MappedRows(*table, split));
  uint64_t position = 0;
  const auto status = copy->MapPositions(0, {&position, 1});
  EXPECT_TRUE(status.IsInvalid()) << status;
  // It may be sent on, whole or in part.
  EXPECT_EQ(copy->Serialize().ValueOrDie().size(), some.size());
  const std::vector<int64_t> one = {7};
  const auto again = PermutationTable::Deserialize(copy->Serialize(one).ValueOrDie()).ValueOrDie();
  EXPECT_EQ(MappedRows(*again, 7), MappedRows(*table, 7));
}

TEST_F(SharedPermutationTest, TheFilesEndWithTheProcessAndNotWithItsChildren) {
  const auto table = Build(base_, [](auto* b) { ASSERT_TRUE(b->Filter("id % 3 = 1").ok()); });
  const auto rows = MappedSplits(*table);
  const std::string message = temporary_ + "/message";
  const auto sender = testing::RunInForkedChild([&] {
    const std::string bytes = table->Serialize().ValueOrDie();
    const auto reader = testing::RunInForkedChild([&] {
      return MappedSplits(*PermutationTable::Deserialize(bytes).ValueOrDie()) == rows ? 0 : 1;
    });
    std::ofstream(message, std::ios::binary) << bytes;
    return reader.exit_code + (NumSharedFiles() == 1 ? 0 : 2);
  });
  EXPECT_EQ(sender.exit_code, 0);
  EXPECT_EQ(NumSharedFiles(), 0);
  std::ifstream file(message, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(MappedSplits(*PermutationTable::Deserialize(bytes, base_).ValueOrDie()), rows);
}

}  // namespace
}  // namespace croupier
