#include "croupier/base/process_local.h"

#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/testing/child_process.h"

namespace croupier {
namespace {

struct Counted {
  explicit Counted(std::atomic<int>* alive) : alive(alive) { ++*alive; }
  ~Counted() { --*alive; }
  std::atomic<int>* alive;
  std::mutex mutex;
};

TEST(ProcessLocalTest, BuildsOnFirstUseAndDestroysWithItsOwner) {
  std::atomic<int> alive = 0;
  {
    ProcessLocal<Counted> local([&] { return std::make_unique<Counted>(&alive); });
    EXPECT_EQ(local.GetIfBuilt(), nullptr);
    EXPECT_EQ(alive, 0);
    Counted* first = &local.Get();
    EXPECT_EQ(&local.Get(), first);
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(ProcessLocalTest, ManyThreadsSeeOneValue) {
  std::atomic<int> alive = 0;
  ProcessLocal<Counted> local([&] { return std::make_unique<Counted>(&alive); });
  std::vector<Counted*> seen(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(seen.size());
    for (auto& slot : seen) threads.emplace_back([&] { slot = &local.Get(); });
  }
  for (Counted* value : seen) EXPECT_EQ(value, seen[0]);
  EXPECT_EQ(alive, 1);
}

TEST(ProcessLocalTest, AChildBuildsItsOwnWhileTheParentHoldsTheLock) {
  std::atomic<int> alive = 0;
  auto local =
      std::make_unique<ProcessLocal<Counted>>([&] { return std::make_unique<Counted>(&alive); });
  Counted* parents = &local->Get();
  std::unique_lock lock(parents->mutex);
  const auto result = testing::RunInForkedChild([&] {
    Counted& own = local->Get();
    if (&own == parents) return 1;
    std::unique_lock child_lock(own.mutex);  // would hang on the parent's mutex
    child_lock.unlock();
    local.reset();
    return alive == 1 ? 0 : 2;  // the parent's value is leaked, the child's destroyed
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

TEST(ProcessLocalTest, ANestedForkBuildsAgain) {
  ProcessLocal<int> local([] { return std::make_unique<int>(0); });
  int* parents = &local.Get();
  const auto result = testing::RunInForkedChild([&] {
    int* childs = &local.Get();
    const auto inner = testing::RunInForkedChild(
        [&] { return &local.Get() != childs && &local.Get() != parents ? 0 : 1; });
    return childs != parents ? inner.exit_code : 2;
  });
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace croupier
