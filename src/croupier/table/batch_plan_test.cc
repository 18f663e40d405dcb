#include "croupier/table/batch_plan.h"

#include <gtest/gtest.h>

namespace croupier::table {
namespace {

TEST(BatchPlanTest, EveryPositionIsInOneBatchAndOnlyTheLastIsShort) {
  for (int64_t num_rows : {0, 1, 9, 10, 11, 95}) {
    const auto plan = BatchPlan::Make({5, 5 + num_rows}, 10, false).ValueOrDie();
    int64_t next = 5;
    for (int64_t batch = 0; batch < plan.num_batches(); ++batch) {
      const auto range = plan.Batches(batch, 1);
      EXPECT_EQ(range.begin, next);
      EXPECT_EQ(range.num_rows(), batch + 1 < plan.num_batches() ? 10 : (num_rows - 1) % 10 + 1);
      next = range.end;
    }
    EXPECT_EQ(next, 5 + num_rows);
  }
}

TEST(BatchPlanTest, DroppingTheLastLeavesFullBatchesOnly) {
  const auto plan = BatchPlan::Make({0, 29}, 10, true).ValueOrDie();
  EXPECT_EQ(plan.num_batches(), 2);
  EXPECT_EQ(plan.Batches(0, 2), (IndexRange{0, 20}));
}

TEST(BatchPlanTest, ARunOfBatchesEndsWithTheRange) {
  const auto plan = BatchPlan::Make({0, 29}, 10, false).ValueOrDie();
  EXPECT_EQ(plan.Batches(1, 2), (IndexRange{10, 29}));
}

TEST(BatchPlanTest, ABatchLargerThanAnyTableIsOneBatch) {
  const auto plan = BatchPlan::Make({0, 7}, INT64_MAX, false).ValueOrDie();
  EXPECT_EQ(plan.num_batches(), 1);
  EXPECT_EQ(plan.Batches(0, 1), (IndexRange{0, 7}));
}

TEST(BatchPlanTest, OptionsOutOfRangeAreInvalid) {
  EXPECT_TRUE(BatchPlan::Make({0, 7}, 0, false).status().IsInvalid());
  EXPECT_TRUE(BatchPlan::Make({0, 7}, -1, false).status().IsInvalid());
  EXPECT_TRUE(BatchPlan::Make({8, 7}, 1, false).status().IsInvalid());
  EXPECT_TRUE(BatchPlan::Make({-1, 7}, 1, false).status().IsInvalid());
}

}  // namespace
}  // namespace croupier::table
