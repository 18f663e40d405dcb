#include "croupier/permutation/split_rule.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/cancel.h"
#include "croupier/expression.h"
#include "croupier/permutation.h"
#include "croupier/permutation/test_tables.h"
#include "croupier/table_edit.h"
#include "croupier/table_writer.h"
#include "croupier/testing/golden.h"

namespace croupier::permutation {
namespace {

using Splits = std::vector<std::vector<uint64_t>>;

constexpr int64_t kUnit = SplitRule::kRatioUnit;

SplitRule Hash(std::vector<std::string> columns, std::vector<int64_t> weights,
               int64_t discard_weight = 0) {
  return {.kind = SplitRule::Kind::kHash,
          .columns = std::move(columns),
          .weights = std::move(weights),
          .discard_weight = discard_weight};
}

SplitRule Calculated(std::string expression) {
  return {.kind = SplitRule::Kind::kCalculated, .expression = std::move(expression)};
}

SplitRule ByRatios(SplitRule::Kind kind, std::vector<std::string> columns,
                   std::vector<int64_t> ratios, uint64_t seed = 1) {
  return {.kind = kind, .columns = std::move(columns), .ratios = std::move(ratios), .seed = seed};
}

SplitRule Grouped(std::vector<std::string> columns, std::vector<int64_t> ratios,
                  uint64_t seed = 1) {
  return ByRatios(SplitRule::Kind::kGrouped, std::move(columns), std::move(ratios), seed);
}

SplitRule Stratified(std::vector<std::string> columns, std::vector<int64_t> ratios,
                     uint64_t seed = 1) {
  return ByRatios(SplitRule::Kind::kStratified, std::move(columns), std::move(ratios), seed);
}

std::shared_ptr<const TableSource> InMemory(const std::shared_ptr<arrow::Table>& rows) {
  return MakeMemoryTable("rows", rows).ValueOrDie();
}

// Those that InFiles does not delete.
std::shared_ptr<arrow::Table> LiveRows(const std::shared_ptr<arrow::Table>& rows) {
  ScanOptions options;
  options.columns = rows->schema()->field_names();
  options.filter = Expression::Parse("id % 13 <> 12").ValueOrDie();
  return InMemory(rows)->Scan(options).ValueOrDie()->ToTable().ValueOrDie();
}

// A Lance table of several fragments, of which every 13th row is deleted.
std::shared_ptr<const TableSource> InFiles(const std::shared_ptr<arrow::Table>& rows,
                                           bool stable_row_ids) {
  const std::string path = testing::MakeTemporaryDirectory() + "/t.lance";
  CreateOptions options;
  options.max_rows_per_file = 90;
  options.stable_row_ids = stable_row_ids;
  EXPECT_TRUE(
      TableWriter::Create(path, std::make_shared<arrow::TableBatchReader>(rows), options).ok());
  const auto writer = TableWriter::Open(path).ValueOrDie();
  EXPECT_TRUE(DeleteRows(writer.get(), Expression::Parse("id % 13 = 12").ValueOrDie()).ok());
  return OpenLanceTable(path).ValueOrDie();
}

Splits SplitsOf(const std::shared_ptr<const TableSource>& base, const SplitRule& rule,
                const std::string& filter = {}) {
  return MappedSplits(*Build(base, [&](auto* builder) {
    ASSERT_TRUE(builder->SplitBy(rule).ok());
    if (!filter.empty()) {
      ASSERT_TRUE(builder->Filter(filter).ok());
    }
  }));
}

std::set<uint64_t> UnionOf(const Splits& splits) {
  std::set<uint64_t> rows;
  for (const auto& split : splits) {
    for (const uint64_t row : split) EXPECT_TRUE(rows.insert(row).second) << row;
  }
  return rows;
}

const std::vector<SplitRule>& AllRules() {
  static const std::vector<SplitRule> rules = {
      Hash({"group"}, {3, 1}),
      Hash({"id", "half"}, {1, 1, 1}, 1),
      Calculated("id % 3"),
      Calculated("case when id % 5 = 0 then null else id % 2 end"),
      Grouped({"group"}, {kUnit / 2, kUnit / 2}),
      Stratified({"group"}, {kUnit / 4 * 3, kUnit / 4}),
  };
  return rules;
}

TEST(SplitRuleTest, EveryTableGivesTheSameRowsInTheSameOrder) {
  const auto rows = NumberedRows(1000);
  const auto live = LiveRows(rows);
  const std::vector<std::shared_ptr<const TableSource>> others = {
      std::make_shared<MinimalTable>(live), InFiles(rows, false), InFiles(rows, true)};
  for (const SplitRule& rule : AllRules()) {
    for (const std::string filter : {"", "id % 4 <> 1"}) {
      const Splits expected = SplitsOf(InMemory(live), rule, filter);
      for (const auto& other : others) EXPECT_EQ(SplitsOf(other, rule, filter), expected);
      for (const auto& split : expected) EXPECT_TRUE(std::is_sorted(split.begin(), split.end()));
    }
  }
}

TEST(SplitRuleTest, SplitsAreDisjointAndCoverWhatIsNotLeftOut) {
  const auto base = InMemory(NumberedRows(1000));
  for (const SplitRule& rule : AllRules()) {
    const bool leaves_out = rule.discard_weight > 0 || rule.expression.starts_with("case");
    const auto rows = UnionOf(SplitsOf(base, rule));
    EXPECT_EQ(rows.size() == 1000, !leaves_out);
    EXPECT_LT(*rows.rbegin(), 1000u);
  }
}

TEST(SplitRuleTest, SplitsAreShuffledFilteredAndShardedLikeOthers) {
  const auto base = InMemory(NumberedRows(1000));
  const auto plain =
      Build(base, [](auto* b) { ASSERT_TRUE(b->SplitBy(Hash({"id"}, {1, 1})).ok()); });
  const auto shuffled = Build(base, [](auto* b) {
    ASSERT_TRUE(b->SplitBy(Hash({"id"}, {1, 1})).ok());
    ASSERT_TRUE(b->Shuffle(5).ok());
  });
  for (int64_t split = 0; split < 2; ++split) {
    auto rows = MappedRows(*shuffled, split);
    EXPECT_FALSE(std::is_sorted(rows.begin(), rows.end()));
    std::sort(rows.begin(), rows.end());
    EXPECT_EQ(rows, MappedRows(*plain, split));
  }
  std::set<uint64_t> all;
  for (int64_t index = 0; index < 3; ++index) {
    const auto shard = Build(base, [&](auto* b) {
      ASSERT_TRUE(b->SplitBy(Hash({"id"}, {1, 1})).ok());
      ASSERT_TRUE(b->Shard({3, index, Remainder::kSpread}).ok());
    });
    for (const uint64_t row : UnionOf(MappedSplits(*shard))) EXPECT_TRUE(all.insert(row).second);
  }
  EXPECT_EQ(all.size(), 1000u);
}

TEST(SplitRuleTest, AFilterThatKeepsNothingGivesEmptySplits) {
  for (const auto& base :
       {InMemory(NumberedRows(100)),
        std::shared_ptr<const TableSource>(std::make_shared<MinimalTable>(NumberedRows(100)))}) {
    for (const SplitRule& rule : AllRules()) {
      const Splits splits = SplitsOf(base, rule, "id < 0");
      const size_t num_splits = rule.kind == SplitRule::Kind::kCalculated ? 1
                                : rule.kind == SplitRule::Kind::kHash     ? rule.weights.size()
                                                                          : rule.ratios.size();
      EXPECT_EQ(splits, Splits(num_splits));
    }
    const auto table = Build(base, [](auto* b) { ASSERT_TRUE(b->Filter("id < 0").ok()); });
    EXPECT_EQ(table->num_rows(), 0);
    EXPECT_EQ(Permutation::Make(base, table).ValueOrDie()->num_rows(), 0);
  }
}

TEST(SplitRuleTest, HashSplitsFollowTheirWeights) {
  const Splits splits = SplitsOf(InMemory(NumberedRows(40000)), Hash({"id"}, {2, 1}, 1));
  EXPECT_NEAR(static_cast<double>(splits[0].size()), 20000, 500);
  EXPECT_NEAR(static_cast<double>(splits[1].size()), 10000, 500);
}

TEST(SplitRuleTest, RowsStayWhereTheyAreWhenOthersAreAppended) {
  for (const SplitRule& rule :
       {Hash({"id"}, {3, 1}), Grouped({"group", "half"}, {kUnit / 2, kUnit / 2})}) {
    const Splits before = SplitsOf(InMemory(NumberedRows(500)), rule);
    const Splits after = SplitsOf(InMemory(NumberedRows(800)), rule);
    for (size_t i = 0; i < before.size(); ++i) {
      const std::vector<uint64_t> same(after[i].begin(),
                                       std::lower_bound(after[i].begin(), after[i].end(), 500));
      EXPECT_EQ(same, before[i]);
    }
  }
}

TEST(SplitRuleTest, NoGroupIsInTwoSplitsNullsAreOne) {
  std::set<Splits> by_seed;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Splits splits =
        SplitsOf(InMemory(NumberedRows(700)), Grouped({"group"}, {kUnit / 2, kUnit / 2}, seed));
    std::map<uint64_t, size_t> split_of_group;
    for (size_t i = 0; i < splits.size(); ++i) {
      for (const uint64_t row : splits[i]) {
        EXPECT_EQ(split_of_group.emplace(row % 7, i).first->second, i);
      }
    }
    by_seed.insert(splits);
  }
  EXPECT_GT(by_seed.size(), 1u);
}

TEST(SplitRuleTest, EveryStratumHasTheRatiosToTheNextRow) {
  const std::vector<int64_t> ratios = {kUnit / 10 * 7, kUnit / 10, kUnit - kUnit / 10 * 8};
  const Splits splits = SplitsOf(InMemory(NumberedRows(1000)), Stratified({"group"}, ratios));
  EXPECT_EQ(UnionOf(splits).size(), 1000u);
  for (uint64_t group = 0; group < 7; ++group) {
    const double num_rows = group < 6 ? 143 : 142;
    for (size_t i = 0; i < splits.size(); ++i) {
      const auto count = std::count_if(splits[i].begin(), splits[i].end(),
                                       [&](uint64_t row) { return row % 7 == group; });
      const double expected =
          num_rows * static_cast<double>(ratios[i]) / static_cast<double>(kUnit);
      EXPECT_LE(std::abs(static_cast<double>(count) - expected), 1.0) << group << ' ' << i;
    }
  }
}

TEST(SplitRuleTest, StrataOfOneRowFollowTheRatiosToo) {
  const Splits splits =
      SplitsOf(InMemory(NumberedRows(10000)), Stratified({"id"}, {kUnit / 4 * 3, kUnit / 4}));
  EXPECT_NEAR(static_cast<double>(splits[0].size()), 7500, 250);
  EXPECT_EQ(UnionOf(splits).size(), 10000u);
}

TEST(SplitRuleTest, StratifiedSplitsNeedMemoryForStrataNotForTheOrderOfTheirRows) {
  // Strata in turn, more than are remembered whole.
  const auto base = InMemory(NumberedRows(3000));
  const auto by_expression = SplitsOf(base, Stratified({"half"}, {kUnit / 2, kUnit / 2}));
  EXPECT_EQ(UnionOf(by_expression).size(), 3000u);
}

TEST(SplitRuleTest, SeedsDifferAndRatiosBelowOneLeaveRowsOut) {
  const auto base = InMemory(NumberedRows(1000));
  const Splits one = SplitsOf(base, Stratified({"group"}, {kUnit / 4}, 1));
  EXPECT_NE(one, SplitsOf(base, Stratified({"group"}, {kUnit / 4}, 2)));
  EXPECT_NEAR(static_cast<double>(one[0].size()), 250, 7);
  EXPECT_EQ(SplitsOf(base, Grouped({"id"}, {0, kUnit}))[0].size(), 0u);
}

TEST(SplitRuleTest, CalculatedSplitsTakeNumbersOfAnyIntegerType) {
  const auto base = InMemory(NumberedRows(10));
  EXPECT_EQ(SplitsOf(base, Calculated("id > 7")), (Splits{{0, 1, 2, 3, 4, 5, 6, 7}, {8, 9}}));
  EXPECT_EQ(SplitsOf(base, Calculated("cast(id % 2 as tinyint)")),
            (Splits{{0, 2, 4, 6, 8}, {1, 3, 5, 7, 9}}));
  EXPECT_EQ(SplitsOf(base, Calculated("1")).size(), 2u);
  EXPECT_EQ(SplitsOf(base, Calculated("1"))[1].size(), 10u);
}

TEST(SplitRuleTest, CalculatedSplitsMayNameColumnsOfTheSystem) {
  const auto rows = NumberedRows(10);
  const Splits expected = {{0, 3, 6, 9}, {1, 4, 7}, {2, 5, 8}};
  EXPECT_EQ(SplitsOf(InMemory(rows), Calculated("_rowid % 3")), expected);
  EXPECT_EQ(SplitsOf(InMemory(rows), Calculated("_rowoffset % 3")), expected);
  EXPECT_EQ(SplitsOf(std::make_shared<MinimalTable>(rows), Calculated("_rowid % 2")),
            (Splits{{1, 3, 5, 7, 9}, {0, 2, 4, 6, 8}}));
}

TEST(SplitRuleTest, NullNumbersLeaveRowsOutOthersThatAreNoneAreErrors) {
  const auto base = InMemory(NumberedRows(10));
  EXPECT_EQ(SplitsOf(base, Calculated("case when id < 4 then 0 end")), (Splits{{0, 1, 2, 3}}));
  for (const char* expression : {"id - 1", "id + 16777210", "id + 9223372036854775800"}) {
    PermutationBuilder builder(base);
    ASSERT_TRUE(builder.SplitBy(Calculated(expression)).ok());
    const auto status = builder.Execute().status();
    EXPECT_TRUE(status.IsInvalid()) << expression << ": " << status;
  }
  const auto status = PermutationBuilder(base).SplitBy(Calculated("half"));
  EXPECT_TRUE(status.IsTypeError()) << status;
  EXPECT_TRUE(PermutationBuilder(base).SplitBy(Calculated("nothing")).IsKeyError());
}

TEST(SplitRuleTest, TheLargestNumberOfASplitTakesLittleMemory) {
  const auto table = Build(InMemory(NumberedRows(1)), [](auto* b) {
    ASSERT_TRUE(b->SplitBy(Calculated("id + 16777215")).ok());
  });
  EXPECT_EQ(table->num_splits(), OrderSpec::kMaxSplits);
  EXPECT_EQ(table->split_num_rows(OrderSpec::kMaxSplits - 1), 1);
}

TEST(SplitRuleTest, NamesMayBeMoreThanCalculatedSplitsAndOfNoOthers) {
  const auto base = InMemory(NumberedRows(10));
  const std::vector<std::string> names = {"a", "b", "c"};
  PermutationBuilder calculated(base);
  ASSERT_TRUE(calculated.SplitBy(Calculated("id % 2"), names).ok());
  EXPECT_EQ(calculated.Execute().ValueOrDie()->split_num_rows(2), 0);
  PermutationBuilder hash(base);
  ASSERT_TRUE(hash.SplitBy(Hash({"id"}, {1, 1}), names).ok());
  EXPECT_TRUE(hash.Execute().status().IsInvalid());
}

TEST(SplitRuleTest, RulesThatContradictThemselvesAreRefused) {
  const auto base = InMemory(NumberedRows(10));
  for (const SplitRule& rule :
       {Hash({}, {1}), Hash({"id", "id"}, {1}), Hash({"id"}, {}), Hash({"id"}, {1, 0}),
        Hash({"id"}, {-1}), Hash({"id"}, {1}, -1), Hash({"id"}, {INT64_MAX, 1}),
        Hash({"id"}, {INT64_MAX}, 1), Grouped({"id"}, {kUnit, 1}), Grouped({"id"}, {-1}),
        Stratified({"id"}, {}), Stratified({}, {kUnit}), Calculated("id +")}) {
    EXPECT_TRUE(PermutationBuilder(base).SplitBy(rule).IsInvalid());
  }
  EXPECT_TRUE(PermutationBuilder(base).SplitBy(Hash({"no"}, {1})).IsKeyError());
}

TEST(SplitRuleTest, AnyColumnCanBeHashedThoseOfTheRowsNumbersToo) {
  for (const auto& base :
       {InMemory(NumberedRows(50)),
        std::shared_ptr<const TableSource>(std::make_shared<MinimalTable>(NumberedRows(50)))}) {
    EXPECT_EQ(UnionOf(SplitsOf(base, Hash({"_rowid"}, {1, 1}))).size(), 50u);
    EXPECT_EQ(UnionOf(SplitsOf(base, Hash({"id", "_rowid"}, {1, 1}))).size(), 50u);
  }
}

// A table that gives fewer rows, more rows, or rows of other values when it is read again.
class ChangingTable : public MinimalTable {
 public:
  ChangingTable(const std::shared_ptr<arrow::Table>& rows, std::shared_ptr<arrow::Table> then)
      : MinimalTable(rows), then_(std::make_shared<MinimalTable>(std::move(then))) {}
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override {
    // The first reading scans keys, then row ids.
    return num_asked_++ < 2 ? MinimalTable::Scan(options) : then_->Scan(options);
  }

