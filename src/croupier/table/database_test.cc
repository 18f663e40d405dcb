#include "croupier/database.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier {
namespace {

namespace fs = std::filesystem;

// Puts the golden table `numbers` into a database as another table.
void AddTable(const std::string& folder, const std::string& name) {
  fs::copy(testing::GoldenPath("tables/numbers.lance"), folder + "/" + name + ".lance",
           fs::copy_options::recursive);
}

TEST(DatabaseTest, TablesAreListedByNameInOrder) {
  const auto folder = testing::MakeTemporaryDirectory();
  for (const std::string name : {"zebra", "apple", "b.c"}) AddTable(folder, name);
  const auto database = Database::Open(folder).ValueOrDie();
  EXPECT_EQ(database->TableNames().ValueOrDie(),
            (std::vector<std::string>{"apple", "b.c", "zebra"}));
}

TEST(DatabaseTest, WhatIsNoTableIsNotListed) {
  const auto folder = testing::MakeTemporaryDirectory();
  fs::create_directories(folder + "/folder");
  fs::create_directories(folder + "/.lance");
  testing::WriteFile(folder + "/file.lance", {1});
  const auto database = Database::Open(folder).ValueOrDie();
  EXPECT_EQ(database->TableNames().ValueOrDie(), std::vector<std::string>());
}

TEST(DatabaseTest, AFolderThatIsNotThereHasNoTables) {
  const auto folder = testing::MakeTemporaryDirectory() + "/missing";
  const auto database = Database::Open(folder).ValueOrDie();
  EXPECT_EQ(database->uri(), folder);
  EXPECT_EQ(database->TableNames().ValueOrDie(), std::vector<std::string>());
  EXPECT_FALSE(fs::exists(folder));
}

TEST(DatabaseTest, ATableAddedLaterIsFound) {
  const auto folder = testing::MakeTemporaryDirectory();
  const auto database = Database::Open(folder).ValueOrDie();
  EXPECT_TRUE(database->OpenTable("later").status().IsKeyError());
  AddTable(folder, "later");
  EXPECT_EQ(database->OpenTable("later").ValueOrDie()->CountRows().ValueOrDie(), 100);
}

TEST(DatabaseTest, AnUnknownTableIsAKeyErrorThatListsTheTables) {
  const auto folder = testing::MakeTemporaryDirectory();
  const auto database = Database::Open(folder).ValueOrDie();
  EXPECT_EQ(database->OpenTable("x").status().message(),
            "Table 'x' was not found in " + folder + "; the tables are: (none)");
  AddTable(folder, "b");
  AddTable(folder, "a");
  const auto status = database->OpenTable("x").status();
  EXPECT_TRUE(status.IsKeyError());
  EXPECT_EQ(status.message(), "Table 'x' was not found in " + folder + "; the tables are: a, b");
}

TEST(DatabaseTest, ATableThatIsNoDatasetIsAnErrorThatNamesItsPath) {
  const auto folder = testing::MakeTemporaryDirectory();
  fs::create_directories(folder + "/hollow.lance");
  const auto status = Database::Open(folder).ValueOrDie()->OpenTable("hollow").status();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find(folder + "/hollow.lance"), std::string::npos) << status;
}

TEST(DatabaseTest, NamesThatLeadElsewhereAreInvalid) {
  const auto folder = testing::MakeTemporaryDirectory();
  fs::create_directories(folder + "/inner");
  AddTable(folder, "outer");
  const auto database = Database::Open(folder + "/inner").ValueOrDie();
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../outer"),
        std::string("a/b"), std::string("/outer"), std::string("a\0b", 3)}) {
    EXPECT_TRUE(database->OpenTable(name).status().IsInvalid()) << name;
    EXPECT_TRUE(database->TableUri(name).status().IsInvalid()) << name;
  }
}

TEST(DatabaseTest, TheUriOfATableOpensIt) {
  const auto folder = testing::MakeTemporaryDirectory();
  for (const std::string name : {"t", "with space", "per%20cent", "a#b", "a?b", "\xc3\xa4"}) {
    AddTable(folder, name);
    for (const auto& uri : {folder, folder + "/", "file://" + folder, "file://" + folder + "/"}) {
      const auto database = Database::Open(uri).ValueOrDie();
      const auto table = OpenLanceTable(database->TableUri(name).ValueOrDie());
      ASSERT_TRUE(table.ok()) << table.status();
      EXPECT_EQ((*table)->location(), fs::path(folder) / (name + ".lance"));
      EXPECT_TRUE(database->OpenTable(name).ok());
    }
  }
}

TEST(DatabaseTest, ALocationThatCannotBeReadIsAnError) {
  EXPECT_TRUE(Database::Open("").status().IsInvalid());
  EXPECT_TRUE(Database::Open("ftp://host/folder").status().IsNotImplemented());
}

TEST(DatabaseTest, ADroppedTableIsGone) {
  const auto folder = testing::MakeTemporaryDirectory();
  for (const std::string name : {"a", "b"}) AddTable(folder, name);
  const auto database = Database::Open(folder).ValueOrDie();
  ASSERT_TRUE(database->DropTable("a").ok());
  EXPECT_EQ(database->TableNames().ValueOrDie(), std::vector<std::string>{"b"});
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
  EXPECT_TRUE(database->DropTable("a").IsKeyError());
  for (const char* name : {"", "..", "x/../b"}) EXPECT_FALSE(database->DropTable(name).ok());
  EXPECT_EQ(database->OpenTable("b").ValueOrDie()->CountRows().ValueOrDie(), 100);
}

TEST(DatabaseTest, ARenamedTableIsFoundByItsNewName) {
  const auto folder = testing::MakeTemporaryDirectory();
  for (const std::string name : {"a", "b"}) AddTable(folder, name);
  const auto database = Database::Open(folder).ValueOrDie();
  EXPECT_TRUE(database->RenameTable("a", "b").IsAlreadyExists());
  EXPECT_TRUE(database->RenameTable("nope", "c").IsKeyError());
  EXPECT_TRUE(database->RenameTable("a", "x/y").IsInvalid());
  ASSERT_TRUE(database->RenameTable("a", "c").ok());
  EXPECT_EQ(database->TableNames().ValueOrDie(), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(database->OpenTable("c").ValueOrDie()->CountRows().ValueOrDie(), 100);
}

}  // namespace
}  // namespace croupier
