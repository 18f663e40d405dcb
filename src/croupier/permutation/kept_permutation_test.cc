#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/permutation.h"
#include "croupier/permutation/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier {
namespace {

using permutation::AllRowIds;
using permutation::Build;
using permutation::MappedSplits;
using permutation::MinimalTable;
using permutation::NumberedRows;
using permutation::RowsFromJson;
using permutation::TablesOfAllKinds;

using Metadata = std::vector<std::pair<std::string, std::string>>;
using TablePtr = std::shared_ptr<const PermutationTable>;
using Splits = std::vector<std::vector<uint64_t>>;

std::shared_ptr<const TableSource> InMemory(std::shared_ptr<arrow::Table> rows) {
  return MakeMemoryTable("kept", std::move(rows)).ValueOrDie();
}

// The row ids of all splits, in reading order.
Splits RowIdsOf(const std::shared_ptr<const TableSource>& base, const TablePtr& table) {
  Splits splits;
  for (int64_t i = 0; i < table->num_splits(); ++i) {
    splits.push_back(AllRowIds(*Permutation::Make(base, table, i).ValueOrDie()));
  }
  return splits;
}

// A permutation table as others write it: rows of (row_id, split_id) with metadata.
std::shared_ptr<const TableSource> Kept(const std::shared_ptr<arrow::DataType>& split_type,
                                        const std::string& json, const Metadata& metadata,
                                        bool split_id_first = false) {
  arrow::FieldVector fields = {arrow::field("row_id", arrow::uint64()),
                               arrow::field("split_id", split_type)};
  if (split_id_first) std::swap(fields[0], fields[1]);
  auto keys = std::make_shared<arrow::KeyValueMetadata>();
  for (const auto& [key, value] : metadata) keys->Append(key, value);
  return InMemory(RowsFromJson(arrow::schema(fields, keys), json));
}

std::shared_ptr<arrow::Table> RowsOf(const std::shared_ptr<const TableSource>& base,
                                     const PermutationTable& table) {
  ScanOptions options;
  options.columns = {"row_id", "split_id"};
  const auto reader = table.AsTable(base).ValueOrDie()->Scan(options).ValueOrDie();
  return reader->ToTable().ValueOrDie()->ReplaceSchemaMetadata(table.schema()->metadata());
}

// As it is kept with its rows, or as its numbers alone.
std::shared_ptr<const TableSource> Keep(const std::shared_ptr<const TableSource>& base,
                                        const PermutationTable& table, bool with_rows) {
  if (!with_rows) return InMemory(arrow::Table::MakeEmpty(table.schema()).ValueOrDie());
  return InMemory(RowsOf(base, table));
}

TEST(KeptPermutationTest, EveryKindReadsBackWithItsRows) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100));
  for (const TablePtr& table : TablesOfAllKinds(base)) {
    const auto kept = Keep(base, *table, true);
    const auto read = PermutationTable::Read(*kept, *base);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(RowIdsOf(base, *read), RowIdsOf(base, table));
    EXPECT_EQ((*read)->split_names(), table->split_names());
    EXPECT_EQ((*read)->base_version(), table->base_version());
    EXPECT_EQ((*read)->maps_to_row_ids(), !table->spec().is_computed());
    // Read again after it was kept once more.
    const auto again = PermutationTable::Read(*Keep(base, **read, true), *base).ValueOrDie();
    EXPECT_EQ(RowIdsOf(base, again), RowIdsOf(base, table));
    EXPECT_EQ(again->order_id(), (*read)->order_id());
  }
}

TEST(KeptPermutationTest, ComputedOrdersReadBackFromTheirNumbersOthersDoNot) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100));
  for (const TablePtr& table : TablesOfAllKinds(base)) {
    const auto read = PermutationTable::Read(*Keep(base, *table, false), *base);
    if (!table->spec().is_computed()) {
      EXPECT_TRUE(read.status().IsInvalid()) << read.status();
      continue;
    }
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ((*read)->order_id(), table->order_id());
    EXPECT_EQ(RowIdsOf(base, *read), RowIdsOf(base, table));
    EXPECT_EQ((*read)->split_names(), table->split_names());
  }
}

TEST(KeptPermutationTest, WhatIsWrittenToADatabaseReadsBack) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100));
  const std::string directory = testing::MakeTemporaryDirectory();
  int number = 0;
  for (const TablePtr& table : TablesOfAllKinds(base)) {
    for (const bool materialize : {false, true}) {
      const std::string path = directory + "/" + std::to_string(++number) + ".lance";
      ASSERT_TRUE(table->Keep(base, path, materialize).ok());
      const auto kept = OpenLanceTable(path).ValueOrDie();
      const bool as_numbers = table->spec().is_computed() && !materialize;
      EXPECT_EQ(kept->CountRows().ValueOrDie(), as_numbers ? 0 : table->num_rows());
      const auto read = PermutationTable::Read(*kept, *base);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(RowIdsOf(base, *read), RowIdsOf(base, table));
      EXPECT_EQ((*read)->split_names(), table->split_names());
    }
  }
}

