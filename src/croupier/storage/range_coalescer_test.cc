#include "croupier/storage/range_coalescer.h"

#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"

namespace croupier::storage {
namespace {

void ExpectCovers(const std::vector<ByteRange>& ranges, const CoalescedRanges& coalesced) {
  ASSERT_EQ(coalesced.places.size(), ranges.size());
  for (size_t i = 1; i < coalesced.reads.size(); ++i) {
    EXPECT_GE(coalesced.reads[i].offset_bytes, coalesced.reads[i - 1].end_bytes());
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    const auto& place = coalesced.places[i];
    const auto& read = coalesced.reads[place.read_index];
    EXPECT_EQ(read.offset_bytes + place.offset_bytes, ranges[i].offset_bytes);
    EXPECT_LE(ranges[i].end_bytes(), read.end_bytes());
  }
}

TEST(RangeCoalescerTest, NeighboursWithinTheGapBecomeOneRead) {
  const std::vector<ByteRange> ranges = {{100, 10}, {0, 50}, {60, 5}};
  const auto coalesced = Coalesce(ranges, {.max_gap_bytes = 10, .max_read_bytes = 1000});
  EXPECT_EQ(coalesced.reads, (std::vector<ByteRange>{{0, 65}, {100, 10}}));
  ExpectCovers(ranges, coalesced);
}

TEST(RangeCoalescerTest, AReadDoesNotGrowBeyondTheLimit) {
  const std::vector<ByteRange> ranges = {{0, 60}, {60, 60}, {120, 300}};
  const auto coalesced = Coalesce(ranges, {.max_gap_bytes = 0, .max_read_bytes = 100});
  EXPECT_EQ(coalesced.reads, ranges);
}

TEST(RangeCoalescerTest, NothingGivesNothing) { EXPECT_TRUE(Coalesce({}).reads.empty()); }

TEST(RangeCoalescerTest, RandomRangesAreCoveredByDisjointReads) {
  SplitMix64 generator(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<ByteRange> ranges;
    for (uint64_t i = generator.Next() % 20; i > 0; --i) {
      ranges.push_back({static_cast<int64_t>(generator.Next() % 500),
                        static_cast<int64_t>(generator.Next() % 60)});
    }
    SCOPED_TRACE(round);
    ExpectCovers(ranges, Coalesce(ranges, {.max_gap_bytes = static_cast<int64_t>(round % 30),
                                           .max_read_bytes = 100}));
  }
}

}  // namespace
}  // namespace croupier::storage
