#include "croupier/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/permutation.h"
#include "croupier/table.h"
#include "croupier/testing/child_process.h"

namespace croupier {
namespace {

// A table whose one column is the row id, and whose takes the test can hold up or make fail.
class CountingTable : public TableSource {
 public:
  explicit CountingTable(int64_t num_rows) : num_rows_(num_rows) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  uint64_t version() const override { return 1; }
  const std::string& location() const override { return location_; }
  arrow::Result<int64_t> CountRows() const override { return num_rows_; }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(const ScanOptions&) const override {
    return arrow::Status::NotImplemented("scan");
  }
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options) const override {
    ++num_takes;
    while (hold) {
      ARROW_RETURN_NOT_OK(options.cancel->Check());
      std::this_thread::yield();
    }
    arrow::UInt64Builder builder;
    for (const uint64_t row_id : row_ids) {
      if (row_id == bad_row_id) return arrow::Status::IOError("bad row");
      ARROW_RETURN_NOT_OK(builder.Append(row_id));
    }
    ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
    arrow::ArrayVector arrays(columns.size(), array);
    ARROW_ASSIGN_OR_RAISE(auto schema, ProjectSchema(*schema_, columns));
    return arrow::RecordBatch::Make(std::move(schema), static_cast<int64_t>(row_ids.size()),
                                    arrays);
  }
  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(const ReadOptions&) const override {
    class Identity : public RowIdIndex {
     public:
      explicit Identity(int64_t num_rows) : num_rows_(num_rows) {}
      int64_t num_rows() const override { return num_rows_; }
      void Lookup(std::span<uint64_t>) const override {}

     private:
      int64_t num_rows_;
    };
    return std::make_shared<Identity>(num_rows_);
  }

  mutable std::atomic<int64_t> num_takes = 0;
  std::atomic<bool> hold = false;
  uint64_t bad_row_id = UINT64_MAX;

 private:
  const int64_t num_rows_;
  const std::string location_ = "counting";
  const std::shared_ptr<arrow::Schema> schema_ =
      arrow::schema({arrow::field("id", arrow::uint64())});
};

std::unique_ptr<Loader> MakeLoader(std::shared_ptr<const TableSource> table,
                                   LoaderOptions options) {
  return Loader::Make(Permutation::Make(std::move(table)).ValueOrDie(), std::move(options))
      .ValueOrDie();
}

// Reads to the end; the ids in the order of delivery.
std::vector<uint64_t> Drain(Loader* loader) {
  std::vector<uint64_t> ids;
  while (true) {
    const auto batch = loader->Next().ValueOrDie();
    if (batch == nullptr) return ids;
    const auto& column = static_cast<const arrow::UInt64Array&>(*batch->column(0));
    ids.insert(ids.end(), column.raw_values(), column.raw_values() + column.length());
  }
}

bool IsSequence(const std::vector<uint64_t>& ids, uint64_t first, size_t count) {
  if (ids.size() != count) return false;
  for (size_t i = 0; i < count; ++i) {
    if (ids[i] != first + i) return false;
  }
  return true;
}

TEST(LoaderTest, DeliversEveryRowOnceInOrderForAnyThreadsAndBudget) {
  for (int num_threads : {1, 2, 5}) {
    for (int64_t prefetch_bytes : {1, 4096, 1 << 20}) {
      auto loader = MakeLoader(
          std::make_shared<CountingTable>(10007),
          {.batch_rows = 10, .num_threads = num_threads, .prefetch_bytes = prefetch_bytes});
      EXPECT_EQ(loader->num_batches(), 1001);
      EXPECT_TRUE(IsSequence(Drain(loader.get()), 0, 10007))
          << num_threads << " threads, " << prefetch_bytes << " bytes";
      EXPECT_EQ(loader->counters().num_rows, 10007);
      EXPECT_EQ(loader->Next().ValueOrDie(), nullptr);
    }
  }
}

TEST(LoaderTest, EveryBatchIsFullButTheLast) {
  auto loader = MakeLoader(std::make_shared<CountingTable>(1005), {.batch_rows = 100});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(loader->Next().ValueOrDie()->num_rows(), 100);
  EXPECT_EQ(loader->Next().ValueOrDie()->num_rows(), 5);
  EXPECT_EQ(loader->Next().ValueOrDie(), nullptr);
}

TEST(LoaderTest, AWindowOfPositionsAndDropLastAreKept) {
  auto loader = MakeLoader(std::make_shared<CountingTable>(1000),
                           {.batch_rows = 100, .begin = 50, .end = 475, .drop_last = true});
  EXPECT_TRUE(IsSequence(Drain(loader.get()), 50, 400));
}

TEST(LoaderTest, BatchesAStepApartAreThoseOfAllBatches) {
  for (const int64_t num_rows : {0, 1, 9, 10, 11, 1000, 1007, 1010, 1015, 1024}) {
    for (const int64_t step : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{200}, INT64_MAX}) {
      for (const bool drop_last : {false, true}) {
        const int64_t begin = num_rows > 500 ? 7 : 0;
        std::vector<uint64_t> expected;
        for (int64_t batch = begin, i = 0; batch < num_rows; batch += 10, ++i) {
          const int64_t end = std::min(batch + 10, num_rows);
          if (i % step != 0 || (drop_last && end < batch + 10)) continue;
          for (int64_t row = batch; row < end; ++row) {
            expected.push_back(static_cast<uint64_t>(row));
          }
        }
        auto loader = MakeLoader(
            std::make_shared<CountingTable>(num_rows),
            {.batch_rows = 10, .begin = begin, .drop_last = drop_last, .batch_step = step});
        EXPECT_EQ(loader->num_batches(), (std::ssize(expected) + 9) / 10);
        EXPECT_EQ(Drain(loader.get()), expected) << num_rows << " " << step << " " << drop_last;
      }
    }
  }
}

