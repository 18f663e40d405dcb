#include "croupier/storage/io_scheduler.h"

#include <atomic>
#include <cstring>
#include <thread>

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include "croupier/storage/range_fetch.h"
#include "croupier/testing/child_process.h"

namespace croupier::storage {
namespace {

// An object that is never at hand, so that every read goes to the pool; byte i is i mod 251.
class SlowObject : public Object {
 public:
  int64_t size_bytes() const override { return int64_t{1} << 30; }
  const std::string& location() const override { return location_; }
  const ReadHabits& habits() const override { return read_habits; }
  arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                       const CancelToken& cancel) const override {
    ++num_reads;
    const int inside = num_inside.fetch_add(1) + 1;
    int most = most_inside;
    while (most < inside && !most_inside.compare_exchange_weak(most, inside)) continue;
    while (hold && (hears_nothing || !cancel.cancelled())) std::this_thread::yield();
    num_inside.fetch_sub(1);
    if (offset_bytes <= bad_offset && bad_offset < offset_bytes + std::ssize(destination)) {
      return arrow::Status::IOError(location_, ": bad sector");
    }
    for (size_t i = 0; i < destination.size(); ++i) {
      destination[i] = static_cast<uint8_t>((static_cast<size_t>(offset_bytes) + i) % 251);
    }
    return arrow::Status::OK();
  }
  int64_t ReadCached(int64_t, std::span<uint8_t>) const override { return 0; }

  mutable std::atomic<int> num_reads = 0;
  mutable std::atomic<int> num_inside = 0;
  mutable std::atomic<int> most_inside = 0;
  std::atomic<bool> hold = false;
  bool hears_nothing = false;
  int64_t bad_offset = -1;
  ReadHabits read_habits;

 private:
  const std::string location_ = "slow";
};

bool Holds(std::span<const uint8_t> bytes, int64_t offset_bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != (static_cast<size_t>(offset_bytes) + i) % 251) return false;
  }
  return true;
}

// One read of `count` scattered ranges through a scheduler.
bool ReadScattered(IoScheduler* scheduler, const std::shared_ptr<const Object>& object, int count) {
  auto memory = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count) * 10);
  const auto part = [&](int i) {
    return std::span(*memory).subspan(static_cast<size_t>(i) * 10, 10);
  };
  const auto offset = [](int i) { return int64_t{1000} * i; };
  std::vector<ReadRequest> requests;
  requests.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) requests.push_back({object, offset(i), part(i)});
  if (!scheduler->Read(requests, memory).ok()) return false;
  for (int i = 0; i < count; ++i) {
    if (!Holds(part(i), offset(i))) return false;
  }
  return true;
}

TEST(IoSchedulerTest, ReadsEveryRequest) {
  IoScheduler scheduler({.num_threads = 4});
  EXPECT_TRUE(ReadScattered(&scheduler, std::make_shared<SlowObject>(), 100));
  EXPECT_EQ(scheduler.counters().num_requests, 100);
  EXPECT_EQ(scheduler.counters().num_waited_requests, 100);
  EXPECT_EQ(scheduler.counters().num_bytes, 1000);
}

TEST(IoSchedulerTest, ALargeRequestIsSplit) {
  IoScheduler scheduler;
  auto object = std::make_shared<SlowObject>();
  auto memory = std::make_shared<std::vector<uint8_t>>(9 << 20);
  ASSERT_TRUE(scheduler.Read({{object, 3, *memory}}, memory).ok());
  EXPECT_TRUE(Holds(*memory, 3));
  EXPECT_EQ(object->num_reads, 3);
}

TEST(IoSchedulerTest, TheFirstErrorIsGiven) {
  IoScheduler scheduler({.num_threads = 2});
  auto object = std::make_shared<SlowObject>();
  object->bad_offset = 50005;
  EXPECT_FALSE(ReadScattered(&scheduler, object, 100));
  EXPECT_TRUE(ReadScattered(&scheduler, object, 50));
}

