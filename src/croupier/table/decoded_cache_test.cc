#include "croupier/table/decoded_cache.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/testing/child_process.h"

namespace croupier::table {
namespace {

using Chunk = format::DecodedRows;

Chunk MakeChunk() { return {arrow::ArrayData::Make(arrow::null(), 1, {nullptr}, 1)}; }

Chunk Find(DecodedPage* page, int64_t chunk) { return page->Find({chunk})[0].decoded; }

bool Remembers(DecodedPage* page, int64_t chunk) { return Find(page, chunk) != Chunk{}; }

// Takes that use no page, until those that were in use no longer are.
void FallOutOfUse(DecodedCache* cache) {
  for (int take = 0; take < 1000; ++take) cache->BeginTake();
}

TEST(DecodedCacheTest, WhatWasInsertedIsFoundInTheOrderAskedFor) {
  DecodedCache cache(1000);
  DecodedPage page(&cache, 4);
  const auto first = MakeChunk();
  const auto third = MakeChunk();
  page.Insert(0, first, 10);
  page.Insert(2, third, 20);
  const auto found = page.Find({2, 1, 0});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].decoded, third);
  EXPECT_EQ(found[1].decoded, Chunk{});
  EXPECT_EQ(found[2].decoded, first);
  EXPECT_EQ(cache.used_bytes(), 30);
}

TEST(DecodedCacheTest, AChunkIsReusedFromTheSecondTimeOnThatItIsAskedFor) {
  DecodedCache cache(1000);
  DecodedPage page(&cache, 70);
  for (const int64_t chunk : {0, 31, 32, 69}) {
    EXPECT_FALSE(page.Find({chunk})[0].is_reused) << chunk;
    EXPECT_TRUE(page.Find({chunk})[0].is_reused) << chunk;
  }
  EXPECT_FALSE(page.Find({33})[0].is_reused);
}

TEST(DecodedCacheTest, TheFirstOfTwoDecodedFormsOfAChunkIsKeptAndCounted) {
  DecodedCache cache(1000);
  DecodedPage page(&cache, 1);
  const auto first = MakeChunk();
  page.Insert(0, first, 10);
  page.Insert(0, MakeChunk(), 25);
  EXPECT_EQ(Find(&page, 0), first);
  EXPECT_EQ(cache.used_bytes(), 10);
}

TEST(DecodedCacheTest, NothingIsRememberedBeyondTheLimit) {
  DecodedCache cache(100);
  DecodedPage page(&cache, 3);
  page.Insert(0, MakeChunk(), 60);
  page.Insert(1, MakeChunk(), 41);
  EXPECT_FALSE(Remembers(&page, 1));
  EXPECT_EQ(cache.used_bytes(), 60);
  page.Insert(2, MakeChunk(), 40);
  EXPECT_TRUE(Remembers(&page, 2));
  EXPECT_EQ(cache.used_bytes(), 100);
}

TEST(DecodedCacheTest, ACacheWithoutRoomRemembersNothing) {
  DecodedCache cache(0);
  DecodedPage page(&cache, 1);
  page.Insert(0, MakeChunk(), 1);
  EXPECT_FALSE(Remembers(&page, 0));
  EXPECT_EQ(cache.used_bytes(), 0);
}

TEST(DecodedCacheTest, APageThatIsGoneGivesItsRoomBack) {
  DecodedCache cache(100);
  auto gone = std::make_unique<DecodedPage>(&cache, 1);
  gone->Insert(0, MakeChunk(), 90);
  gone.reset();
  EXPECT_EQ(cache.used_bytes(), 0);
  DecodedPage page(&cache, 1);
  page.Insert(0, MakeChunk(), 90);
  EXPECT_TRUE(Remembers(&page, 0));
}