TEST(KeptPermutationTest, LanceDbsLayoutsAreRead) {
  const auto base = std::make_shared<MinimalTable>(10);
  const Metadata metadata = {{"base_version", "7"}, {"split_names", R"(["train", "test"])"}};
  // Of calculated splits: split_id first, int64, nullable, in the order of a scan.
  const std::string json = R"([{"row_id": 5, "split_id": 1}, {"row_id": 11, "split_id": 0},
      {"row_id": 8, "split_id": null}, {"row_id": 14, "split_id": -1},
      {"row_id": 17, "split_id": 1}])";
  for (const auto& type : {arrow::int64(), arrow::int8()}) {
    for (const bool split_id_first : {false, true}) {
      const auto read =
          PermutationTable::Read(*Kept(type, json, metadata, split_id_first), *base).ValueOrDie();
      EXPECT_EQ(MappedSplits(*read), (Splits{{11}, {5, 17}}));
      EXPECT_EQ(read->split_names(), (std::vector<std::string>{"train", "test"}));
      EXPECT_EQ(read->SplitByName("test").ValueOrDie(), 1);
      EXPECT_EQ(read->num_rows(), 3);
    }
  }
  const auto sorted = Kept(arrow::uint64(), R"([{"row_id": 8, "split_id": 0},
      {"row_id": 5, "split_id": 0}, {"row_id": 14, "split_id": 2}])",
                           {{"base_version", "7"}});
  EXPECT_EQ(MappedSplits(*PermutationTable::Read(*sorted, *base).ValueOrDie()),
            (Splits{{8, 5}, {}, {14}}));
}

TEST(KeptPermutationTest, HowRowsOfSplitsLieAmongEachOtherIsNotPartOfTheOrder) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto read = [&](const std::string& json) {
    return PermutationTable::Read(*Kept(arrow::uint64(), json, {{"base_version", "7"}}), *base)
        .ValueOrDie()
        ->order_id();
  };
  const std::string one = read(R"([{"row_id": 5, "split_id": 0}, {"row_id": 8, "split_id": 1},
                                   {"row_id": 11, "split_id": 0}])");
  EXPECT_EQ(one, read(R"([{"row_id": 5, "split_id": 0}, {"row_id": 11, "split_id": 0},
                          {"row_id": 8, "split_id": 1}])"));
  EXPECT_NE(one, read(R"([{"row_id": 11, "split_id": 0}, {"row_id": 5, "split_id": 0},
                          {"row_id": 8, "split_id": 1}])"));
}

TEST(KeptPermutationTest, ATableWithoutAVersionIsOfTheOneThatIsGiven) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto kept = Kept(arrow::uint64(), R"([{"row_id": 5, "split_id": 0}])", {});
  EXPECT_EQ(PermutationTable::Read(*kept, *base).ValueOrDie()->base_version(), 7u);
  const auto empty = PermutationTable::Read(*Kept(arrow::uint64(), "[]", {}), *base).ValueOrDie();
  EXPECT_EQ(empty->num_splits(), 1);
  EXPECT_EQ(empty->num_rows(), 0);
}

TEST(KeptPermutationTest, SaysWhichVersionAndBranchItWasBuiltOn) {
  const auto base_of = [](const Metadata& metadata) {
    return PermutationTable::BaseOf(*Kept(arrow::uint64(), "[]", metadata));
  };
  EXPECT_FALSE(base_of({}).ValueOrDie().version.has_value());
  EXPECT_EQ(base_of({{"base_version", "7"}}).ValueOrDie().version, 7u);
  EXPECT_EQ(base_of({{"base_version", "7"}}).ValueOrDie().branch, "main");
  EXPECT_EQ(base_of({{"base_version", "7"}, {"base_branch", "b"}}).ValueOrDie().branch, "b");
  EXPECT_TRUE(base_of({{"base_version", "x"}}).status().IsInvalid());
}

