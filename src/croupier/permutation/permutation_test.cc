#include "croupier/permutation.h"

#include <algorithm>
#include <set>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/permutation/test_tables.h"

namespace croupier {
namespace {

using permutation::AllRowIds;
using permutation::Build;
using permutation::HugeTable;
using permutation::MinimalTable;

void ExpectSplitsCoverDisjointly(const std::shared_ptr<const TableSource>& base,
                                 const std::shared_ptr<const PermutationTable>& table) {
  std::set<uint64_t> seen;
  for (int64_t split = 0; split < table->num_splits(); ++split) {
    const auto permutation = Permutation::Make(base, table, split).ValueOrDie();
    for (const uint64_t row_id : AllRowIds(*permutation)) {
      EXPECT_TRUE(seen.insert(row_id).second) << row_id;
      EXPECT_EQ(row_id % 3, 2u);
    }
  }
  EXPECT_EQ(std::ssize(seen), table->num_rows());
}

TEST(PermutationTest, TheIdentityReadsAllRowsInStorageOrder) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto permutation = Permutation::Make(base).ValueOrDie();
  EXPECT_EQ(permutation->num_rows(), 10);
  EXPECT_EQ(AllRowIds(*permutation), (std::vector<uint64_t>{5, 8, 11, 14, 17, 20, 23, 26, 29, 32}));
}

TEST(PermutationTest, EverySplitterCoversDisjointlyAndIsDeterministic) {
  for (const int64_t num_rows : {1, 2, 3, 10, 1000}) {
    const auto base = std::make_shared<MinimalTable>(num_rows);
    for (const bool shuffled : {false, true}) {
      const auto steps = [&](bool random) {
        return [=](PermutationBuilder* builder) {
          // Before the split: the order of calls is free.
          if (shuffled) {
            ASSERT_TRUE(builder->Shuffle(3).ok());
          }
          const SplitSizes sizes{.fixed = std::min<int64_t>(num_rows, 3)};
          ASSERT_TRUE(
              (random ? builder->SplitRandom(sizes, 9) : builder->SplitSequential(sizes)).ok());
        };
      };
      for (const bool random : {false, true}) {
        const auto table = Build(base, steps(random));
        ExpectSplitsCoverDisjointly(base, table);
        const auto again = Build(base, steps(random));
        EXPECT_EQ(table->order_id(), again->order_id());
        EXPECT_EQ(AllRowIds(*Permutation::Make(base, table, 0).ValueOrDie()),
                  AllRowIds(*Permutation::Make(base, again, 0).ValueOrDie()));
      }
    }
  }
}

TEST(PermutationTest, SequentialSplitsKeepStorageOrderAndRandomOnesDoNot) {
  const auto base = std::make_shared<MinimalTable>(1000);
  const auto sequential =
      Build(base, [](auto* b) { ASSERT_TRUE(b->SplitSequential({.fixed = 4}).ok()); });
  const auto random =
      Build(base, [](auto* b) { ASSERT_TRUE(b->SplitRandom({.fixed = 4}, 1).ok()); });
  for (int64_t split = 0; split < 4; ++split) {
    const auto in_order = AllRowIds(*Permutation::Make(base, sequential, split).ValueOrDie());
    EXPECT_TRUE(std::is_sorted(in_order.begin(), in_order.end()));
    EXPECT_EQ(in_order.front(), MinimalTable::RowId(split * 250));
    const auto mixed = AllRowIds(*Permutation::Make(base, random, split).ValueOrDie());
    EXPECT_FALSE(std::is_sorted(mixed.begin(), mixed.end()));
  }
}

TEST(PermutationTest, SeedsDifferAndAMissingSeedIsKept) {
  const auto base = std::make_shared<MinimalTable>(1000);
  const auto shuffle = [&](std::optional<uint64_t> seed) {
    return Build(base, [&](auto* b) { ASSERT_TRUE(b->Shuffle(seed).ok()); });
  };
  EXPECT_NE(AllRowIds(*Permutation::Make(base, shuffle(1)).ValueOrDie()),
            AllRowIds(*Permutation::Make(base, shuffle(2)).ValueOrDie()));
  const auto drawn = shuffle(std::nullopt);
  const auto again = shuffle(drawn->spec().shuffle->seed);
  EXPECT_EQ(drawn->order_id(), again->order_id());
}

TEST(PermutationTest, ATrillionRowsAreAFewNumbers) {
  const auto base = std::make_shared<HugeTable>(1000000000000);
  const auto table = Build(base, [](auto* b) {
    ASSERT_TRUE(b->SplitRandom({.ratios = std::vector<double>{0.9, 0.1}}, 1).ok());
    ASSERT_TRUE(b->Shuffle(2).ok());
  });
  const auto permutation = Permutation::Make(base, table, 1).ValueOrDie();
  EXPECT_EQ(permutation->num_rows(), 100000000000);
  const std::vector<int64_t> positions = {0, 1, 99999999999};
  const auto row_ids = permutation->RowIds(positions).ValueOrDie();
  EXPECT_EQ(std::set<uint64_t>(row_ids.begin(), row_ids.end()).size(), 3u);
}

TEST(PermutationTest, APositionOutOfRangeIsNamed) {
  const auto permutation = Permutation::Make(std::make_shared<MinimalTable>(1000)).ValueOrDie();
  const std::vector<int64_t> positions = {5, 1200, 2000};
  const auto status = permutation->Take(positions, {"x"}).status();
  EXPECT_TRUE(status.IsIndexError());
  EXPECT_EQ(status.message(), "position out of range: 1200 of 1000");
  EXPECT_TRUE(permutation->TakeRange(0, 1001, {"x"}).status().IsIndexError());
}

TEST(PermutationTest, AnotherVersionOrAnotherNumberOfRowsIsRefused) {
  const auto table = Build(std::make_shared<MinimalTable>(10, 7),
                           [](auto* b) { ASSERT_TRUE(b->Shuffle(1).ok()); });
  EXPECT_TRUE(Permutation::Make(std::make_shared<MinimalTable>(10, 8), table).status().IsInvalid());
  EXPECT_TRUE(Permutation::Make(std::make_shared<MinimalTable>(11, 7), table).status().IsInvalid());
  EXPECT_TRUE(
      Permutation::Make(std::make_shared<MinimalTable>(10, 7, "b"), table).status().IsInvalid());
  EXPECT_TRUE(
      Permutation::Make(std::make_shared<MinimalTable>(10, 7), table, 1).status().IsIndexError());
}

TEST(PermutationTest, AnEmptyTableGivesAnEmptyPermutation) {
  const auto base = std::make_shared<MinimalTable>(0);
  const auto table = Build(base, [](auto* b) { ASSERT_TRUE(b->Shuffle(1).ok()); });
  const auto permutation = Permutation::Make(base, table).ValueOrDie();
  EXPECT_EQ(permutation->num_rows(), 0);
  EXPECT_EQ(permutation->TakeRange(0, 0, {"x"}).ValueOrDie()->num_rows(), 0);
}

TEST(PermutationTableTest, ItsRowsAreSortedBySplitInReadOrder) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto table = Build(base, [](auto* b) {
    ASSERT_TRUE(
        b->SplitRandom({.counts = std::vector<int64_t>{6, 3}}, 1, {"train", "te\"st"}).ok());
  });
  ScanOptions scan;
  scan.columns = {"row_id", "split_id"};
  scan.batch_rows = 4;
  const auto rows =
      table->AsTable(base).ValueOrDie()->Scan(scan).ValueOrDie()->ToTable().ValueOrDie();
  ASSERT_TRUE(rows->ValidateFull().ok());
  const auto batch = rows->CombineChunksToBatch().ValueOrDie();
  const auto& row_ids = static_cast<const arrow::UInt64Array&>(*batch->column(0));
  const auto& split_ids = static_cast<const arrow::UInt64Array&>(*batch->column(1));
  std::vector<uint64_t> expected = AllRowIds(*Permutation::Make(base, table, 0).ValueOrDie());
  for (const uint64_t id : AllRowIds(*Permutation::Make(base, table, 1).ValueOrDie()))
    expected.push_back(id);
  ASSERT_EQ(row_ids.length(), 9);
  for (int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(row_ids.Value(i), expected[static_cast<size_t>(i)]);
    EXPECT_EQ(split_ids.Value(i), i < 6 ? 0u : 1u);
  }
  const auto& metadata = *table->schema()->metadata();
  EXPECT_EQ(metadata.Get("split_names").ValueOrDie(), "[\"train\", \"te\\\"st\"]");
  EXPECT_EQ(metadata.Get("base_version").ValueOrDie(), "7");
  EXPECT_EQ(metadata.Get("croupier.order_id").ValueOrDie(), table->order_id());
}