TEST(IoSchedulerTest, ACancelledCallDoesNotWaitForTheStorage) {
  IoScheduler scheduler({.num_threads = 2});
  auto object = std::make_shared<SlowObject>();
  object->hold = true;
  auto memory = std::make_shared<std::vector<uint8_t>>(100);
  std::vector<ReadRequest> requests;
  requests.reserve(10);
  for (size_t i = 0; i < 10; ++i)
    requests.push_back({object, 0, std::span(*memory).subspan(i * 10, 10)});
  CancelFlag cancel;
  std::jthread canceller([&] {
    while (object->num_inside < 2) std::this_thread::yield();
    cancel.Cancel();
  });
  EXPECT_TRUE(scheduler.Read(requests, memory, cancel).IsCancelled());
  memory.reset();  // the reads in flight keep their own reference
  object->hold = false;
}

TEST(IoSchedulerTest, ReadsThatAreHeldUpAfterTheirCallDoNotHoldUpOthers) {
  IoScheduler scheduler({.num_threads = 2});
  auto stuck = std::make_shared<SlowObject>();
  stuck->hold = true;
  stuck->hears_nothing = true;
  auto object = std::make_shared<SlowObject>();
  for (int round = 1; round <= 3; ++round) {
    auto memory = std::make_shared<std::vector<uint8_t>>(20);
    CancelFlag cancel;
    std::jthread canceller([&] {
      while (stuck->num_inside < 2 * round) std::this_thread::yield();
      cancel.Cancel();
    });
    EXPECT_TRUE(scheduler
                    .Read({{stuck, 0, std::span(*memory).first(10)},
                           {stuck, 0, std::span(*memory).last(10)}},
                          memory, cancel)
                    .IsCancelled());
    EXPECT_TRUE(ReadScattered(&scheduler, object, 20));
  }
  stuck->hold = false;
}

TEST(IoSchedulerTest, ReadsKeepToTheLimitWhenThoseThatWereHeldUpHaveEnded) {
  IoScheduler scheduler({.num_threads = 2});
  auto stuck = std::make_shared<SlowObject>();
  stuck->hold = true;
  stuck->hears_nothing = true;
  for (int round = 1; round <= 3; ++round) {
    auto memory = std::make_shared<std::vector<uint8_t>>(20);
    CancelFlag cancel;
    std::jthread canceller([&] {
      while (stuck->num_inside < 2 * round) std::this_thread::yield();
      cancel.Cancel();
    });
    const auto parts = std::span(*memory);
    EXPECT_TRUE(
        scheduler.Read({{stuck, 0, parts.first(10)}, {stuck, 0, parts.last(10)}}, memory, cancel)
            .IsCancelled());
  }
  stuck->hold = false;
  while (stuck->num_inside > 0) std::this_thread::yield();
  auto object = std::make_shared<SlowObject>();
  object->hold = true;
  std::jthread releaser([&] {
    while (object->num_inside < 2) std::this_thread::yield();
    for (int i = 0; i < 10000; ++i) std::this_thread::yield();  // for others to come, if they do
    object->hold = false;
  });
  EXPECT_TRUE(ReadScattered(&scheduler, object, 20));
  EXPECT_EQ(object->most_inside, 2);
}

TEST(IoSchedulerTest, AStoreThatWantsManyReadsAtATimeGetsThem) {
  IoScheduler scheduler({.num_threads = 2, .max_threads = 8});
  auto object = std::make_shared<SlowObject>();
  object->read_habits.num_concurrent = 20;
  object->hold = true;
  std::jthread releaser([&] {
    while (object->num_inside < 8) std::this_thread::yield();
    object->hold = false;
  });
  EXPECT_TRUE(ReadScattered(&scheduler, object, 30));
}

TEST(IoSchedulerTest, ATaskRunsInThePoolAndIsToldThatNobodyWaits) {
  IoScheduler scheduler({.num_threads = 1});
  const auto caller = std::this_thread::get_id();
  EXPECT_TRUE(scheduler
                  .Run(
                      1,
                      [&](size_t, const CancelToken&) {
                        return std::this_thread::get_id() != caller
                                   ? arrow::Status::IOError("elsewhere")
                                   : arrow::Status::OK();
                      },
                      1, CancelToken::Never())
                  .IsIOError());
  auto told = std::make_shared<std::atomic<bool>>(false);
  CancelFlag cancel;
  const auto status = scheduler.Run(
      1,
      [told, &cancel](size_t, const CancelToken& abandoned) {
        cancel.Cancel();
        while (!abandoned.cancelled()) std::this_thread::yield();
        *told = true;
        return arrow::Status::OK();
      },
      1, cancel);
  EXPECT_TRUE(status.IsCancelled());
  while (!*told) std::this_thread::yield();
}

