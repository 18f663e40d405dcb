#include "croupier/storage/range_fetch.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/base/memory_pool.h"

namespace croupier::storage {
namespace {

// Bytes that are never at hand, with a list of the reads they got.
class RecordedObject : public Object {
 public:
  explicit RecordedObject(int64_t size_bytes, std::string location = "recorded")
      : bytes_(static_cast<size_t>(size_bytes)), location_(std::move(location)) {
    SplitMix64 random(static_cast<uint64_t>(size_bytes));
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random.Next());
  }

  int64_t size_bytes() const override { return std::ssize(bytes_); }
  const std::string& location() const override { return location_; }
  const ReadHabits& habits() const override { return habits_; }
  arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                       const CancelToken& /*cancel*/) const override {
    const std::lock_guard lock(mutex_);
    reads_.push_back({offset_bytes, std::ssize(destination)});
    if (fails) return arrow::Status::IOError(location_, ": bad sector");
    if (offset_bytes + std::ssize(destination) > size_bytes()) {
      return arrow::Status::IOError(location_, ": ends early");
    }
    std::memcpy(destination.data(), bytes_.data() + offset_bytes, destination.size());
    return arrow::Status::OK();
  }
  int64_t ReadCached(int64_t, std::span<uint8_t>) const override { return 0; }

  bool Holds(ByteRange range, std::span<const uint8_t> bytes) const {
    return std::ranges::equal(bytes,
                              std::span(bytes_).subspan(static_cast<size_t>(range.offset_bytes),
                                                        static_cast<size_t>(range.size_bytes)));
  }
  std::vector<ByteRange> reads() const {
    const std::lock_guard lock(mutex_);
    auto sorted = reads_;
    std::ranges::sort(sorted, {}, &ByteRange::offset_bytes);
    return sorted;
  }

  void Coalesce(const CoalesceOptions& options) { habits_.coalesce = options; }

  bool fails = false;

 private:
  ReadHabits habits_;
  std::vector<uint8_t> bytes_;
  const std::string location_;
  mutable std::mutex mutex_;  // guards reads_
  mutable std::vector<ByteRange> reads_;
};

class FetchedRangesTest : public ::testing::Test {
 protected:
  arrow::Status Run(const CancelToken& cancel = CancelToken::Never()) {
    return fetch_.Run(&scheduler_, nullptr, cancel, arrow::default_memory_pool());
  }

  // Fetch ranges of one object and compare the bytes of each.
  void ExpectFetched(const std::vector<ByteRange>& ranges, const CoalesceOptions& options = {}) {
    std::vector<size_t> numbers;
    numbers.reserve(ranges.size());
    for (const ByteRange range : ranges) numbers.push_back(fetch_.Add(object_, range));
    object_->Coalesce(options);
    const auto status = Run();
    ASSERT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_TRUE(object_->Holds(ranges[i], fetch_.bytes(numbers[i]))) << i;
      const auto& owner = fetch_.owner(numbers[i]);
      EXPECT_GE(fetch_.bytes(numbers[i]).data(), owner->data());
      EXPECT_LE(fetch_.bytes(numbers[i]).data() + fetch_.bytes(numbers[i]).size(),
                owner->data() + owner->size());
    }
  }

  arrow::Status StatusOf(ByteRange range) {
    fetch_.Add(object_, range);
    return Run();
  }

  IoScheduler scheduler_{{.num_threads = 3}};
  const std::shared_ptr<RecordedObject> object_ = std::make_shared<RecordedObject>(100000);
  RangeFetch fetch_;
};

TEST_F(FetchedRangesTest, NothingIsFetchedAtOnce) {
  EXPECT_TRUE(fetch_.empty());
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(scheduler_.counters().num_requests, 0);
}

TEST_F(FetchedRangesTest, RangesWithinTheGapAreOneRead) {
  ExpectFetched({{2000, 10}, {100, 50}, {160, 40}}, {.max_gap_bytes = 10});
  EXPECT_EQ(object_->reads(), (std::vector<ByteRange>{{100, 100}, {2000, 10}}));
}

TEST_F(FetchedRangesTest, ReadsDoNotGrowBeyondTheLimit) {
  ExpectFetched({{0, 60}, {60, 60}, {120, 60}}, {.max_read_bytes = 120});
  EXPECT_EQ(object_->reads(), (std::vector<ByteRange>{{0, 120}, {120, 60}}));
}

TEST_F(FetchedRangesTest, ARangeAskedForTwiceIsReadOnce) {
  ExpectFetched({{500, 20}, {500, 20}, {505, 5}});
  EXPECT_EQ(object_->reads(), (std::vector<ByteRange>{{500, 20}}));
}