 private:
  const std::shared_ptr<MinimalTable> then_;
  mutable int num_asked_ = 0;
};

TEST(SplitRuleTest, ATableThatChangesWhileItIsReadIsAnError) {
  const auto rows = NumberedRows(100);
  for (const auto& then : {NumberedRows(90), NumberedRows(101), NumberedRows(0)}) {
    PermutationBuilder builder(std::make_shared<ChangingTable>(rows, then));
    ASSERT_TRUE(builder.SplitBy(Stratified({"group"}, {kUnit / 2, kUnit / 2})).ok());
    const auto status = builder.Execute().status();
    EXPECT_TRUE(status.IsInvalid()) << status;
  }
  // As many rows, of other groups.
  const auto shifted = NumberedRows(101)->Slice(1);
  PermutationBuilder builder(std::make_shared<ChangingTable>(rows, shifted));
  ASSERT_TRUE(builder.SplitBy(Stratified({"id"}, {kUnit / 2, kUnit / 2})).ok());
  EXPECT_TRUE(builder.Execute().status().IsInvalid());
}

// A table whose scan leaves a row out, or gives one twice.
class LyingTable : public MinimalTable {
 public:
  LyingTable(int64_t num_rows, int64_t num_scanned)
      : MinimalTable(num_scanned), num_rows_(num_rows) {}
  arrow::Result<int64_t> CountRows() const override { return num_rows_; }