TEST(DecodedCacheTest, PagesOutOfUseMakeRoomForOthers) {
  DecodedCache cache(100);
  DecodedPage old_page(&cache, 2);
  old_page.Insert(0, MakeChunk(), 50);
  old_page.Insert(1, MakeChunk(), 50);
  FallOutOfUse(&cache);
  DecodedPage new_page(&cache, 1);
  EXPECT_FALSE(Remembers(&new_page, 0));
  new_page.Insert(0, MakeChunk(), 70);
  EXPECT_TRUE(Remembers(&new_page, 0));
  EXPECT_FALSE(Remembers(&old_page, 0));
  EXPECT_FALSE(Remembers(&old_page, 1));
  EXPECT_EQ(cache.used_bytes(), 70);
}

TEST(DecodedCacheTest, PagesInUseAreNotForgottenForOthers) {
  DecodedCache cache(100);
  DecodedPage used(&cache, 1);
  DecodedPage unused(&cache, 1);
  used.Insert(0, MakeChunk(), 50);
  unused.Insert(0, MakeChunk(), 50);
  FallOutOfUse(&cache);
  EXPECT_TRUE(Remembers(&used, 0));  // a use
  DecodedPage next(&cache, 2);
  next.Find({0});
  next.Insert(0, MakeChunk(), 50);
  next.Insert(1, MakeChunk(), 50);
  EXPECT_TRUE(Remembers(&used, 0));
  EXPECT_FALSE(Remembers(&unused, 0));
  EXPECT_TRUE(Remembers(&next, 0));
  EXPECT_FALSE(Remembers(&next, 1));
}

TEST(DecodedCacheTest, AForgottenChunkLivesOnWhereItIsUsed) {
  DecodedCache cache(10);
  auto page = std::make_unique<DecodedPage>(&cache, 1);
  page->Insert(0, MakeChunk(), 10);
  const auto found = Find(page.get(), 0);
  page.reset();
  EXPECT_EQ(found.array->length, 1);
}

TEST(DecodedCacheTest, ThreadsThatInsertForgetAndCloseKeepTheCount) {
  DecodedCache cache(1000);
  std::atomic<bool> over_limit = false;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int round = 0; round < 2000; ++round) {
          cache.BeginTake();
          DecodedPage page(&cache, 8);
          page.Find({0});
          for (int64_t chunk = 0; chunk < 8; ++chunk) page.Insert(chunk, MakeChunk(), 70);
          // Each thread may have one reservation under way that is then refused.
          if (cache.used_bytes() > 1000 + 4 * 70) over_limit = true;
          if (round % 100 == 0) FallOutOfUse(&cache);
        }
      });
    }
  }
  EXPECT_FALSE(over_limit);
  EXPECT_EQ(cache.used_bytes(), 0);
}

TEST(DecodedCacheTest, TheCacheOfTheProcessHasTheConfiguredLimitAndAChildStartsEmpty) {
  // In a child, which can have a limit of its own.
  const auto result = testing::RunInForkedChild([] {
    setenv("CROUPIER_CACHE_BYTES", "100", 1);
    DecodedPage page(&DecodedCache::OfProcess(), 2);
    page.Insert(0, MakeChunk(), 100);
    page.Insert(1, MakeChunk(), 1);
    if (!Remembers(&page, 0) || Remembers(&page, 1)) return 1;
    const auto child = testing::RunInForkedChild([] {
      DecodedPage other(&DecodedCache::OfProcess(), 1);
      other.Insert(0, MakeChunk(), 100);
      return DecodedCache::OfProcess().used_bytes() == 100 && Remembers(&other, 0) ? 0 : 1;
    });
    return child.exit_code;
  });
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_FALSE(result.timed_out);
}

TEST(DecodedCacheTest, AChildThatCannotParseItsLimitRemembersNothing) {
  const auto result = testing::RunInForkedChild([] {
    setenv("CROUPIER_CACHE_BYTES", "much", 1);
    DecodedPage page(&DecodedCache::OfProcess(), 1);
    page.Insert(0, MakeChunk(), 1);
    return Remembers(&page, 0) ? 1 : 0;
  });
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace croupier::table