TEST_F(FetchedRangesTest, RangesWithoutBytesAreReadAsNone) {
  ExpectFetched({{0, 0}, {50000, 0}, {100000, 0}, {10, 5}}, {.max_gap_bytes = 0});
  EXPECT_EQ(object_->reads(), (std::vector<ByteRange>{{10, 5}}));
}

TEST_F(FetchedRangesTest, TheWholeObjectAndItsLastByteAreRead) {
  ExpectFetched({{0, 100000}, {99999, 1}});
}

TEST_F(FetchedRangesTest, RandomRangesAreRead) {
  constexpr uint64_t kSeed = 3;
  SplitMix64 random(kSeed);
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    std::vector<ByteRange> ranges;
    for (uint64_t i = random.Next() % 40; i > 0; --i) {
      const auto size_bytes = static_cast<int64_t>(random.Next() % 300);
      ranges.push_back(
          {static_cast<int64_t>(random.Next() % static_cast<uint64_t>(100001 - size_bytes)),
           size_bytes});
    }
    fetch_ = RangeFetch();
    ExpectFetched(ranges, {.max_gap_bytes = 500, .max_read_bytes = 2000});
  }
}

TEST_F(FetchedRangesTest, RangesOfSeveralObjectsInTurnAreToldApart) {
  const auto other = std::make_shared<RecordedObject>(777);
  std::vector<size_t> numbers;
  for (int64_t i = 0; i < 10; ++i) {
    numbers.push_back(fetch_.Add(object_, {i * 20, 20}));
    numbers.push_back(fetch_.Add(other, {i * 30, 7}));
  }
  ASSERT_TRUE(Run().ok());
  for (int64_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(object_->Holds({i * 20, 20}, fetch_.bytes(numbers[static_cast<size_t>(2 * i)])));
    EXPECT_TRUE(other->Holds({i * 30, 7}, fetch_.bytes(numbers[static_cast<size_t>(2 * i + 1)])));
  }
  EXPECT_EQ(object_->reads().size(), 1);
  EXPECT_EQ(other->reads().size(), 1);
}

TEST_F(FetchedRangesTest, BytesFilledInPlaceAreNotHeldTwice) {
  auto memory = std::make_shared<std::vector<uint8_t>>(64);
  fetch_.AddInPlace(object_, 1000, *memory);
  EXPECT_FALSE(fetch_.empty());
  const int64_t before = DefaultMemoryPool()->total_bytes_allocated();
  ASSERT_TRUE(
      fetch_.Run(&scheduler_, memory, CancelToken::Never(), arrow::default_memory_pool()).ok());
  EXPECT_EQ(DefaultMemoryPool()->total_bytes_allocated(), before);
  EXPECT_TRUE(object_->Holds({1000, 64}, *memory));
}

TEST_F(FetchedRangesTest, ARangePastTheEndIsAnErrorThatNamesTheObject) {
  for (const ByteRange range : {ByteRange{99999, 2}, ByteRange{100001, 0}, ByteRange{-1, 5},
                                ByteRange{0, int64_t{1} << 40}}) {
    fetch_ = RangeFetch();
    const auto status = StatusOf(range);
    EXPECT_TRUE(status.IsSerializationError()) << status;
    EXPECT_TRUE(status.message().starts_with("recorded: ")) << status;
  }
  EXPECT_TRUE(object_->reads().empty());
}

TEST_F(FetchedRangesTest, AFillInPlacePastTheEndIsAnError) {
  auto memory = std::make_shared<std::vector<uint8_t>>(64);
  fetch_.AddInPlace(object_, 99990, *memory);
  EXPECT_TRUE(fetch_.Run(&scheduler_, memory, CancelToken::Never(), arrow::default_memory_pool())
                  .IsIOError());
}

TEST_F(FetchedRangesTest, AnErrorInOneRangeIsTheErrorOfAll) {
  const auto bad = std::make_shared<RecordedObject>(100, "bad");
  bad->fails = true;
  for (int64_t i = 0; i < 5; ++i) fetch_.Add(object_, {i * 20000, 10});
  fetch_.Add(bad, {0, 10});
  const auto status = Run();
  EXPECT_TRUE(status.IsIOError());
  EXPECT_EQ(status.message(), "bad: bad sector");
}

TEST_F(FetchedRangesTest, ACancelledFetchReadsNothing) {
  CancelFlag cancel;
  cancel.Cancel();
  fetch_.Add(object_, {0, 10});
  EXPECT_TRUE(Run(cancel).IsCancelled());
  EXPECT_TRUE(object_->reads().empty());
}

TEST_F(FetchedRangesTest, MemoryComesFromThePoolAndGoesBack) {
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  {
    RangeFetch fetch;
    fetch.Add(object_, {0, 5000});
    ASSERT_TRUE(fetch.Run(&scheduler_, nullptr, CancelToken::Never(), &pool).ok());
    EXPECT_GE(pool.bytes_allocated(), 5000);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

}  // namespace
}  // namespace croupier::storage
