#include "croupier/permutation/shared_order.h"

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier::permutation {
namespace {

namespace fs = std::filesystem;

OrderImage ImageOf(uint64_t first) {
  std::vector<uint64_t> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), first);
  PackedNumbersBuilder builder;
  EXPECT_TRUE(builder.Append(numbers).ok());
  return OrderImage::Make({builder.Finish().ValueOrDie()}, UINT64_MAX).ValueOrDie();
}

// Tests have a directory of temporary files of their own, which is empty at first. A process knows
// what it shares wherever that is: one directory for all of them.
class SharedOrderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const std::string directory = testing::MakeTemporaryDirectory();
    temporary_ = directory;
    ASSERT_EQ(setenv("TMPDIR", temporary_.c_str(), 1), 0);
    directory_ = temporary_ + "/croupier-" + std::to_string(geteuid());
    fs::remove_all(directory_);
  }
  void TearDown() override { unsetenv("TMPDIR"); }

  int64_t NumFiles() const {
    return std::distance(fs::directory_iterator(directory_), fs::directory_iterator());
  }

  static int Share(uint64_t first) { return ShareOrder(ImageOf(first)).ok() ? 0 : 1; }

  std::string temporary_;
  std::string directory_;
};

TEST_F(SharedOrderTest, AFileIsWrittenOnceAndReadBack) {
  const auto image = ImageOf(5);
  const std::string path = ShareOrder(image).ValueOrDie();
  EXPECT_EQ(fs::path(path).parent_path(), directory_);
  EXPECT_EQ(ShareOrder(image).ValueOrDie(), path);
  EXPECT_EQ(FindSharedOrder(image.hash()), path);
  EXPECT_EQ(FindSharedOrder(image.hash() + 1), "");
  EXPECT_NE(ShareOrder(ImageOf(6)).ValueOrDie(), path);
  EXPECT_EQ(NumFiles(), 2);
  const auto file = OrderFile::Map(path).ValueOrDie();
  EXPECT_EQ(file.hash(), image.hash());
  struct stat about = {};
  ASSERT_EQ(stat(directory_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700u);
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(SharedOrderTest, AFileThatWasRemovedIsWrittenAgain) {
  const std::string path = ShareOrder(ImageOf(5)).ValueOrDie();
  fs::remove(path);
  EXPECT_EQ(FindSharedOrder(ImageOf(5).hash()), "");
  EXPECT_EQ(ShareOrder(ImageOf(5)).ValueOrDie(), path);
  EXPECT_TRUE(OrderFile::Map(path).ok());
}

TEST_F(SharedOrderTest, AProcessRemovesItsFilesAtItsExit) {
  EXPECT_EQ(
      testing::RunInForkedChild([&] { return Share(5) + (NumFiles() == 1 ? 0 : 2); }).exit_code, 0);
  EXPECT_EQ(NumFiles(), 0);
}

TEST_F(SharedOrderTest, AForkedChildLeavesThoseOfItsParent) {
  const std::string path = ShareOrder(ImageOf(5)).ValueOrDie();
  EXPECT_EQ(testing::RunInForkedChild([] { return 0; }).exit_code, 0);
  EXPECT_TRUE(fs::exists(path));
  // Also one that shares the same list.
  EXPECT_EQ(testing::RunInForkedChild([&] { return Share(5) + Share(6); }).exit_code, 0);
  EXPECT_TRUE(fs::exists(path));
  EXPECT_EQ(NumFiles(), 1);
}

TEST_F(SharedOrderTest, TheLastOfSeveralProcessesRemovesAFile) {
  const auto result = testing::RunInForkedChild([&] {
    const std::string path = ShareOrder(ImageOf(5)).ValueOr("");
    const auto second = testing::RunInForkedChild([&] { return Share(5); });
    return second.exit_code + (fs::exists(path) ? 0 : 2);
  });
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(NumFiles(), 0);
}

TEST_F(SharedOrderTest, WhatAKilledProcessLeftIsRemovedByTheNextThatShares) {
  const auto killed = testing::RunInForkedChild([&] {
    const int code = Share(5);
    if (code == 0) raise(SIGKILL);
    return code;
  });
  ASSERT_EQ(killed.signal, SIGKILL);
  ASSERT_EQ(NumFiles(), 1);
  // Not what a living one uses.
  const std::string path = ShareOrder(ImageOf(7)).ValueOrDie();
  EXPECT_EQ(
      testing::RunInForkedChild([&] { return Share(6) + (NumFiles() == 2 ? 0 : 2); }).exit_code, 0);
  EXPECT_EQ(NumFiles(), 1);
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(SharedOrderTest, ADamagedFileIsReplaced) {
  const std::string path = ShareOrder(ImageOf(5)).ValueOrDie();
  fs::resize_file(path, 100);
  // As by a process that finds it there.
  const auto result = testing::RunInForkedChild([&] {
    const auto shared = ShareOrder(ImageOf(5));
    return shared.ok() && OrderFile::Map(*shared).ok() ? 0 : 1;
  });
  EXPECT_EQ(result.exit_code, 0);
}

TEST_F(SharedOrderTest, ADirectoryThatOthersMayEnterIsNotUsed) {
  fs::create_directory(directory_);
  fs::permissions(directory_, fs::perms::owner_all | fs::perms::group_read);
  const auto status = ShareOrder(ImageOf(5)).status();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_NE(status.message().find(directory_), std::string::npos) << status;
  fs::remove(directory_);
  fs::create_symlink(temporary_, directory_);
  EXPECT_TRUE(ShareOrder(ImageOf(5)).status().IsIOError());
}

}  // namespace
}  // namespace croupier::permutation