TEST(IoSchedulerTest, TasksRunTogetherAndTheFirstErrorEndsThem) {
  IoScheduler scheduler({.num_threads = 1, .max_threads = 8});
  std::atomic<int> num_running{0};
  // Each waits for all others.
  const auto meet = [&](size_t, const CancelToken&) {
    ++num_running;
    while (num_running < 8) std::this_thread::yield();
    return arrow::Status::OK();
  };
  EXPECT_TRUE(scheduler.Run(8, meet, 8, CancelToken::Never()).ok());
  EXPECT_TRUE(scheduler.Run(0, meet, 8, CancelToken::Never()).ok());
  EXPECT_EQ(num_running, 8);
  const auto fail_third = [](size_t i, const CancelToken&) {
    return i == 2 ? arrow::Status::IOError("third") : arrow::Status::OK();
  };
  EXPECT_TRUE(scheduler.Run(100, fail_third, 1, CancelToken::Never()).IsIOError());
}

TEST(IoSchedulerTest, ThreadsThatEndedIdleStartAgain) {
  IoScheduler scheduler({.num_threads = 3, .idle_seconds = 0.001});
  auto object = std::make_shared<SlowObject>();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(ReadScattered(&scheduler, object, 10));
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 4));
  }
}

TEST(IoSchedulerTest, ManyThreadsReadAtOnce) {
  IoScheduler scheduler({.num_threads = 4});
  auto object = std::make_shared<SlowObject>();
  std::atomic<int> num_right = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(6);
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 20; ++k) num_right += ReadScattered(&scheduler, object, 20);
      });
    }
  }
  EXPECT_EQ(num_right, 120);
}

TEST(IoSchedulerTest, AChildForkedInTheMiddleOfReadsReadsByItself) {
  IoScheduler scheduler({.num_threads = 4});
  auto object = std::make_shared<SlowObject>();
  std::atomic<bool> stop = false;
  std::jthread reader([&] {
    while (!stop) ReadScattered(&scheduler, object, 20);
  });
  for (int i = 0; i < 20; ++i) {
    const auto result =
        testing::RunInForkedChild([&] { return ReadScattered(&scheduler, object, 50) ? 0 : 1; });
    EXPECT_FALSE(result.timed_out);
    EXPECT_EQ(result.exit_code, 0);
    if (::testing::Test::HasFailure()) break;
  }
  stop = true;
}

TEST(RangeFetchTest, GivesTheBytesOfEachRangeAndFillsInPlace) {
  IoScheduler scheduler;
  auto first = std::make_shared<SlowObject>();
  auto second = std::make_shared<SlowObject>();
  auto memory = std::make_shared<std::vector<uint8_t>>(7);
  RangeFetch fetch;
  const size_t a = fetch.Add(first, {100, 10});
  const size_t b = fetch.Add(second, {5, 3});
  const size_t c = fetch.Add(first, {104, 20});
  fetch.AddInPlace(second, 77, *memory);
  ASSERT_TRUE(
      fetch.Run(&scheduler, memory, CancelToken::Never(), arrow::default_memory_pool()).ok());
  EXPECT_TRUE(Holds(fetch.bytes(a), 100));
  EXPECT_TRUE(Holds(fetch.bytes(b), 5));
  EXPECT_TRUE(Holds(fetch.bytes(c), 104));
  EXPECT_TRUE(Holds(*memory, 77));
  EXPECT_EQ(fetch.owner(a), fetch.owner(c));  // coalesced
  EXPECT_EQ(first->num_reads, 1);
}

TEST(RangeFetchTest, ARangeOutsideItsObjectIsAnErrorBeforeAnyMemoryIsTaken) {
  IoScheduler scheduler;
  RangeFetch fetch;
  fetch.Add(std::make_shared<SlowObject>(), {int64_t{1} << 30, int64_t{1} << 60});
  EXPECT_TRUE(fetch.Run(&scheduler, nullptr, CancelToken::Never(), arrow::default_memory_pool())
                  .IsSerializationError());
}

}  // namespace
}  // namespace croupier::storage
