#include "croupier/base/background_work.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "croupier/testing/child_process.h"

namespace croupier {
namespace {

// A thread that works until it is told to stop, and writes a byte to `pipe` then.
void WorkUntilTold(int pipe) {
  std::atomic<bool> works = false;
  std::thread([&works, pipe] {
    const BackgroundWork work;
    works = true;
    while (!BackgroundWork::IsToStop()) std::this_thread::yield();
    EXPECT_EQ(write(pipe, "!", 1), 1);
  }).detach();
  while (!works) std::this_thread::yield();
}

TEST(BackgroundWorkTest, IsToldToStopAndWaitedForWhenTheProcessEnds) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto result = testing::RunInForkedChild([&] {
    WorkUntilTold(ends[1]);
    return BackgroundWork::IsToStop() ? 1 : 42;
  });
  EXPECT_EQ(result.exit_code, 42);
  close(ends[1]);
  char said = 0;
  EXPECT_EQ(read(ends[0], &said, 1), 1);
  close(ends[0]);
}

TEST(BackgroundWorkTest, ThatDoesNotStopHoldsNoProcessUp) {
  const auto result = testing::RunInForkedChild([] {
    std::atomic<bool> works = false;
    std::thread([&works] {
      const BackgroundWork work;
      works = true;
      while (true) pause();
    }).detach();
    while (!works) std::this_thread::yield();
    return 42;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 42);
}

TEST(BackgroundWorkTest, OfTheParentIsNoneOfAChild) {
  const BackgroundWork work;
  const auto result = testing::RunInForkedChild([] {
    // Destructors run, so that nothing was waited for in vain.
    static const struct Last {
      ~Last() { _exit(42); }
    } last;
    const BackgroundWork own;
    return 1;
  });
  EXPECT_EQ(result.exit_code, 42);
}

}  // namespace
}  // namespace croupier