TEST(KeptPermutationTest, MetadataThatCannotBeReadIsAnError) {
  const auto base = std::make_shared<MinimalTable>(10);
  const std::string json = R"([{"row_id": 5, "split_id": 0}])";
  const auto table = Build(base, [](auto* b) { ASSERT_TRUE(b->Shuffle(1).ok()); });
  const std::string order = table->spec().ToString();
  for (const Metadata& metadata : std::vector<Metadata>{
           {{"base_version", "seven"}},
           {{"base_version", "-7"}},
           {{"base_version", "7 "}},
           {{"base_version", "99999999999999999999"}},
           {{"base_version", "8"}},
           {{"base_version", "7"}, {"base_branch", "other"}},
           {{"base_version", "7"}, {"split_names", "train"}},
           {{"base_version", "7"}, {"split_names", "[1]"}},
           {{"base_version", "7"}, {"split_names", R"(["a", "a"])"}},
           {{"base_version", "7"}, {"split_names", std::string(100000, '[')}},
           {{"base_version", "7"}, {"croupier.order", "croupier-order-9 x"}},
           {{"base_version", "8"}, {"croupier.order", order}},
           {{"croupier.order", order}},
       }) {
    const auto status =
        PermutationTable::Read(*Kept(arrow::uint64(), json, metadata), *base).status();
    EXPECT_TRUE(status.IsInvalid()) << metadata.back().second.substr(0, 50) << ": " << status;
  }
}

TEST(KeptPermutationTest, ColumnsThatAreMissingOrOfAnotherTypeAreNamed) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto read = [&](const arrow::FieldVector& fields) {
    const auto rows = arrow::Table::MakeEmpty(arrow::schema(fields)).ValueOrDie();
    return PermutationTable::Read(*InMemory(rows), *base).status();
  };
  const auto row_id = arrow::field("row_id", arrow::uint64());
  EXPECT_EQ(read({row_id}).message(), "Permutation table must contain a column named split_id");
  EXPECT_EQ(read({arrow::field("split_id", arrow::int8())}).message(),
            "Permutation table must contain a column named row_id");
  EXPECT_TRUE(read({row_id, arrow::field("split_id", arrow::utf8())}).IsTypeError());
}

TEST(KeptPermutationTest, RowsThatNoTableHasAreRefused) {
  const auto base = std::make_shared<MinimalTable>(10);
  for (const char* json : {R"([{"row_id": null, "split_id": 0}])",
                           R"([{"row_id": 18446744073709551615, "split_id": 0}])",
                           R"([{"row_id": 5, "split_id": 16777216}])"}) {
    EXPECT_TRUE(PermutationTable::Read(*Kept(arrow::int64(), json, {}), *base).status().IsInvalid())
        << json;
  }
}

TEST(KeptPermutationTest, TheLargestNumberOfASplitTakesLittleMemory) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto kept = Kept(arrow::int64(), R"([{"row_id": 5, "split_id": 16777215}])", {});
  EXPECT_EQ(PermutationTable::Read(*kept, *base).ValueOrDie()->num_splits(), 16777216);
}

TEST(KeptPermutationTest, ATableThatWasChangedAfterItWasKeptIsRefused) {
  const auto base = std::make_shared<MinimalTable>(NumberedRows(100));
  for (const TablePtr& table : TablesOfAllKinds(base)) {
    const auto rows = RowsOf(base, *table);
    for (const auto& changed :
         {rows->Slice(1), arrow::ConcatenateTables({rows, rows->Slice(0, 1)}).ValueOrDie()}) {
      const auto status = PermutationTable::Read(*InMemory(changed), *base).status();
      EXPECT_TRUE(status.IsInvalid()) << table->spec().ToString();
      EXPECT_NE(status.message().find("was changed after it was kept"), std::string::npos)
          << status;
    }
  }
}

// A table that says which one it is.
class NamedTable : public MinimalTable {
 public:
  NamedTable(int64_t num_rows, std::string identity)
      : MinimalTable(num_rows), identity_(std::move(identity)) {}
  std::string identity() const override { return identity_; }

 private:
  const std::string identity_;
};

TEST(KeptPermutationTest, AnotherTableUnderTheSameNameIsRefused) {
  const auto base = std::make_shared<NamedTable>(10, "one");
  const auto table = Build(base, [](auto* b) { ASSERT_TRUE(b->Shuffle(1).ok()); });
  const NamedTable other(10, "two");
  const NamedTable unknown(10, "");
  EXPECT_TRUE(table->CheckBase(*base).ok());
  EXPECT_TRUE(table->CheckBase(unknown).ok());
  const auto status = table->CheckBase(other);
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_NE(status.message().find("another table"), std::string::npos) << status;
  for (const bool with_rows : {false, true}) {
    const auto kept = Keep(base, *table, with_rows);
    EXPECT_TRUE(PermutationTable::Read(*kept, *base).ok());
    EXPECT_TRUE(PermutationTable::Read(*kept, other).status().IsInvalid());
  }
  const auto copy = PermutationTable::Deserialize(table->Serialize().ValueOrDie()).ValueOrDie();
  EXPECT_TRUE(copy->CheckBase(other).IsInvalid());
}

