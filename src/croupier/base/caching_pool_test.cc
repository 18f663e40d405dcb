#include "croupier/base/caching_pool.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include "croupier/testing/child_process.h"

namespace croupier {
namespace {

constexpr int64_t kLimit = 8 << 20;

uint8_t* AllocateFrom(CachingPool* pool, int64_t size) {
  uint8_t* block = nullptr;
  EXPECT_TRUE(pool->Allocate(size, &block).ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
  std::memset(block, 1, static_cast<size_t>(size));
  return block;
}

TEST(CachingPoolTest, ABlockOfASizeIsKeptForTheNext) {
  CachingPool pool(kLimit);
  for (const int64_t size : {1025, 1280, 5000, 65536, 65537, 1000000, 5 << 20}) {
    uint8_t* const block = AllocateFrom(&pool, size);
    pool.Free(block, size);
    EXPECT_GE(pool.num_kept_bytes(), size);
    EXPECT_LE(pool.num_kept_bytes(), size + size / 4 + 1);
    EXPECT_EQ(AllocateFrom(&pool, size), block) << size;
    EXPECT_EQ(pool.num_kept_bytes(), 0);
    pool.Free(block, size);
    pool.ReleaseUnused();
    EXPECT_EQ(pool.num_kept_bytes(), 0);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(CachingPoolTest, EverySizeHasRoom) {
  CachingPool pool(kLimit);
  for (int64_t size = 0; size < 5000; ++size) pool.Free(AllocateFrom(&pool, size), size);
  for (int power = 12; power <= 27; ++power) {
    for (int64_t size : {-1, 0, 1}) {
      size += int64_t{1} << power;
      pool.Free(AllocateFrom(&pool, size), size);
    }
  }
  EXPECT_LE(pool.num_kept_bytes(), kLimit);
}

TEST(CachingPoolTest, WhatGrowsAndShrinksKeepsItsBytes) {
  CachingPool pool(kLimit);
  int64_t size = 10;
  uint8_t* block = AllocateFrom(&pool, size);
  for (const int64_t next : {100, 1024, 1025, 1270, 9000, 100 << 20, 70 << 20, 70000, 1000, 0}) {
    ASSERT_TRUE(pool.Reallocate(size, next, &block).ok());
    const auto same = static_cast<size_t>(std::min(size, next));
    EXPECT_EQ(std::vector<uint8_t>(block, block + same), std::vector<uint8_t>(same, 1));
    std::memset(block, 1, static_cast<size_t>(next));
    size = next;
    EXPECT_EQ(pool.bytes_allocated(), size);
  }
  pool.Free(block, size);
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(pool.max_memory(), (100 << 20) + 9000);
}

TEST(CachingPoolTest, SizesThatNobodyAsksForMakeRoom) {
  CachingPool pool(kLimit);
  std::vector<uint8_t*> blocks(8);
  for (auto& block : blocks) block = AllocateFrom(&pool, 1 << 20);
  for (uint8_t* block : blocks) pool.Free(block, 1 << 20);
  EXPECT_EQ(pool.num_kept_bytes(), kLimit);
  for (int i = 0; i < 1000; ++i) pool.Free(AllocateFrom(&pool, 2 << 20), 2 << 20);
  EXPECT_EQ(pool.num_kept_bytes(), 2 << 20);
}

TEST(CachingPoolTest, ThreadsNeverShareABlock) {
  CachingPool pool(kLimit);
  std::vector<std::thread> threads(4);
  for (uint8_t mark = 0; mark < 4; ++mark) {
    threads[mark] = std::thread([&pool, mark] {
      for (int64_t i = 0; i < 5000; ++i) {
        const int64_t size = 2000 + i % 3000;
        uint8_t* const block = AllocateFrom(&pool, size);
        std::memset(block, mark, static_cast<size_t>(size));
        std::this_thread::yield();
        EXPECT_EQ(block[0] + block[size - 1], 2 * mark);
        pool.Free(block, size);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(CachingPoolTest, AForkedChildAllocatesWhileThreadsOfItsParentDid) {
  CachingPool pool(kLimit);
  uint8_t* const inherited = AllocateFrom(&pool, 3000);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads(3);
  for (auto& thread : threads) {
    thread = std::thread([&] {
      while (!stop) pool.Free(AllocateFrom(&pool, 3000), 3000);
    });
  }
  for (int i = 0; i < 20; ++i) {
    const auto result = testing::RunInForkedChild([&] {
      const bool is_empty = pool.num_kept_bytes() == 0;
      pool.Free(inherited, 3000);
      return is_empty && AllocateFrom(&pool, 3000) == inherited ? 0 : 1;
    });
    EXPECT_FALSE(result.timed_out);
    EXPECT_EQ(result.exit_code, 0);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  pool.Free(inherited, 3000);
}

}  // namespace
}  // namespace croupier
