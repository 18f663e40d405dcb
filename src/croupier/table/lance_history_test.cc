#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

namespace fs = std::filesystem;
using format::test::Message;

std::vector<uint64_t> NumbersOf(const std::vector<TableVersion>& versions) {
  std::vector<uint64_t> numbers;
  numbers.reserve(versions.size());
  for (const auto& each : versions) numbers.push_back(each.version);
  return numbers;
}

// The golden tables of both naming schemes; each has the versions 1 to 6.
class HistoryTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::string path_ = CopyGoldenTable(GetParam());
  // Live rows after: 60 rows, k % 7 = 3, an update, 10 rows, an update, a merge of one new row.
  const std::vector<int64_t> num_rows_ = {60, 51, 51, 61, 61, 62};
};

TEST_P(HistoryTest, EveryVersionIsOpened) {
  EXPECT_EQ(OpenLanceTable(path_).ValueOrDie()->version(), 6u);
  for (uint64_t version = 1; version <= 6; ++version) {
    LanceOptions options;
    options.at.version = version;
    const auto table = OpenLanceTable(path_, options);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ((*table)->version(), version);
    EXPECT_EQ((*table)->CountRows().ValueOrDie(), num_rows_[version - 1]);
    EXPECT_EQ(ScanAll(**table, {{}, {"k"}}).ValueOrDie()->num_rows(), num_rows_[version - 1]);
  }
}

TEST_P(HistoryTest, VersionsAreListedWithTheirTimesAndCounts) {
  const auto table = OpenLanceTable(path_).ValueOrDie();
  const auto versions = table->ListVersions().ValueOrDie();
  ASSERT_EQ(NumbersOf(versions), (std::vector<uint64_t>{1, 2, 3, 4, 5, 6}));
  for (size_t i = 0; i < versions.size(); ++i) {
    EXPECT_EQ(versions[i].metadata.at("total_rows"), std::to_string(num_rows_[i]));
    if (i > 0) {
      EXPECT_GT(versions[i].timestamp_us, versions[i - 1].timestamp_us);
    }
  }
  EXPECT_EQ(versions[0].metadata.at("total_fragments"), "3");
  EXPECT_EQ(versions[0].metadata.at("total_data_files"), "3");
  EXPECT_EQ(versions[0].metadata.at("total_deletion_files"), "0");
  EXPECT_EQ(versions[1].metadata.at("total_deletion_files"), "3");
  EXPECT_EQ(versions[1].metadata.at("total_deletion_file_rows"), "9");
}

TEST_P(HistoryTest, AVersionThatIsNotThereIsAnErrorWithTheRemedy) {
  LanceOptions options;
  options.at.version = 7;
  const auto status = OpenLanceTable(path_, options).status();
  EXPECT_TRUE(IsVersionNotFound(status)) << status;
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_TRUE(Mentions(status, path_ + ": version 7")) << status;
  EXPECT_TRUE(Mentions(status, "1, 2, 3, 4, 5, 6")) << status;
  EXPECT_TRUE(Mentions(status, "tag")) << status;
}

TEST_P(HistoryTest, CheckoutGoesToAnyVersionAndBack) {
  const auto newest = OpenLanceTable(path_).ValueOrDie();
  const auto old = newest->Checkout({.version = 2}).ValueOrDie();
  EXPECT_EQ(old->version(), 2u);
  EXPECT_EQ(old->location(), newest->location());
  EXPECT_EQ(newest->version(), 6u);
  EXPECT_EQ(old->Checkout({}).ValueOrDie()->version(), 6u);
  // What is open at that version already keeps what it remembers.
  EXPECT_EQ(newest->Checkout({}).ValueOrDie(), newest);
  EXPECT_TRUE(IsVersionNotFound(old->Checkout({.version = 9}).status()));
}

