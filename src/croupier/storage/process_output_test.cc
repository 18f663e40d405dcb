#include "croupier/storage/process_output.h"

#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "croupier/storage/failure.h"
#include "croupier/testing/child_process.h"

namespace croupier::storage {
namespace {

using std::chrono::minutes;

const CancelFlag kNever;

TEST(ReadProcessOutputTest, GivesWhatACommandWrites) {
  EXPECT_EQ(ReadProcessOutput("printf 'a b'; cat", minutes(1), kNever).ValueOrDie(), "a b");
  EXPECT_EQ(ReadProcessOutput("true", minutes(1), kNever).ValueOrDie(), "");
  const auto much = ReadProcessOutput("head -c 60000 /dev/zero", minutes(1), kNever).ValueOrDie();
  EXPECT_EQ(much.size(), 60000);
}

TEST(ReadProcessOutputTest, ACommandThatFailsIsAnErrorThatRepeatsNothing) {
  for (const char* command :
       {"echo hunter2; exit 3", "kill -9 $$", "yes hunter2", "/no/hunter2 2>/dev/null"}) {
    const auto status = ReadProcessOutput(command, minutes(1), kNever).status();
    EXPECT_EQ(FailureOf(status), Failure::kFinal) << command;
    EXPECT_EQ(status.message().find("hunter2"), std::string::npos) << status;
  }
}

TEST(ReadProcessOutputTest, ACommandThatTakesTooLongOrIsCancelledIsKilled) {
  EXPECT_EQ(
      FailureOf(ReadProcessOutput("sleep 1000", std::chrono::milliseconds(10), kNever).status()),
      Failure::kFinal);
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(ReadProcessOutput("sleep 1000", minutes(1), cancel).status().IsCancelled());
}

TEST(ReadProcessOutputTest, WorksInAForkedChildAndBesideForks) {
  std::jthread forks([](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      testing::RunInForkedChild([] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return 0;
      });
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ReadProcessOutput("echo x", minutes(1), kNever).ValueOrDie(), "x\n");
  }
  const auto result = testing::RunInForkedChild(
      [] { return ReadProcessOutput("echo x", minutes(1), kNever).ValueOr("") == "x\n" ? 0 : 1; });
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace croupier::storage
