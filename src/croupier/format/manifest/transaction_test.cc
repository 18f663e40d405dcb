#include "croupier/format/manifest/transaction.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/format/manifest/manifest_file.h"
#include "croupier/format/wire/test_messages.h"
#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

using Operation = Transaction::Operation;
using test::Message;

Transaction TransactionOf(Operation operation, std::vector<uint64_t> changed_fragments = {}) {
  return {1, "u", operation, std::move(changed_fragments)};
}

Conflict Between(Operation own, Operation committed, bool same_fragments) {
  return ConflictOf(TransactionOf(own, {1, 3}),
                    TransactionOf(committed, same_fragments ? std::vector<uint64_t>{0, 3}
                                                            : std::vector<uint64_t>{0, 2, 4}));
}

TEST(TransactionTest, ReadsThoseOfGoldenTables) {
  int num_read = 0;
  const std::string root = testing::GoldenPath("tables");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.path().string().ends_with(".manifest")) continue;
    const auto name = std::filesystem::relative(entry.path(), root).string();
    const auto bytes = testing::ReadGolden("tables/" + name);
    const auto file = ManifestFile::Parse(bytes);
    if (!file.ok() || !file->transaction.has_value()) continue;
    const auto transaction = Transaction::Parse(*file->transaction).ValueOrDie();
    EXPECT_NE(transaction.operation, Operation::kUnknown) << name;
    EXPECT_EQ(transaction.uuid.size(), 36) << name;
    EXPECT_LT(transaction.read_version, file->manifest->version) << name;
    EXPECT_EQ(transaction.FileName(), file->transaction_file) << name;
    ++num_read;
  }
  EXPECT_GT(num_read, 20);
}

TEST(TransactionTest, WhatIsWrittenIsReadAgain) {
  const auto fragment = [](uint64_t id) { return WireWriter().Number(1, id).bytes(); };
  const std::vector<transaction_body::Message> changed = {fragment(7), fragment(2)};
  const std::vector<uint64_t> removed = {5};
  const auto read = [](Operation operation, const WireWriter& body) {
    const Transaction transaction{9, "uuid", operation, {}};
    const auto again = Transaction::Parse(transaction.Write(body)).ValueOrDie();
    EXPECT_EQ(again.operation, operation);
    EXPECT_EQ(again.read_version, 9);
    EXPECT_EQ(again.uuid, "uuid");
    EXPECT_EQ(again.FileName(), "9-uuid.txn");
    return again.changed_fragments;
  };
  using Ids = std::vector<uint64_t>;
  EXPECT_EQ(read(Operation::kAppend, transaction_body::Append(changed)), Ids());
  EXPECT_EQ(read(Operation::kDelete, transaction_body::Delete(changed, removed, "x > 1")),
            (Ids{2, 5, 7}));
  EXPECT_EQ(read(Operation::kUpdate, transaction_body::Update(removed, changed, changed)),
            (Ids{2, 5, 7}));
  EXPECT_EQ(read(Operation::kRewrite, transaction_body::Rewrite(changed, {})), (Ids{2, 7}));
  EXPECT_EQ(read(Operation::kMerge, transaction_body::Merge(changed, {}, {})), Ids());
  EXPECT_EQ(read(Operation::kOverwrite, transaction_body::Overwrite(changed, {}, {})), Ids());
  EXPECT_EQ(read(Operation::kProject, transaction_body::Project({})), Ids());
  EXPECT_EQ(read(Operation::kRestore, transaction_body::Restore(4)), Ids());
}

TEST(TransactionTest, AnUnknownOperationIsNoError) {
  for (const uint32_t number : {112, 115, 150, 199}) {
    const auto transaction =
        Transaction::Parse(Message().Number(1, 3).Text(2, "u").Child(number).bytes()).ValueOrDie();
    EXPECT_EQ(transaction.operation, Operation::kUnknown) << number;
  }
  // Two in one.
  EXPECT_EQ(Transaction::Parse(Message().Child(100).Child(101).bytes())->operation,
            Operation::kUnknown);
  EXPECT_EQ(Transaction::Parse({})->operation, Operation::kUnknown);
}

TEST(ConflictTest, WhatIsUnknownFails) {
  for (const auto own :
       {Operation::kAppend, Operation::kDelete, Operation::kUpdate, Operation::kMerge,
        Operation::kProject, Operation::kOverwrite, Operation::kRestore, Operation::kRewrite}) {
    EXPECT_EQ(Between(own, Operation::kUnknown, false), Conflict::kFails);
  }
}

TEST(ConflictTest, AnAppendGoesWithAllButAnotherTable) {
  for (const auto committed : {Operation::kAppend, Operation::kDelete, Operation::kUpdate,
                               Operation::kMerge, Operation::kProject, Operation::kRewrite,
                               Operation::kCreateIndex, Operation::kUpdateConfig}) {
    EXPECT_EQ(Between(Operation::kAppend, committed, true), Conflict::kNone);
  }
  EXPECT_EQ(Between(Operation::kAppend, Operation::kOverwrite, false), Conflict::kFails);
  EXPECT_EQ(Between(Operation::kAppend, Operation::kRestore, false), Conflict::kFails);
}

TEST(ConflictTest, DeletesAndUpdatesAreComputedAgainWhereRowsChanged) {
  for (const auto own : {Operation::kDelete, Operation::kUpdate, Operation::kRewrite}) {
    for (const auto committed : {Operation::kDelete, Operation::kUpdate, Operation::kRewrite,
                                 Operation::kDataReplacement}) {
      EXPECT_EQ(Between(own, committed, true), Conflict::kRetry);
      EXPECT_EQ(Between(own, committed, false), Conflict::kNone);
    }
    EXPECT_EQ(Between(own, Operation::kAppend, false), Conflict::kNone);
    EXPECT_EQ(Between(own, Operation::kMerge, false), Conflict::kRetry);
    EXPECT_EQ(Between(own, Operation::kOverwrite, false), Conflict::kFails);
    EXPECT_EQ(Between(own, Operation::kRestore, false), Conflict::kFails);
  }
  EXPECT_EQ(Between(Operation::kDelete, Operation::kProject, false), Conflict::kNone);
  EXPECT_EQ(Between(Operation::kUpdate, Operation::kProject, false), Conflict::kRetry);
  EXPECT_EQ(Between(Operation::kRewrite, Operation::kCreateIndex, false), Conflict::kRetry);
}

TEST(ConflictTest, ColumnsAreChangedOfTheNewestVersion) {
  for (const auto committed : {Operation::kAppend, Operation::kDelete, Operation::kUpdate,
                               Operation::kRewrite, Operation::kMerge}) {
    EXPECT_EQ(Between(Operation::kMerge, committed, false), Conflict::kRetry);
  }
  EXPECT_EQ(Between(Operation::kProject, Operation::kAppend, false), Conflict::kNone);
  EXPECT_EQ(Between(Operation::kProject, Operation::kDelete, true), Conflict::kNone);
  EXPECT_EQ(Between(Operation::kProject, Operation::kProject, false), Conflict::kRetry);
  EXPECT_EQ(Between(Operation::kProject, Operation::kMerge, false), Conflict::kRetry);
}

TEST(ConflictTest, AnOverwriteReplacesWhatOthersDid) {
  EXPECT_EQ(Between(Operation::kOverwrite, Operation::kAppend, false), Conflict::kNone);
  EXPECT_EQ(Between(Operation::kOverwrite, Operation::kRestore, false), Conflict::kNone);
  EXPECT_EQ(Between(Operation::kOverwrite, Operation::kOverwrite, false), Conflict::kRetry);
}

}  // namespace
}  // namespace croupier::format