TEST(PermutationTableTest, ItIsPinnedToTheBranchOfTheBaseTable) {
  const auto base = std::make_shared<MinimalTable>(10, 7, "try/one");
  const auto table = Build(base, [](auto* b) { ASSERT_TRUE(b->Shuffle(1).ok()); });
  EXPECT_EQ(table->base_branch(), "try/one");
  EXPECT_EQ(table->schema()->metadata()->Get("base_branch").ValueOrDie(), "try/one");
  EXPECT_TRUE(Permutation::Make(base, table).ok());
  const auto main = std::make_shared<MinimalTable>(10, 7);
  const auto status = Permutation::Make(main, table).status();
  EXPECT_TRUE(status.IsInvalid()) << status;
  EXPECT_NE(status.message().find("'try/one'"), std::string::npos) << status;
  EXPECT_TRUE(table->AsTable(main).status().IsInvalid());
  const auto of_main = Build(main, [](auto*) {});
  EXPECT_FALSE(of_main->schema()->metadata()->Contains("base_branch"));
}

TEST(PermutationTableTest, SplitsAreFoundByName) {
  const auto base = std::make_shared<MinimalTable>(10);
  const auto table =
      Build(base, [](auto* b) { ASSERT_TRUE(b->SplitSequential({.fixed = 2}, {"a", "b"}).ok()); });
  EXPECT_EQ(table->SplitByName("b").ValueOrDie(), 1);
  const auto status = table->SplitByName("c").status();
  EXPECT_TRUE(status.IsKeyError());
  EXPECT_EQ(status.message(), "No split named `c` found; the splits are: a, b");
}

TEST(PermutationTableTest, NamesThatDoNotFitAreRefused) {
  const auto base = std::make_shared<MinimalTable>(10);
  for (const auto& names : {std::vector<std::string>{"a"}, std::vector<std::string>{"a", "a"}}) {
    PermutationBuilder builder(base);
    ASSERT_TRUE(builder.SplitSequential({.fixed = 2}, names).ok());
    EXPECT_TRUE(builder.Execute().status().IsInvalid());
  }
}

TEST(PermutationBuilderTest, IsConsumedByExecute) {
  PermutationBuilder builder(std::make_shared<MinimalTable>(10));
  ASSERT_TRUE(builder.Execute().ok());
  EXPECT_EQ(builder.Execute().status().message(), "Builder already consumed");
  EXPECT_EQ(builder.Shuffle(1).message(), "Builder already consumed");
  EXPECT_EQ(builder.SplitSequential({.fixed = 2}).message(), "Builder already consumed");
}

}  // namespace
}  // namespace croupier