TEST_P(HistoryTest, AVersionThatIsRemovedUnderAReaderIsOneError) {
  const auto old = OpenLanceTable(path_, {{.version = 1}, {}}).ValueOrDie();
  for (const auto& file : FilesIn(path_ + "/data")) fs::remove(file);
  // The files alone are gone: the dataset is damaged.
  const auto damaged = ScanAll(*old, {{}, {"k"}}).status();
  EXPECT_TRUE(damaged.IsIOError()) << damaged;
  EXPECT_FALSE(IsVersionNotFound(damaged)) << damaged;

  const auto manifests = FilesIn(path_ + "/_versions");
  for (const auto& manifest : manifests) {
    const auto name = fs::path(manifest).filename();
    if (name == "1.manifest" || name == "18446744073709551614.manifest") fs::remove(manifest);
  }
  for (const auto& status :
       {ScanAll(*old, {{}, {"k"}}).status(), old->Take(std::vector<uint64_t>{0}, {"k"}).status()}) {
    EXPECT_TRUE(IsVersionNotFound(status)) << status;
    EXPECT_TRUE(Mentions(status, path_ + ": version 1")) << status;
    EXPECT_TRUE(Mentions(status, ": 2, 3, 4, 5, 6")) << status;
  }
}

TEST_P(HistoryTest, DetachedVersionsAndOtherFilesTakeNoPart) {
  for (const auto* name : {"d9223372036854775999.manifest", "dx.manifest", "7.manifest.tmp",
                           "latest_version_hint.json", ".tmp_18446744073709551608.manifes"}) {
    testing::WriteFile(path_ + "/_versions/" + name, {1, 2, 3});
  }
  EXPECT_EQ(OpenLanceTable(path_).ValueOrDie()->version(), 6u);
  EXPECT_EQ(OpenLanceTable(path_).ValueOrDie()->ListVersions().ValueOrDie().size(), 6u);
}

INSTANTIATE_TEST_SUITE_P(Tables, HistoryTest,
                         ::testing::Values("history_v1_names", "stable_row_ids"),
                         [](const auto& info) { return info.param; });

TEST(TagTest, ATagOpensItsVersion) {
  const auto path = CopyGoldenTable("history_v1_names");
  const auto table = OpenLanceTable(path, {{.tag = "after-delete"}, {}}).ValueOrDie();
  EXPECT_EQ(table->version(), 2u);
  EXPECT_EQ(table->Checkout({.tag = "first"}).ValueOrDie()->version(), 1u);
  EXPECT_EQ(table->Checkout({.tag = "first", .branch = "main"}).ValueOrDie()->version(), 1u);
  const auto tags = table->ListTags().ValueOrDie();
  ASSERT_EQ(tags.size(), 2u);
  EXPECT_EQ(tags[0].name, "after-delete");
  EXPECT_EQ(tags[0].version, 2u);
  EXPECT_EQ(tags[1].name, "first");
  EXPECT_GT(tags[1].manifest_size_bytes, 0u);
  EXPECT_FALSE(tags[1].created_at.empty());
}

TEST(TagTest, ATagThatIsNotThereIsAKeyErrorThatListsThem) {
  const auto path = CopyGoldenTable("history_v1_names");
  for (const auto* tag : {"none", "../first", "a/b", "first.json"}) {
    const auto status = OpenLanceTable(path, {{.tag = tag}, {}}).status();
    EXPECT_TRUE(status.IsKeyError()) << status;
    EXPECT_TRUE(Mentions(status, "after-delete, first")) << status;
  }
  EXPECT_TRUE(OpenLanceTable(path, {{.version = 1, .tag = "first"}, {}}).status().IsInvalid());
  EXPECT_TRUE(OpenLanceTable(path, {{.tag = "first", .branch = "b"}, {}}).status().IsInvalid());
}

TEST(TagTest, AMalformedTagIsAnErrorThatNamesItsFile) {
  const auto path = CopyGoldenTable("history_v1_names");
  testing::WriteFile(path + "/_refs/tags/bad.json", {'{'});
  const auto table = OpenLanceTable(path).ValueOrDie();
  for (const auto& status :
       {table->Checkout({.tag = "bad"}).status(), table->ListTags().status()}) {
    EXPECT_TRUE(status.IsSerializationError()) << status;
    EXPECT_TRUE(Mentions(status, path + "/_refs/tags/bad.json")) << status;
  }
}

// A table with a branch whose one version refers to the data of its parent.
class BranchTest : public ::testing::Test {
 protected:
  BranchTest() {
    fs::create_directories(path_ + "/_refs/branches");
    fs::create_directories(path_ + "/_refs/tags");
    WriteText("_refs/branches/exp%2Fa.json", R"({"parentBranch": null, "parentVersion": 1})");
    WriteText("_refs/tags/here.json", R"({"branch": "exp/a", "version": 2})");
    WriteBranchManifest(2, path_);
  }

