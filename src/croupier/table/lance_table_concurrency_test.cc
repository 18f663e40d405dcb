#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/table.h"
#include "croupier/table/file_cache.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/child_process.h"

namespace croupier::table {
namespace {

// A table with its rows, to take some of them again and again.
class TakenTable {
 public:
  explicit TakenTable(const std::string& name)
      : table_(OpenGoldenTable(name)),
        rows_(ReadGoldenRows(name)),
        row_ids_(RowIdsOf(*rows_)),
        columns_(rows_->schema()->field_names()) {}

  const TableSource& table() const { return *table_; }
  const std::vector<uint64_t>& row_ids() const { return row_ids_; }
  const std::vector<std::string>& columns() const { return columns_; }

  bool TakesRight(uint64_t seed) const {
    SplitMix64 random(seed);
    std::vector<uint64_t> ranks(50);
    std::vector<uint64_t> taken_ids(50);
    for (size_t i = 0; i < ranks.size(); ++i) {
      ranks[i] = random.Next() % row_ids_.size();
      taken_ids[i] = row_ids_[ranks[i]];
    }
    const auto taken = table_->Take(taken_ids, columns_);
    return taken.ok() && (*taken)->Equals(*TakeRows(*rows_, ranks, columns_));
  }

  bool ScansRight() const {
    const auto scanned = ScanAll(*table_, {{}, columns_, 13});
    return scanned.ok() && (*scanned)->Equals(*rows_);
  }

 private:
  const std::shared_ptr<const TableSource> table_;
  const std::shared_ptr<arrow::Table> rows_;
  const std::vector<uint64_t> row_ids_;
  const std::vector<std::string> columns_;
};

void ExpectRightInChild(const std::function<bool()>& body) {
  const auto result = testing::RunInForkedChild([&] { return body() ? 0 : 1; });
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(result.exit_code, 0);
}

TEST(LanceTableThreadsTest, ManyThreadsReadATableThatIsJustOpen) {
  for (const std::string name : {"records", "deletions_arrow", "evolved"}) {
    const TakenTable taken(name);
    std::atomic<int> num_right = 0;
    {
      std::vector<std::jthread> threads;
      threads.reserve(6);
      for (uint64_t thread = 0; thread < 6; ++thread) {
        threads.emplace_back([&, thread] {
          for (uint64_t i = 0; i < 5; ++i) num_right += taken.TakesRight(thread * 100 + i);
          num_right += taken.ScansRight();
        });
      }
    }
    EXPECT_EQ(num_right, 36) << name;
  }
}

TEST(LanceTableForkTest, AChildAndItsChildReadATableThatTheParentUsed) {
  const TakenTable taken("records");
  ASSERT_TRUE(taken.TakesRight(1));
  ExpectRightInChild([&] {
    const bool right = taken.TakesRight(2) && taken.ScansRight();
    const auto grandchild = testing::RunInForkedChild(
        [&] { return taken.TakesRight(3) && taken.ScansRight() ? 0 : 1; });
    return right && grandchild.exit_code == 0 && !grandchild.timed_out && taken.TakesRight(4);
  });
  EXPECT_TRUE(taken.TakesRight(5));
}

TEST(LanceTableForkTest, AChildReadsATableThatTheParentOnlyOpened) {
  const TakenTable taken("deletions_arrow");
  ExpectRightInChild([&] { return taken.ScansRight() && taken.TakesRight(1); });
  EXPECT_TRUE(taken.ScansRight());
}

TEST(LanceTableForkTest, AChildForkedWhileThreadsReadReadsByItself) {
  const TakenTable taken("records");
  std::atomic<bool> stop = false;
  std::atomic<int64_t> num_wrong = 0;
  std::vector<std::jthread> threads;
  threads.reserve(3);
  for (uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint64_t i = 0; !stop; ++i) num_wrong += !taken.TakesRight(thread + i * 10);
    });
  }
  for (uint64_t child = 0; child < 10 && !::testing::Test::HasFailure(); ++child) {
    ExpectRightInChild([&] {
      const auto grandchild =
          testing::RunInForkedChild([&] { return taken.TakesRight(child) ? 0 : 1; });
      return grandchild.exit_code == 0 && taken.TakesRight(child + 1) && taken.ScansRight();
    });
  }
  stop = true;
  threads.clear();
  EXPECT_EQ(num_wrong, 0);
}

TEST(LanceTableForkTest, AChildGoesOnWithAScanOfItsParent) {
  const TakenTable taken("deletions_arrow");
  const auto reader = taken.table().Scan({{}, {"_rowid", "i"}, 10}).ValueOrDie();
  const auto first = reader->Next().ValueOrDie();
  const auto read_rest = [&] {
    int64_t num_rows = first->num_rows();
    while (const auto batch = reader->Next().ValueOrDie()) num_rows += batch->num_rows();
    return num_rows == 59;
  };
  ExpectRightInChild(read_rest);
  EXPECT_TRUE(read_rest());
}

TEST(LanceTableForkTest, ATableIsClosedInAChild) {
  auto taken = std::make_unique<TakenTable>("records");
  ASSERT_TRUE(taken->TakesRight(1));
  ExpectRightInChild([&] {
    taken.reset();
    return true;
  });
  EXPECT_TRUE(taken->TakesRight(2));
}

// Says stop when it was asked so many times.
class StopAfter : public CancelToken {
 public:
  explicit StopAfter(int num_asks) : num_left_(num_asks) {}
  bool cancelled() const override { return --num_left_ < 0; }

 private:
  mutable std::atomic<int> num_left_;
};

TEST(LanceTableCancelTest, ATakeStopsWhereverItIsAndTheTableIsUsableAfter) {
  int num_cancelled = 0;
  for (;; ++num_cancelled) {
    const TakenTable taken("records");
    const StopAfter cancel(num_cancelled);
    const auto status =
        taken.table().Take(taken.row_ids(), taken.columns(), {.cancel = &cancel}).status();
    if (status.ok()) break;
    ASSERT_TRUE(status.IsCancelled()) << status;
    ASSERT_EQ(status.message(), "cancelled");
    ASSERT_TRUE(taken.TakesRight(1)) << num_cancelled;
  }
  EXPECT_GE(num_cancelled, 4);  // at least once for each of the four waves of reads
}

TEST(LanceTableForkTest, ABudgetThatHoldsNothingMakesReadsSlowNotWrong) {
  const TakenTable taken("records");
  ExpectRightInChild([&] {
    // The child reads its settings anew.
    setenv("CROUPIER_METADATA_BYTES", "1", 1);
    const bool right = taken.TakesRight(1) && taken.ScansRight() && taken.TakesRight(2);
    return right && MetadataBudget::OfProcess().used_bytes() == 0;
  });
}

TEST(LanceTableCancelTest, AScanStopsWhereverItIs) {
  const TakenTable taken("deletions_arrow");
  int num_cancelled = 0;
  for (;; ++num_cancelled) {
    const StopAfter cancel(num_cancelled);
    const auto status = ScanAll(taken.table(), {{.cancel = &cancel}, taken.columns(), 10}).status();
    if (status.ok()) break;
    ASSERT_TRUE(status.IsCancelled()) << status;
  }
  EXPECT_GE(num_cancelled, 6);  // at least once for each batch
  EXPECT_TRUE(taken.ScansRight());
}

TEST(LanceTableCancelTest, TheIndexOfRowsStops) {
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_TRUE(
      OpenGoldenTable("deletions_arrow")->RowIds({.cancel = &cancel}).status().IsCancelled());
}

}  // namespace
}  // namespace croupier::table
