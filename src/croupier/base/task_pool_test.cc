#include "croupier/base/task_pool.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/testing/child_process.h"

namespace croupier {
namespace {

// Has the pool run a task and waits for its end.
bool RunOne(TaskPool* pool) {
  std::promise<void> done;
  return pool->Start([&](const CancelToken&) { done.set_value(); }) &&
         (done.get_future().wait(), true);
}

// Ends when all have come.
class Meeting {
 public:
  explicit Meeting(int num_awaited) : num_awaited_(num_awaited) {}
  void Come() {
    std::unique_lock lock(mutex_);
    if (--num_awaited_ == 0) all_there_.notify_all();
    all_there_.wait(lock, [this] { return num_awaited_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_there_;
  int num_awaited_;
};

TEST(TaskPoolTest, TasksRunSideBySide) {
  Meeting meeting(5);
  TaskPool pool({.max_threads = 4});
  for (int i = 0; i < 4; ++i) pool.Start([&](const CancelToken&) { meeting.Come(); });
  meeting.Come();
  EXPECT_LE(pool.num_threads(), 4);
}

TEST(TaskPoolTest, AThousandTasksTakeNoMoreThreadsThanAllowed) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> ended = 0;
  {
    TaskPool pool({.max_threads = 3});
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(pool.Start([&](const CancelToken&) {
        const int now = ++running;
        int before = most;
        while (before < now && !most.compare_exchange_weak(before, now)) continue;
        --running;
        ++ended;
      }));
    }
  }
  EXPECT_EQ(ended, 1000);
  EXPECT_LE(most, 3);
}

TEST(TaskPoolTest, TasksBeginInTheOrderInWhichTheyCame) {
  std::vector<int> begun;
  {
    TaskPool pool({.max_threads = 1});
    for (int i = 0; i < 100; ++i) pool.Start([&, i](const CancelToken&) { begun.push_back(i); });
  }
  ASSERT_EQ(begun.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(begun[i], i);
}

TEST(TaskPoolTest, NothingRunsBeforeTheFirstTaskAndIdleThreadsEnd) {
  TaskPool pool({.max_threads = 2, .idle_seconds = 0});
  EXPECT_EQ(pool.num_threads(), 0);
  EXPECT_TRUE(RunOne(&pool));
  while (pool.num_threads() > 0) std::this_thread::yield();
  EXPECT_TRUE(RunOne(&pool));
}

TEST(TaskPoolTest, ClosingTellsTheTasksAndWaitsForThem) {
  TaskPool pool({.max_threads = 1});
  std::atomic<int> ended = 0;
  for (int i = 0; i < 3; ++i) {
    pool.Start([&](const CancelToken& closing) {
      while (!closing.cancelled()) std::this_thread::yield();
      ++ended;
    });
  }
  pool.Close();
  EXPECT_EQ(ended, 3);
  EXPECT_FALSE(pool.Start([&](const CancelToken&) { ++ended; }));
  pool.Close();
  EXPECT_EQ(ended, 3);
}

TEST(TaskPoolTest, ClosingNeedNotWaitForATaskThatDoesNotEnd) {
  std::atomic<bool> hold = true;
  TaskPool pool;
  pool.Start([&](const CancelToken&) {
    while (hold) std::this_thread::yield();
  });
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_FALSE(pool.Close(cancel));
  hold = false;
  EXPECT_TRUE(pool.Close());
}

TEST(TaskPoolTest, ATaskDropsWhatItHoldsWhenItHasEnded) {
  TaskPool pool;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = held;
  pool.Start([held = std::move(held)](const CancelToken&) {});
  while (!watched.expired()) std::this_thread::yield();
  SUCCEED();
}

TEST(TaskPoolTest, ManyThreadsStartTasks) {
  std::atomic<int> ended = 0;
  {
    TaskPool pool({.max_threads = 4, .idle_seconds = 0});
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 200; ++j) {
          if (!pool.Start([&](const CancelToken&) { ++ended; })) ADD_FAILURE();
        }
      });
    }
    threads.clear();
  }
  EXPECT_EQ(ended, 1600);
}

TEST(TaskPoolTest, AForkedChildRunsTasksWhileThoseOfTheParentGoOn) {
  TaskPool pool({.max_threads = 2});
  Meeting meeting(3);
  for (int i = 0; i < 2; ++i) pool.Start([&](const CancelToken&) { meeting.Come(); });
  std::atomic<int> behind = 0;
  pool.Start([&](const CancelToken&) { ++behind; });
  const auto result = testing::RunInForkedChild([&] {
    if (pool.num_threads() != 0 || !RunOne(&pool)) return 1;
    const auto inner = testing::RunInForkedChild([&] { return RunOne(&pool) ? 0 : 1; });
    if (inner.exit_code != 0) return 2;
    return behind == 0 ? 0 : 3;  // what the parent had started is not begun here
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
  meeting.Come();
  pool.Close();
  EXPECT_EQ(behind, 1);
}

TEST(TaskPoolTest, AChildForkedByATaskGoesOnWithoutIt) {
  TaskPool pool({.max_threads = 1});
  testing::ChildResult result;
  pool.Start([&](const CancelToken&) {
    result = testing::RunInForkedChild([&] { return RunOne(&pool) ? 0 : 1; });
  });
  pool.Close();
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

TEST(TaskPoolTest, AChildOfAClosedPoolHasOneOfItsOwn) {
  TaskPool pool;
  EXPECT_TRUE(RunOne(&pool));
  pool.Close();
  const auto result = testing::RunInForkedChild([&] { return RunOne(&pool) ? 0 : 1; });
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace croupier
