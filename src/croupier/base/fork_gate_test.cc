#include "croupier/base/fork_gate.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/testing/child_process.h"

namespace croupier {
namespace {

TEST(ForkGateTest, NoForkHappensWhileAThreadIsInside) {
  std::atomic<bool> stop = false;
  // A lock that a child would inherit.
  std::atomic<int> num_locked = 0;
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const ForkGate gate;
        const ForkGate again;
        ++num_locked;
        for (int k = 0; k < 100; ++k) std::this_thread::yield();
        --num_locked;
      }
    });
  }
  int num_clean = 0;
  for (int i = 0; i < 50; ++i) {
    const auto result = testing::RunInForkedChild([&] {
      const ForkGate gate;
      return num_locked == 0 ? 0 : 1;
    });
    if (result.exit_code == 0) ++num_clean;
  }
  stop = true;
  EXPECT_EQ(num_clean, 50);
}

TEST(ForkGateTest, AForkDoesNotWaitForeverAndItsChildIsFree) {
  std::atomic<int> step = 0;
  std::jthread stuck([&] {
    const ForkGate gate;
    step = 1;
    while (step < 2) std::this_thread::yield();
  });
  while (step < 1) std::this_thread::yield();
  const auto result = testing::RunInForkedChild([] {
    const ForkGate gate;
    return testing::RunInForkedChild([] { return 0; }).exit_code;
  });
  step = 2;
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

TEST(ForkGateTest, AThreadInsideDoesNotWaitForItself) {
  const ForkGate gate;
  const auto result = testing::RunInForkedChild([] {
    const ForkGate inner;
    return 0;
  });
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace croupier
