#include <algorithm>
#include <numeric>
#include <set>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/permutation.h"
#include "croupier/permutation/position_shuffle.h"
#include "croupier/permutation/test_tables.h"

// Permutations that are made of others: slices, shards, repeats, joins and sorts.

namespace croupier {
namespace {

using permutation::AllRowIds;
using permutation::Build;
using permutation::HugeTable;
using permutation::MinimalTable;
using permutation::NumberedRows;
using permutation::RowsFromJson;

using Ids = std::vector<uint64_t>;
using PermutationPtr = std::shared_ptr<const Permutation>;

PermutationPtr Shuffled(int64_t num_rows, uint64_t seed = 3) {
  const auto base = std::make_shared<MinimalTable>(num_rows);
  const auto table = Build(base, [&](auto* b) { ASSERT_TRUE(b->Shuffle(seed).ok()); });
  return Permutation::Make(base, table).ValueOrDie();
}

Ids Stepped(const Ids& ids, int64_t begin, int64_t step, int64_t count) {
  Ids stepped;
  for (int64_t i = 0; i < count; ++i) stepped.push_back(ids[static_cast<size_t>(begin + i * step)]);
  return stepped;
}

TEST(DerivedPermutationTest, ASliceHasThosePositionsInThatOrder) {
  const auto whole = Shuffled(100);
  const Ids ids = AllRowIds(*whole);
  for (const auto& [begin, step, count] : std::vector<std::array<int64_t, 3>>{{0, 1, 100},
                                                                              {10, 1, 5},
                                                                              {99, -1, 100},
                                                                              {98, -3, 33},
                                                                              {5, 0, 4},
                                                                              {7, 50, 2},
                                                                              {99, 7, 1}}) {
    const auto slice = whole->Slice(begin, step, count);
    ASSERT_TRUE(slice.ok()) << slice.status();
    EXPECT_EQ(AllRowIds(**slice), Stepped(ids, begin, step, count));
  }
  for (const auto& [begin, step, count] : std::vector<std::array<int64_t, 3>>{{0, 1, 101},
                                                                              {-1, 1, 1},
                                                                              {100, 1, 1},
                                                                              {0, -1, 2},
                                                                              {0, 1, -1},
                                                                              {1, INT64_MAX, 3},
                                                                              {1, INT64_MIN, 2},
                                                                              {0, 1, INT64_MAX}}) {
    EXPECT_TRUE(whole->Slice(begin, step, count).status().IsInvalid()) << begin << ' ' << step;
  }
  EXPECT_EQ((*whole->Slice(1000, 5, 0))->num_rows(), 0);
}

TEST(DerivedPermutationTest, ASliceOfASliceIsASlice) {
  const auto whole = Shuffled(100);
  const auto slice = whole->Slice(90, -2, 40).ValueOrDie()->Slice(39, -3, 10).ValueOrDie();
  EXPECT_EQ(AllRowIds(*slice), Stepped(Stepped(AllRowIds(*whole), 90, -2, 40), 39, -3, 10));
}

TEST(DerivedPermutationTest, TheSameRowsAreReadWithOtherColumns) {
  const auto whole = Shuffled(100);
  const std::string column = whole->base()->schema()->field(0)->name();
  auto expression = Expression::Parse(column + " + 1").ValueOrDie();
  const auto wider = WithComputedColumns(whole->base(), {{"more", std::move(expression)}});
  const auto other = whole->Slice(99, -1, 100).ValueOrDie()->WithBase(*wider).ValueOrDie();
  EXPECT_EQ(AllRowIds(*other), Stepped(AllRowIds(*whole), 99, -1, 100));
  const auto rows = other->TakeRange(0, 100, {"more", column}).ValueOrDie();
  const auto more = rows->column(0)->GetScalar(5).ValueOrDie();
  EXPECT_NE(more->ToString(), rows->column(1)->GetScalar(5).ValueOrDie()->ToString());
  EXPECT_TRUE(whole->WithBase(std::make_shared<MinimalTable>(100, 8)).status().IsInvalid());
  EXPECT_TRUE(whole->WithBase(std::make_shared<MinimalTable>(99)).status().IsInvalid());
  EXPECT_TRUE(whole->WithBase(std::make_shared<MinimalTable>(100, 7, "b")).status().IsInvalid());
}

TEST(DerivedPermutationTest, ShardsDealEveryRowOnce) {
  for (const int64_t num_rows : {0, 1, 5, 99, 100}) {
    const auto whole = Shuffled(num_rows);
    const Ids ids = AllRowIds(*whole);
    for (const int64_t num_shards : {1, 2, 3, 7, 100, 1000}) {
      for (const auto remainder : {Remainder::kDrop, Remainder::kSpread, Remainder::kRepeat}) {
        std::multiset<uint64_t> dealt;
        std::set<int64_t> sizes;
        for (int64_t index = 0; index < num_shards; ++index) {
          const auto shard = whole->Shard({num_shards, index, remainder}).ValueOrDie();
          const Ids rows = AllRowIds(*shard);
          for (size_t i = 0; i < rows.size(); ++i) {
            const auto position = i * static_cast<size_t>(num_shards) + static_cast<size_t>(index);
            EXPECT_EQ(rows[i], ids[position % ids.size()]);
          }
          dealt.insert(rows.begin(), rows.end());
          sizes.insert(shard->num_rows());
        }
        const std::set<uint64_t> distinct(dealt.begin(), dealt.end());
        if (remainder == Remainder::kSpread) {
          EXPECT_EQ(std::ssize(dealt), num_rows);
          EXPECT_LE(*sizes.rbegin() - *sizes.begin(), 1);
        } else {
          EXPECT_EQ(sizes.size(), 1u);
        }
        const int64_t num_dropped = remainder == Remainder::kDrop ? num_rows % num_shards : 0;
        EXPECT_EQ(std::ssize(distinct), num_rows - num_dropped);
      }
    }
  }
  EXPECT_TRUE(Shuffled(10)->Shard({3, 3}).status().IsInvalid());
  EXPECT_TRUE(Shuffled(10)->Shard({3, -1}).status().IsInvalid());
  EXPECT_TRUE(Shuffled(10)->Shard({0, 0}).status().IsInvalid());
}

TEST(DerivedPermutationTest, AShardOfASplitIsThatOfItsPermutation) {
  const auto base = std::make_shared<MinimalTable>(101);
  const auto build = [&](std::optional<ShardSpec> shard) {
    return Build(base, [&](auto* b) {
      ASSERT_TRUE(b->SplitRandom({.fixed = 2, .remainder = Remainder::kSpread}, 1).ok());
      ASSERT_TRUE(b->Shuffle(2, 5, 3).ok());
      if (shard.has_value()) {
        ASSERT_TRUE(b->Shard(*shard).ok());
      }
    });
  };
  for (const auto remainder : {Remainder::kDrop, Remainder::kSpread, Remainder::kRepeat}) {
    const ShardSpec shard{4, 1, remainder};
    for (int64_t split = 0; split < 2; ++split) {
      const auto whole = Permutation::Make(base, build(std::nullopt), split).ValueOrDie();
      EXPECT_EQ(AllRowIds(*Permutation::Make(base, build(shard), split).ValueOrDie()),
                AllRowIds(*whole->Shard(shard).ValueOrDie()));
    }
  }
}

TEST(DerivedPermutationTest, RepeatsComeOneAfterTheOther) {
  const auto whole = Shuffled(10);
  Ids ids = AllRowIds(*whole);
  const Ids once = ids;
  ids.insert(ids.end(), once.begin(), once.end());
  EXPECT_EQ(AllRowIds(*whole->Repeat(2).ValueOrDie()), ids);
  EXPECT_EQ(whole->Repeat(0).ValueOrDie()->num_rows(), 0);
  EXPECT_EQ(Shuffled(0)->Repeat(5).ValueOrDie()->num_rows(), 0);
  EXPECT_TRUE(whole->Repeat(-1).status().IsInvalid());
  EXPECT_TRUE(whole->Repeat(INT64_MAX / 2).status().IsInvalid());
}

TEST(DerivedPermutationTest, ATrillionRowsAreSlicedShardedAndJoinedWithoutLists) {
  const auto base = std::make_shared<HugeTable>(1000000000000);
  const auto table = Build(base, [](auto* b) {
    ASSERT_TRUE(b->SplitSequential({.fixed = 2}).ok());
    ASSERT_TRUE(b->Shuffle(2, 1000, 100).ok());
  });
  const auto first = Permutation::Make(base, table, 0).ValueOrDie();
  const auto second = Permutation::Make(base, table, 1).ValueOrDie();
  const auto joined = Permutation::Join({first, second}, ShuffleSpec{5}).ValueOrDie();
  EXPECT_EQ(joined->num_rows(), 1000000000000);
  const auto shard = joined->Shard({1000, 999}).ValueOrDie();
  const std::vector<int64_t> positions = {0, 1, shard->num_rows() - 1};
  const Ids ids = shard->RowIds(positions).ValueOrDie();
  EXPECT_EQ(std::set<uint64_t>(ids.begin(), ids.end()).size(), 3u);
}

TEST(DerivedPermutationTest, JoinedPermutationsFollowEachOther) {
  const auto base = std::make_shared<MinimalTable>(100);
  const auto table = Build(base, [](auto* b) {
    ASSERT_TRUE(b->SplitRandom({.counts = std::vector<int64_t>{50, 10, 40}}, 1).ok());
  });
  std::vector<PermutationPtr> parts;
  Ids expected;
  for (const int64_t split : {2, 0, 2}) {
    parts.push_back(
        Permutation::Make(parts.empty() ? base : parts[0]->base(), table, split).ValueOrDie());
    for (const uint64_t id : AllRowIds(*parts.back())) expected.push_back(id);
  }
  parts.insert(parts.begin() + 1, parts[0]->Slice(0, 1, 0).ValueOrDie());
  const auto joined = Permutation::Join(parts).ValueOrDie();
  EXPECT_EQ(AllRowIds(*joined), expected);
  // In another order of asking.
  const std::vector<int64_t> positions = {129, 0, 40, 39, 89, 90};
  EXPECT_EQ(
      joined->RowIds(positions).ValueOrDie(),
      (Ids{expected[129], expected[0], expected[40], expected[39], expected[89], expected[90]}));
  EXPECT_EQ(joined->Take(positions, {"x"}).ValueOrDie()->num_rows(), 6);
}

TEST(DerivedPermutationTest, AJoinCanBeInOneOrderOverAll) {
  const auto whole = Shuffled(60);
  const std::vector<PermutationPtr> parts = {whole->Slice(0, 1, 35).ValueOrDie(),
                                             whole->Slice(35, 1, 25).ValueOrDie()};
  for (const ShuffleSpec spec : {ShuffleSpec{4}, ShuffleSpec{4, 7, 2}}) {
    const Ids ids = AllRowIds(*whole);
    Ids positions(60);
    std::iota(positions.begin(), positions.end(), uint64_t{0});
    permutation::PositionShuffle(60, spec, "join", 0).MapAll(positions);
    Ids expected;
    expected.reserve(positions.size());
    for (const uint64_t position : positions) expected.push_back(ids[position]);
    EXPECT_EQ(AllRowIds(*Permutation::Join(parts, spec).ValueOrDie()), expected);
  }
}

TEST(DerivedPermutationTest, ListedAndComputedPermutationsAreJoined) {
  const std::shared_ptr<const TableSource> base = std::make_shared<MinimalTable>(NumberedRows(10));
  const auto kept =
      MakeMemoryTable("kept",
                      RowsFromJson(arrow::schema({arrow::field("row_id", arrow::uint64()),
                                                  arrow::field("split_id", arrow::uint64())}),
                                   R"([{"row_id": 8, "split_id": 0},
                                                 {"row_id": 5, "split_id": 0}])"))
          .ValueOrDie();
  const auto listed =
      Permutation::Make(base, PermutationTable::Read(*kept, *base).ValueOrDie()).ValueOrDie();
  const auto computed = Permutation::Make(base).ValueOrDie()->Slice(3, 1, 2).ValueOrDie();
  EXPECT_EQ(AllRowIds(*Permutation::Join({listed, computed}).ValueOrDie()),
            (std::vector<uint64_t>{8, 5, 14, 17}));
  const auto joined = Permutation::Join({computed, listed}).ValueOrDie();
  EXPECT_EQ(AllRowIds(*joined), (std::vector<uint64_t>{14, 17, 8, 5}));
  EXPECT_EQ(AllRowIds(*Permutation::Join({joined, computed}).ValueOrDie()),
            (std::vector<uint64_t>{14, 17, 8, 5, 14, 17}));
}

TEST(DerivedPermutationTest, JoinsThatMakeNoSenseAreRefused) {
  EXPECT_TRUE(Permutation::Join({}).status().IsInvalid());
  EXPECT_TRUE(Permutation::Join({Shuffled(5), Shuffled(5)}).status().IsInvalid());
  const auto one = Shuffled(5);
  EXPECT_TRUE(Permutation::Join({one}, ShuffleSpec{1, 0, 1}).status().IsInvalid());
  EXPECT_TRUE(Permutation::Join({one}, ShuffleSpec{1, 1, 0}).status().IsInvalid());
  const auto huge = Permutation::Make(std::make_shared<HugeTable>(INT64_MAX)).ValueOrDie();
  EXPECT_TRUE(Permutation::Join({huge, huge}).status().IsInvalid());
}

std::vector<int64_t> IntsOf(const Permutation& permutation, const std::string& column) {
  const auto batch = permutation.TakeRange(0, permutation.num_rows(), {column}).ValueOrDie();
  const auto& values = static_cast<const arrow::Int32Array&>(*batch->column(0));
  std::vector<int64_t> ints;
  ints.reserve(static_cast<size_t>(values.length()));
  for (int64_t i = 0; i < values.length(); ++i) {
    ints.push_back(values.IsNull(i) ? INT64_MAX : values.Value(i));
  }
  return ints;
}

TEST(DerivedPermutationTest, SortingKeepsTheOrderOfEqualValuesAndPutsNullsLast) {
  const auto schema =
      arrow::schema({arrow::field("k", arrow::int32()), arrow::field("id", arrow::int32())});
  const auto base = MakeMemoryTable("t", permutation::RowsFromJson(schema, R"([
      {"k": 2, "id": 0}, {"k": null, "id": 1}, {"k": 1, "id": 2}, {"k": 2, "id": 3},
      {"k": 1, "id": 4}, {"k": null, "id": 5}])"))
                        .ValueOrDie();
  const auto all = Permutation::Make(base).ValueOrDie();
  EXPECT_EQ(IntsOf(*all->SortBy("k").ValueOrDie(), "id"), (std::vector<int64_t>{2, 4, 0, 3, 1, 5}));
  EXPECT_EQ(IntsOf(*all->SortBy("k", true).ValueOrDie(), "id"),
            (std::vector<int64_t>{0, 3, 2, 4, 1, 5}));
  const auto backwards = all->Slice(5, -1, 6).ValueOrDie();
  EXPECT_EQ(IntsOf(*backwards->SortBy("k").ValueOrDie(), "id"),
            (std::vector<int64_t>{4, 2, 3, 0, 5, 1}));
  EXPECT_EQ(all->Slice(0, 1, 0).ValueOrDie()->SortBy("k").ValueOrDie()->num_rows(), 0);
  EXPECT_TRUE(all->SortBy("no").status().IsKeyError());
}

TEST(DerivedPermutationTest, SortingWorksOnTextsDictionariesAndRowIds) {
  const auto rows = NumberedRows(1000);
  const auto base = std::make_shared<MinimalTable>(rows);
  const auto all = Permutation::Make(base).ValueOrDie();
  const Ids by_group = AllRowIds(*all->SortBy("group").ValueOrDie());
  for (size_t i = 1; i < by_group.size(); ++i) {
    const auto key = [&](size_t k) { return std::pair((by_group[k] - 5) / 3 % 7, by_group[k]); };
    EXPECT_LT(key(i - 1), key(i));
  }
  Ids descending = AllRowIds(*all);
  std::reverse(descending.begin(), descending.end());
  EXPECT_EQ(AllRowIds(*all->SortBy("_rowid", true).ValueOrDie()), descending);
}

TEST(DerivedPermutationTest, AColumnThatHasNoOrderIsNamed) {
  const auto schema = arrow::schema({arrow::field("l", arrow::list(arrow::int32()))});
  const auto base =
      MakeMemoryTable("t", permutation::RowsFromJson(schema, R"([{"l": [1]}])")).ValueOrDie();
  const auto status = Permutation::Make(base).ValueOrDie()->SortBy("l").status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("'l'"), std::string::npos) << status;
}

}  // namespace
}  // namespace croupier