// What is kept beside the rows of a table.
class KeptOrderFileTest : public ::testing::Test {
 protected:
  // A filter, so that rows are listed.
  void SetUp() override {
    table_ = Build(base_, [](auto* b) {
      ASSERT_TRUE(b->Filter("id % 3 <> 1").ok());
      ASSERT_TRUE(b->SplitRandom({.fixed = 3}, 1, {"a", "b", "c"}).ok());
    });
    ASSERT_TRUE(table_->Keep(base_, path_).ok());
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/_croupier")) {
      ASSERT_TRUE(file_.empty());
      file_ = entry.path();
    }
    ASSERT_FALSE(file_.empty());
  }

  arrow::Result<Splits> ReadKept() const {
    ARROW_ASSIGN_OR_RAISE(const auto kept, OpenLanceTable(path_));
    ARROW_ASSIGN_OR_RAISE(const auto read, PermutationTable::Read(*kept, *base_));
    EXPECT_EQ(read->split_names(), table_->split_names());
    Splits splits;
    for (int64_t i = 0; i < read->num_splits(); ++i) {
      auto& rows = splits.emplace_back(static_cast<size_t>(read->split_num_rows(i)));
      std::iota(rows.begin(), rows.end(), uint64_t{0});
      ARROW_RETURN_NOT_OK(read->MapPositions(i, rows));
    }
    return splits;
  }

  std::string FileBytes() const {
    std::ifstream file(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Another file in its place: what is mapped is never changed.
  void ReplaceFile(const std::string& bytes) const {
    std::filesystem::remove(file_);
    std::ofstream(file_, std::ios::binary) << bytes;
  }

  const std::shared_ptr<const TableSource> base_ =
      std::make_shared<MinimalTable>(NumberedRows(600));
  const std::string path_ = testing::MakeTemporaryDirectory() + "/kept.lance";
  TablePtr table_;
  std::string file_;
};

TEST_F(KeptOrderFileTest, TheRowsAreTheSameWithTheFileAndWithout) {
  const auto rows = RowIdsOf(base_, table_);
  const auto order_id = [&] {
    return PermutationTable::Read(*OpenLanceTable(path_).ValueOrDie(), *base_)
        .ValueOrDie()
        ->order_id();
  };
  const std::string with_file = order_id();
  EXPECT_EQ(ReadKept().ValueOrDie(), rows);
  std::filesystem::remove_all(path_ + "/_croupier");
  EXPECT_EQ(ReadKept().ValueOrDie(), rows);
  EXPECT_EQ(order_id(), with_file);
}

TEST_F(KeptOrderFileTest, DamageGivesTheSameRowsOrAnErrorThatNamesTheFile) {
  const auto rows = RowIdsOf(base_, table_);
  const std::string bytes = FileBytes();
  int num_errors = 0;
  for (size_t i = 0; i < bytes.size(); i += 7) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    ReplaceFile(changed);
    const auto read = ReadKept();
    if (read.ok()) {
      EXPECT_EQ(*read, rows) << i;
      continue;
    }
    ++num_errors;
    EXPECT_TRUE(read.status().IsSerializationError()) << read.status();
    EXPECT_NE(read.status().message().find(file_), std::string::npos) << read.status();
  }
  // It was the file that was read.
  EXPECT_GT(num_errors, 50);
  for (const size_t size : {size_t{0}, size_t{63}, size_t{64}, bytes.size() - 1}) {
    ReplaceFile(bytes.substr(0, size));
    EXPECT_EQ(ReadKept().ValueOrDie(), rows);
  }
}

TEST_F(KeptOrderFileTest, ATableThatWasEditedDoesNotUseIt) {
  // A file that is damaged where it is not looked at before: who uses it fails.
  std::string bytes = FileBytes();
  for (size_t i = bytes.size() - 400; i < bytes.size(); ++i) bytes[i] = '\x55';
  ReplaceFile(bytes);
  ASSERT_TRUE(ReadKept().status().IsSerializationError());
  const auto writer = TableWriter::Open(path_).ValueOrDie();
  ASSERT_TRUE(
      writer->AddColumns({.schema = arrow::schema({arrow::field("more", arrow::int8())})}).ok());
  EXPECT_EQ(ReadKept().ValueOrDie(), RowIdsOf(base_, table_));
}

TEST_F(KeptOrderFileTest, AFileOfAnotherTableIsNotUsed) {
  const std::string other = testing::MakeTemporaryDirectory() + "/other.lance";
  ASSERT_TRUE(table_->Keep(base_, other).ok());
  std::string bytes = FileBytes();
  for (size_t i = bytes.size() - 400; i < bytes.size(); ++i) bytes[i] = '\x55';
  const auto here =
      std::filesystem::path(other) / "_croupier" / std::filesystem::path(file_).filename();
  std::filesystem::remove(here);
  std::ofstream(here, std::ios::binary) << bytes;
  const auto read =
      PermutationTable::Read(*OpenLanceTable(other).ValueOrDie(), *base_).ValueOrDie();
  EXPECT_EQ(RowIdsOf(base_, read), RowIdsOf(base_, table_));
}

}  // namespace
}  // namespace croupier
