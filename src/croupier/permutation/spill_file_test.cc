#include "croupier/permutation/spill_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier::permutation {
namespace {

std::string BytesOf(char letter, size_t count) { return std::string(count, letter); }

TEST(SpillFileTest, TakesOnlyWhatIsOverItsBudget) {
  SpillFile spill(1000, testing::MakeTemporaryDirectory());
  const std::string small = BytesOf('a', 600);
  const std::string large = BytesOf('b', 10000);
  EXPECT_EQ(spill.Take(small.data(), small.size()).ValueOrDie(), nullptr);
  EXPECT_EQ(spill.num_bytes_spilled(), 0);
  const void* taken = spill.Take(large.data(), large.size()).ValueOrDie();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(std::memcmp(taken, large.data(), large.size()), 0);
  // There is still room for a little, and again once it was released.
  EXPECT_EQ(spill.Take(small.data(), 400).ValueOrDie(), nullptr);
  const void* third = spill.Take(small.data(), 100).ValueOrDie();
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(std::memcmp(third, small.data(), 100), 0);
  EXPECT_EQ(std::memcmp(taken, large.data(), large.size()), 0);
  spill.Release(small.data(), 600, 600);
  EXPECT_EQ(spill.Take(small.data(), 600).ValueOrDie(), nullptr);
  spill.Release(taken, 0, large.size());
  spill.Release(third, 0, 100);
}

TEST(SpillFileTest, LeavesNoFileBehindAndNoneIsSeen) {
  const std::string directory = testing::MakeTemporaryDirectory();
  {
    SpillFile spill(0, directory);
    ASSERT_TRUE(spill.Take("order", 5).ok());
    EXPECT_TRUE(std::filesystem::is_empty(directory));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST(SpillFileTest, WhatWasTakenOutlivesTheFileObject) {
  const void* taken = nullptr;
  {
    SpillFile spill(0, testing::MakeTemporaryDirectory());
    taken = spill.Take("order", 5).ValueOrDie();
  }
  EXPECT_EQ(std::memcmp(taken, "order", 5), 0);
}

TEST(SpillFileTest, AMissingDirectoryIsNamed) {
  SpillFile spill(0, "/no/such/directory");
  const auto status = spill.Take("order", 5).status();
  EXPECT_TRUE(status.IsIOError()) << status;
  EXPECT_NE(status.message().find("/no/such/directory"), std::string::npos) << status;
}

TEST(SpillFileTest, FollowsTheBuildOptionsAndTheEnvironment) {
  const std::string directory = testing::MakeTemporaryDirectory();
  const std::string bytes = BytesOf('c', 5000);
  BuildOptions options;
  options.list_bytes = 100;
  options.spill_directory = directory;
  const auto small = SpillFile::Make(options).ValueOrDie();
  EXPECT_NE(small->Take(bytes.data(), bytes.size()).ValueOrDie(), nullptr);
  options.list_bytes = 0;
  EXPECT_EQ(SpillFile::Make(options).ValueOrDie()->Take(bytes.data(), bytes.size()).ValueOrDie(),
            nullptr);
  setenv("CROUPIER_ORDER_BYTES", "4999", 1);
  const auto by_variable = SpillFile::Make(options);
  unsetenv("CROUPIER_ORDER_BYTES");
  EXPECT_NE((*by_variable)->Take(bytes.data(), bytes.size()).ValueOrDie(), nullptr);
}

// A file that cannot grow stands for a disk that is full.
TEST(SpillFileTest, AFullDiskIsAnErrorThatNamesTheDirectory) {
  const std::string directory = testing::MakeTemporaryDirectory();
  const auto child = testing::RunInForkedChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1 << 16, 1 << 16};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    SpillFile spill(0, directory);
    const std::string bytes = BytesOf('d', 1 << 17);
    const auto status = spill.Take(bytes.data(), bytes.size()).status();
    if (!status.IsIOError() || status.message().find(directory) == std::string::npos) return 3;
    // What fits still does.
    const auto taken = spill.Take(bytes.data(), 1000);
    return taken.ok() && std::memcmp(*taken, bytes.data(), 1000) == 0 ? 0 : 4;
  });
  EXPECT_EQ(child.exit_code, 0) << child.signal;
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST(SpillFileTest, AForkedChildReadsAfterItsParentIsGone) {
  const std::string directory = testing::MakeTemporaryDirectory();
  int answer[2];
  ASSERT_EQ(pipe(answer), 0);
  const auto child = testing::RunInForkedChild([&] {
    SpillFile spill(0, directory);
    const std::string bytes = BytesOf('e', 100000);
    const void* taken = spill.Take(bytes.data(), bytes.size()).ValueOrDie();
    int gone[2];  // is at its end once the parent has exited
    if (pipe(gone) != 0) return 1;
    if (fork() == 0) {
      close(gone[1]);
      char none = 0;
      while (read(gone[0], &none, 1) < 0 && errno == EINTR) {
      }
      const char same = std::memcmp(taken, bytes.data(), bytes.size()) == 0 ? 'y' : 'n';
      _exit(write(answer[1], &same, 1) == 1 ? 0 : 1);
    }
    return 0;
  });
  EXPECT_EQ(child.exit_code, 0);
  close(answer[1]);
  char same = 0;
  EXPECT_EQ(read(answer[0], &same, 1), 1);
  EXPECT_EQ(same, 'y');
  close(answer[0]);
}

}  // namespace
}  // namespace croupier::permutation
