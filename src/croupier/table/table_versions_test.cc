#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/storage/object_store.h"
#include "croupier/table/test_written_tables.h"
#include "croupier/table_history.h"

namespace croupier::table {
namespace {

class TableVersionsTest : public WrittenTableTest {};

TEST_P(TableVersionsTest, RestoresAnOldVersion) {
  Create(Range(0, 5));
  ASSERT_TRUE(Writer()->DropColumns({"text"}).ok());
  ASSERT_TRUE(Delete([](int64_t id) { return id < 4; }).ok());
  VersionRef first;
  first.version = 1;
  EXPECT_EQ(Writer()->Restore(first).ValueOrDie().version, 4);
  EXPECT_EQ(Read(), Range(0, 5));
  ASSERT_TRUE(Writer()->Append(StreamOf(Range(5, 6))).ok());
  EXPECT_EQ(Read(), Range(0, 6));
  VersionRef ninth;
  ninth.version = 9;
  EXPECT_TRUE(IsVersionNotFound(Writer()->Restore(ninth).status()));
  EXPECT_TRUE(Writer()->Restore({}).status().IsInvalid());
}

TEST_P(TableVersionsTest, TagsNameVersions) {
  Create(Range(0, 5));
  ASSERT_TRUE(Writer()->Append(StreamOf(Range(5, 6))).ok());
  VersionRef first;
  first.version = 1;
  ASSERT_TRUE(Writer()->SetTag("first", first).ok());
  ASSERT_TRUE(Writer()->SetTag("newest", {}).ok());
  VersionRef tag;
  tag.tag = "first";
  EXPECT_EQ(Read(tag), Range(0, 5));
  EXPECT_TRUE(Writer()->SetTag("first", {}).IsAlreadyExists());
  ASSERT_TRUE(Writer()->SetTag("first", {}, /*replace=*/true).ok());
  EXPECT_EQ(Read(tag), Range(0, 6));
  const auto tags = Open()->ListTags().ValueOrDie();
  ASSERT_EQ(tags.size(), 2);
  EXPECT_EQ(tags[0].version, 2);
  EXPECT_LE(tags[0].created_at, tags[0].updated_at);
  EXPECT_TRUE(Writer()->SetTag("a/b", {}).IsInvalid());
  EXPECT_TRUE(Writer()->DeleteTag("nope").IsKeyError());
  ASSERT_TRUE(Writer()->DeleteTag("first").ok());
  EXPECT_EQ(Open()->ListTags().ValueOrDie().size(), 1);
}

TEST_P(TableVersionsTest, ACleanUpLeavesWhatVersionsAndTagsReferTo) {
  Create(Range(0, 10), 5);                                       // 1
  ASSERT_TRUE(Delete([](int64_t id) { return id == 1; }).ok());  // 2
  ASSERT_TRUE(Writer()->SetTag("two", {}).ok());
  ASSERT_TRUE(Delete([](int64_t id) { return id == 2; }).ok());    // 3
  ASSERT_TRUE(Writer()->Overwrite(StreamOf(Range(50, 60))).ok());  // 4
  ASSERT_TRUE(Writer()->Overwrite(StreamOf(Range(70, 80))).ok());  // 5
  // Young versions stay.
  const auto none = Writer()->CleanUp().ValueOrDie();
  EXPECT_EQ(none.num_versions, 0);
  EXPECT_EQ(none.num_files, 0);
  CleanupOptions options;
  options.older_than_us = 0;
  const auto result = Writer()->CleanUp(options).ValueOrDie();
  EXPECT_EQ(result.num_versions, 3);
  EXPECT_GT(result.num_bytes, 0);
  EXPECT_EQ(Read(), Range(70, 80));
  VersionRef tag;
  tag.tag = "two";
  auto rows = Range(0, 10);
  rows.erase(rows.begin() + 1);
  EXPECT_EQ(Read(tag), rows);
  // The data of 4, a deletion file of 3, and three transactions.
  EXPECT_EQ(result.num_files, 5);
  VersionRef fourth;
  fourth.version = 4;
  EXPECT_TRUE(IsVersionNotFound(OpenLanceTable(uri_, {.at = fourth}).status()));
  ASSERT_TRUE(Writer()->DeleteTag("two").ok());
  ASSERT_TRUE(Writer()->CleanUp(options).ok());
  EXPECT_EQ(Open()->ListVersions({}).ValueOrDie().size(), 1);
  EXPECT_EQ(Read(), Range(70, 80));
}

TEST_P(TableVersionsTest, FilesOfAChangeInProgressAreNotCleanedUp) {
  Create(Range(0, 10));
  const auto store = storage::OpenObjectStore(uri_).ValueOrDie();
  const std::vector<uint8_t> bytes = {1, 2, 3};
  for (const char* path :
       {"data/other.lance", "_deletions/0-1-9.bin", "_transactions/1-x.txn",
        "_indices/6a2156db-0853-4e63-ae60-fc8932aa6e02/page.lance", "_versions/.tmp_0123"}) {
    ASSERT_TRUE(store->Put(path, bytes).ok());
  }
  CleanupOptions options;
  options.older_than_us = 0;
  EXPECT_EQ(Writer()->CleanUp(options)->num_files, 0);
  options.grace_us = -1000000;
  const auto result = Writer()->CleanUp(options).ValueOrDie();
  EXPECT_EQ(result.num_files, 5);
  EXPECT_EQ(result.num_bytes, 15);
  EXPECT_EQ(Read(), Range(0, 10));
}

INSTANTIATE_TEST_SUITE_P(Stores, TableVersionsTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Memory" : "Local"; });

}  // namespace
}  // namespace croupier::table