TEST(LoaderTest, AnEmptyPermutationEndsAtOnce) {
  auto loader = MakeLoader(std::make_shared<CountingTable>(0), {});
  EXPECT_EQ(loader->num_batches(), 0);
  EXPECT_EQ(loader->Next().ValueOrDie(), nullptr);
}

TEST(LoaderTest, OptionsOutOfRangeAreErrors) {
  const auto make = [](LoaderOptions options) {
    auto table = std::make_shared<CountingTable>(10);
    return Loader::Make(Permutation::Make(table).ValueOrDie(), std::move(options)).status();
  };
  EXPECT_TRUE(make({.batch_rows = 0}).IsInvalid());
  EXPECT_TRUE(make({.end = 11}).IsIndexError());
  EXPECT_TRUE(make({.begin = 5, .end = 4}).IsIndexError());
  EXPECT_TRUE(make({.columns = {"nope"}}).IsKeyError());
  EXPECT_TRUE(make({.num_threads = -1}).IsInvalid());
  EXPECT_TRUE(make({.prefetch_bytes = -1}).IsInvalid());
}

TEST(LoaderTest, AnErrorComesAfterTheGoodBatchesOnceAndWithItsPlace) {
  auto table = std::make_shared<CountingTable>(10000);
  table->bad_row_id = 5555;
  auto loader = MakeLoader(table, {.batch_rows = 10, .num_threads = 3});
  for (int i = 0; i < 555; ++i) {
    const auto batch = loader->Next();
    ASSERT_TRUE(batch.ok()) << i << " " << batch.status();
  }
  const auto first = loader->Next().status();
  EXPECT_TRUE(first.IsIOError());
  EXPECT_EQ(first.message(), "batch 555 (positions 5550 to 5559): bad row");
  const auto second = loader->Next().status();
  EXPECT_TRUE(second.IsInvalid());
  EXPECT_EQ(second.message(), "the loader has failed");
}

TEST(LoaderTest, TheBudgetBoundsWhatIsReadAhead) {
  auto table = std::make_shared<CountingTable>(1 << 20);
  // 8 bytes a row: room for 8 batches of 128 rows.
  auto loader = MakeLoader(table, {.batch_rows = 128, .num_threads = 2, .prefetch_bytes = 8 << 10});
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(loader->Next().ok());
  // Threads that respect the budget have made at most what was delivered and what the budget holds.
  const int64_t delivered = loader->counters().num_batches;
  EXPECT_LE(table->num_takes, delivered + 10);
}

TEST(LoaderTest, ACancelledWaitLeavesTheLoaderUsable) {
  auto table = std::make_shared<CountingTable>(100);
  table->hold = true;
  auto loader = MakeLoader(table, {.batch_rows = 10});
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(loader->Next(cancel).status().IsCancelled());
  table->hold = false;
  EXPECT_TRUE(IsSequence(Drain(loader.get()), 0, 100));
}

TEST(LoaderTest, CloseEndsThreadsThatAreReading) {
  auto table = std::make_shared<CountingTable>(100);
  table->hold = true;
  auto loader = MakeLoader(table, {.batch_rows = 10});
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(loader->Next(cancel).status().IsCancelled());  // threads now run
  loader->Close();
  EXPECT_TRUE(loader->Next().status().IsInvalid());
  loader.reset();  // would hang if a thread went on holding
}

TEST(LoaderTest, CloseFromAnotherThreadEndsAWait) {
  auto table = std::make_shared<CountingTable>(100);
  table->hold = true;
  auto loader = MakeLoader(table, {.batch_rows = 10});
  std::jthread closer([&] {
    while (table->num_takes == 0) std::this_thread::yield();
    loader->Close();
  });
  EXPECT_TRUE(loader->Next().status().IsInvalid());
}