 private:
  const int64_t num_rows_;
};

TEST(SelectedRowsTest, ATableThatDoesNotGiveTheRowsThatItCountsIsAnError) {
  for (const int64_t num_scanned : {9, 11}) {
    PermutationBuilder builder(std::make_shared<LyingTable>(10, num_scanned));
    ASSERT_TRUE(builder.Filter("x > 10").ok());
    EXPECT_TRUE(builder.Execute().status().IsInvalid());
    PermutationBuilder hashed(std::make_shared<LyingTable>(10, num_scanned));
    ASSERT_TRUE(hashed.SplitBy(Hash({"x"}, {1})).ok());
    EXPECT_TRUE(hashed.Execute().status().IsInvalid());
  }
}

TEST(SelectedRowsTest, AFilterIsTheSameOnEveryTable) {
  const auto rows = NumberedRows(1000);
  const auto build = [&](const std::shared_ptr<const TableSource>& base) {
    return MappedSplits(*Build(base, [](auto* b) {
      ASSERT_TRUE(b->Filter("\"group\" = 'group 3' or half > 400.0").ok());
      ASSERT_TRUE(b->SplitRandom({.fixed = 3}, 4).ok());
      ASSERT_TRUE(b->Shuffle(5, 10, 2).ok());
    }));
  };
  const auto live = LiveRows(rows);
  const Splits expected = build(InMemory(live));
  EXPECT_EQ(build(std::make_shared<MinimalTable>(live)), expected);
  EXPECT_EQ(build(InFiles(rows, false)), expected);
  EXPECT_EQ(build(InFiles(rows, true)), expected);
  size_t num_kept = 0;
  for (int64_t id = 0; id < 1000; ++id) num_kept += id % 13 != 12 && (id % 7 == 3 || id > 800);
  EXPECT_EQ(UnionOf(expected).size(), num_kept / 3 * 3);
}

TEST(SelectedRowsTest, AColumnThatIsCalledLikeThePlaceOfARowIsNotTakenForIt) {
  const auto schema = arrow::schema({arrow::field(kRowOffsetColumn, arrow::uint64())});
  const auto rows =
      RowsFromJson(schema, R"([{"_rowoffset": 0}, {"_rowoffset": 2}, {"_rowoffset": 7}])");
  const auto table =
      Build(InMemory(rows), [](auto* b) { ASSERT_TRUE(b->Filter("_rowoffset > 1").ok()); });
  EXPECT_EQ(MappedRows(*table, 0), (std::vector<uint64_t>{1, 2}));
}

TEST(SelectedRowsTest, FiltersThatDoNotFitTheTableAreRefusedAtOnce) {
  PermutationBuilder builder(InMemory(NumberedRows(10)));
  EXPECT_TRUE(builder.Filter("nothing = 1").IsKeyError());
  EXPECT_TRUE(builder.Filter("id + 1").IsTypeError());
  EXPECT_TRUE(builder.Filter("id +").IsInvalid());
  EXPECT_TRUE(builder.Filter("'\xff' = '\xfe'").IsInvalid());
  EXPECT_TRUE(builder.SplitBy(Calculated("length('\xff')")).IsInvalid());
  EXPECT_TRUE(builder.Filter("_rowid > 3").ok());
  EXPECT_EQ(builder.Execute().ValueOrDie()->num_rows(), 6);
}

TEST(SelectedRowsTest, CancellingEndsTheBuildAndTheBuilderStaysUsable) {
  CancelFlag cancel;
  cancel.Cancel();
  PermutationBuilder builder(std::make_shared<MinimalTable>(1000));
  ASSERT_TRUE(builder.Filter("x > 10").ok());
  BuildOptions options;
  options.cancel = &cancel;
  EXPECT_TRUE(builder.Execute(options).status().IsCancelled());
  EXPECT_TRUE(builder.Execute().ok());
}

TEST(SelectedRowsTest, ListsThatAreSpilledAreTheSame) {
  const auto base = InMemory(NumberedRows(50000));
  const auto directory = testing::MakeTemporaryDirectory();
  const auto build = [&](int64_t list_bytes) {
    PermutationBuilder builder(base);
    EXPECT_TRUE(builder.Filter("id % 3 = 0").ok());
    EXPECT_TRUE(builder.SplitBy(Hash({"id"}, {1, 2, 3})).ok());
    BuildOptions options;
    options.list_bytes = list_bytes;
    options.spill_directory = directory;
    return builder.Execute(options).ValueOrDie();
  };
  EXPECT_EQ(MappedSplits(*build(1)), MappedSplits(*build(1 << 30)));
}

}  // namespace
}  // namespace croupier::permutation