  void WriteText(const std::string& file, const std::string& text) const {
    testing::WriteFile(path_ + "/" + file, {text.begin(), text.end()});
  }

  void WriteBranchManifest(uint64_t version, const std::string& base) const {
    const auto data_file = fs::path(FilesIn(path_ + "/data").front()).filename().string();
    WriteManifest(
        path_ + "/tree/exp/a", version,
        Message()
            .Child(1, FieldMessage(0, "i", "int32"))
            .Number(3, version)
            .Text(20, "exp/a")
            .Child(18, Message().Number(3, 1).Text(4, base))
            .Child(2, FragmentMessage(0, 100, DataFileMessage(data_file, {0, 1}).Number(7, 0))));
  }

  const std::string path_ = CopyGoldenTable("numbers");
};

TEST_F(BranchTest, ABranchIsOpenedByNameAndByTag) {
  for (const auto& at : {VersionRef{.branch = "exp/a"}, VersionRef{.tag = "here"},
                         VersionRef{.version = 2, .branch = "exp/a"}}) {
    const auto table = OpenLanceTable(path_, {at, {}});
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ((*table)->branch(), "exp/a");
    EXPECT_EQ((*table)->version(), 2u);
    EXPECT_EQ((*table)->location(), path_);
    const auto rows = ScanAll(**table, {{}, {"i"}});
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_TRUE((*rows)->column(0)->Equals(*ReadGoldenRows("numbers")->column(0)));
    EXPECT_EQ(NumbersOf((*table)->ListVersions().ValueOrDie()), std::vector<uint64_t>{2});
  }
  EXPECT_EQ(OpenLanceTable(path_).ValueOrDie()->branch(), "");
}

TEST_F(BranchTest, CheckoutStaysOnTheBranchUnlessAnotherIsNamed) {
  const auto table = OpenLanceTable(path_, {{.branch = "exp/a"}, {}}).ValueOrDie();
  WriteBranchManifest(3, path_);
  EXPECT_EQ(table->Checkout({}).ValueOrDie()->version(), 3u);
  const auto main = table->Checkout({.branch = "main"}).ValueOrDie();
  EXPECT_EQ(main->branch(), "");
  EXPECT_EQ(main->version(), 1u);
  const auto status = table->Checkout({.version = 1}).status();
  EXPECT_TRUE(IsVersionNotFound(status)) << status;
  EXPECT_TRUE(Mentions(status, "branch exp/a")) << status;
}

TEST_F(BranchTest, BranchesAreListed) {
  const auto branches = OpenLanceTable(path_).ValueOrDie()->ListBranches().ValueOrDie();
  ASSERT_EQ(branches.size(), 1u);
  EXPECT_EQ(branches[0].name, "exp/a");
  EXPECT_EQ(branches[0].parent_version, 1u);
}

TEST_F(BranchTest, ABranchThatIsNotThereIsAKeyErrorThatListsThem) {
  for (const auto* branch : {"none", "../..", "exp", "/etc", "exp/a/../a"}) {
    for (const auto& at :
         {VersionRef{.branch = branch}, VersionRef{.version = 1, .branch = branch}}) {
      const auto status = OpenLanceTable(path_, {at, {}}).status();
      EXPECT_TRUE(status.IsKeyError()) << branch << ": " << status;
      EXPECT_TRUE(Mentions(status, "exp/a")) << status;
    }
  }
}

TEST(MemoryHistoryTest, ATableInMemoryHasOneVersion) {
  const auto table =
      MakeMemoryTable("t", ReadGoldenRows("numbers")->RemoveColumn(2).ValueOrDie()).ValueOrDie();
  EXPECT_EQ(NumbersOf(table->ListVersions().ValueOrDie()), std::vector<uint64_t>{1});
  EXPECT_EQ(table->Checkout({}).ValueOrDie(), table);
  EXPECT_EQ(table->Checkout({.version = 1}).ValueOrDie(), table);
  EXPECT_TRUE(IsVersionNotFound(table->Checkout({.version = 2}).status()));
  EXPECT_TRUE(table->Checkout({.tag = "x"}).status().IsKeyError());
  EXPECT_TRUE(table->Checkout({.branch = "x"}).status().IsKeyError());
  EXPECT_TRUE(table->ListTags().ValueOrDie().empty());
}

}  // namespace
}  // namespace croupier::table