// Reads to the end without waiting in Next; the ids in the order of delivery.
std::vector<uint64_t> DrainWhenReady(Loader* loader) {
  std::vector<uint64_t> ids;
  CancelFlag no_wait;
  no_wait.Cancel();
  while (true) {
    std::promise<void> is_ready;
    const auto ready = std::make_shared<const std::function<void()>>([&] { is_ready.set_value(); });
    if (!loader->WhenReady(ready)) is_ready.get_future().wait();
    // A cancelled Next gives what is there, and fails where it would wait.
    const auto batch = loader->Next(no_wait).ValueOrDie();
    if (batch == nullptr) return ids;
    const auto& column = static_cast<const arrow::UInt64Array&>(*batch->column(0));
    ids.insert(ids.end(), column.raw_values(), column.raw_values() + column.length());
  }
}

TEST(LoaderTest, ToldWhenABatchIsReadyNobodyWaitsForIt) {
  for (int64_t prefetch_bytes : {1, 4096}) {
    auto loader =
        MakeLoader(std::make_shared<CountingTable>(10007),
                   {.batch_rows = 10, .num_threads = 3, .prefetch_bytes = prefetch_bytes});
    EXPECT_TRUE(IsSequence(DrainWhenReady(loader.get()), 0, 10007));
    EXPECT_GT(loader->counters().wait_microseconds, 0);
  }
}

TEST(LoaderTest, AnErrorIsReadyToo) {
  auto table = std::make_shared<CountingTable>(10);
  table->bad_row_id = 3;
  auto loader = MakeLoader(table, {.batch_rows = 10});
  std::promise<void> is_ready;
  const auto ready = std::make_shared<const std::function<void()>>([&] { is_ready.set_value(); });
  if (!loader->WhenReady(ready)) is_ready.get_future().wait();
  EXPECT_TRUE(loader->Next().status().IsIOError());
  EXPECT_TRUE(loader->WhenReady(ready));
}

TEST(LoaderTest, CloseTellsWhoWaitsAndWhoIsGoneIsNotTold) {
  auto table = std::make_shared<CountingTable>(10);
  table->hold = true;
  auto loader = MakeLoader(table, {.batch_rows = 10});
  int num_told = 0;
  auto gone = std::make_shared<const std::function<void()>>([&] { num_told += 100; });
  EXPECT_FALSE(loader->WhenReady(gone));
  gone.reset();
  const auto waits = std::make_shared<const std::function<void()>>([&] { ++num_told; });
  EXPECT_FALSE(loader->WhenReady(waits));
  EXPECT_FALSE(loader->WhenReady(waits));
  loader->Close();
  EXPECT_EQ(num_told, 2);
  EXPECT_TRUE(loader->WhenReady(waits));
}

TEST(LoaderTest, AChildIsToldByThreadsOfItsOwn) {
  auto table = std::make_shared<CountingTable>(1000);
  table->hold = true;
  auto loader = MakeLoader(table, {.batch_rows = 10, .num_threads = 3});
  std::atomic<int> num_told = 0;
  const auto waits = std::make_shared<const std::function<void()>>([&] { ++num_told; });
  EXPECT_FALSE(loader->WhenReady(waits));
  const auto result = testing::RunInForkedChild([&] {
    table->hold = false;
    const bool right = IsSequence(DrainWhenReady(loader.get()), 0, 1000);
    return right && num_told == 0 ? 0 : 1;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
  table->hold = false;
  EXPECT_TRUE(IsSequence(Drain(loader.get()), 0, 1000));
  loader.reset();  // and with it the thread that tells
  EXPECT_EQ(num_told, 1);
}

TEST(LoaderTest, AChildGoesOnWhereTheParentWas) {
  auto loader =
      MakeLoader(std::make_shared<CountingTable>(10000), {.batch_rows = 10, .num_threads = 3});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(loader->Next().ok());
  const auto result = testing::RunInForkedChild([&] {
    const bool right = IsSequence(Drain(loader.get()), 1000, 9000);
    loader.reset();
    return right ? 0 : 1;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(IsSequence(Drain(loader.get()), 1000, 9000));
}

TEST(LoaderTest, AChildThatUsesNothingExitsCleanly) {
  auto loader =
      MakeLoader(std::make_shared<CountingTable>(100000), {.batch_rows = 10, .num_threads = 3});
  ASSERT_TRUE(loader->Next().ok());
  const auto result = testing::RunInForkedChild([&] {
    loader.reset();
    return 0;
  });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 0);
}

}  // namespace
}  // namespace croupier
