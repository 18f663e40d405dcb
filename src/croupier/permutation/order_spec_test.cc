#include "croupier/order_spec.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "croupier/permutation.h"

namespace croupier {
namespace {

TEST(OrderSpecTest, TheCanonicalLineReadsBack) {
  for (const char* text : {
           "croupier-order-1 version=1 rows=0 split=none shuffle=none",
           "croupier-order-1 version=3 rows=1797 split=random:7:1438,359 shuffle=42",
           "croupier-order-1 version=3 rows=10 split=sequential:2x5 shuffle=none",
           "croupier-order-1 version=18446744073709551615 rows=10 split=random:0:1x2,3,1 shuffle=0",
       }) {
    const auto spec = OrderSpec::Parse(text);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->ToString(), text);
  }
}

TEST(OrderSpecTest, AnyOtherTextIsInvalid) {
  for (const char* text : {
           "",
           "croupier-order-2 version=1 rows=0 split=none shuffle=none",
           "croupier-order-3 {}",
           "croupier-order-1 version=1 rows=0 split=none",
           "croupier-order-1 version=1 rows=0 split=none shuffle=none ",
           "croupier-order-1 version=x rows=0 split=none shuffle=none",
           "croupier-order-1 version=1 rows=0 split=some shuffle=none",
           "croupier-order-1 version=1 rows=4 split=sequential:2,2 shuffle=none",
           "croupier-order-1 version=1 rows=4 split=sequential:1x99999999999 shuffle=none",
           "croupier-order-1 version=1 rows=4 split=sequential: shuffle=none",
           "croupier-order-1 version=1 rows=4 split=sequential:2, shuffle=none",
           "croupier-order-1 version=1 rows=4 split=sequential:2,0 shuffle=none",
           "croupier-order-1 version=1 rows=4 split=sequential:-2 shuffle=none",
           "croupier-order-1 version=1 rows=-4 split=none shuffle=none",
           "croupier-order-1 version=01 rows=4 split=none shuffle=none",
       }) {
    EXPECT_TRUE(OrderSpec::Parse(text).status().IsInvalid()) << text;
  }
}

TEST(OrderSpecTest, TheOrderIdChangesWithEveryNumberAndWithNothingElse) {
  const auto base =
      OrderSpec::Parse("croupier-order-1 version=3 rows=1797 split=random:7:1438,359 shuffle=42")
          .ValueOrDie();
  EXPECT_EQ(base.OrderId(), OrderSpec(base).OrderId());
  EXPECT_EQ(base.OrderId().size(), 16u);
  auto other = base;
  other.base_version = 4;
  EXPECT_NE(other.OrderId(), base.OrderId());
  other = base;
  other.split_shuffle.seed = 8;
  EXPECT_NE(other.OrderId(), base.OrderId());
  other = base;
  other.shuffle.reset();
  EXPECT_NE(other.OrderId(), base.OrderId());
  other = base;
  other.split_sizes = {1437, 360};
  EXPECT_NE(other.OrderId(), base.OrderId());
}

// Lines of the second form, with every member that it has.
const std::vector<std::string>& LinesOfTheSecondForm() {
  static const std::vector<std::string> lines = {
      R"(croupier-order-2 {"version":"1","rows":"10","filter":"a > 1","selected":"4"})",
      R"(croupier-order-2 {"version":"1","rows":"10","filter":"s = '\"\\ü\n\u0001'","selected":"0"})",
      R"(croupier-order-2 {"version":"18446744073709551615","rows":"9223372036854775807",)"
      R"("shuffle":{"seed":"18446744073709551615","clump_size":"7","window_clumps":"3"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","shuffle":{"seed":"0","window_clumps":"3"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","split":{"by":"random","seed":"5",)"
      R"("clump_size":"2","sizes":"5x2"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","split":{"by":"sequence","sizes":"5,4"},)"
      R"("shuffle":{"seed":"1"},"shard":{"index":"1","num_shards":"3","remainder":"drop"}})",
      R"(croupier-order-2 {"version":"1","rows":"10",)"
      R"("shard":{"index":"0","num_shards":"1","remainder":"repeat"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","split":{"by":"hash","columns":["a","b.c"],)"
      R"("weights":["3","1"],"discard_weight":"0","sizes":"0,10"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","filter":"x","selected":"9",)"
      R"("split":{"by":"calculated","expression":"a % 2","sizes":"0x5,4"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","split":{"by":"grouped","columns":["a"],)"
      R"("ratios":["9007199254740992"],"seed":"8","sizes":"10"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","split":{"by":"stratified","columns":["a"],)"
      R"("ratios":["0","1"],"seed":"8","sizes":"0x2"}})",
      R"(croupier-order-2 {"version":"1","rows":"10","split":{"by":"list",)"
      R"("hash":"0123456789abcdef","sizes":"3,0"}})",
  };
  return lines;
}

TEST(OrderSpecTest, LinesOfTheSecondFormReadBack) {
  std::set<std::string> ids;
  for (const std::string& line : LinesOfTheSecondForm()) {
    const auto spec = OrderSpec::Parse(line);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->ToString(), line);
    EXPECT_TRUE(ids.insert(spec->OrderId()).second);
  }
}

TEST(OrderSpecTest, EveryTruncationOrInsertionIsInvalid) {
  for (const std::string& line : LinesOfTheSecondForm()) {
    for (size_t size = 0; size < line.size(); ++size) {
      EXPECT_TRUE(OrderSpec::Parse(line.substr(0, size)).status().IsInvalid()) << size;
      std::string longer = line;
      longer.insert(size, 1, ' ');
      const auto spec = OrderSpec::Parse(longer);
      // Only within text.
      EXPECT_EQ(spec.ok() ? spec->ToString() : longer, longer);
    }
  }
}

TEST(OrderSpecTest, LinesThatAreNotCanonicalOrMakeNoSenseAreInvalid) {
  for (
      const char* json : {
          R"({"version":"1","rows":"10"})",  // has a line of the first form
          R"({"version":"1","rows":"10","split":{"by":"sequence","sizes":"10"}})",
          R"({"rows":"10","version":"1","filter":"a","selected":"4"})",
          R"({"version":1,"rows":"10","filter":"a","selected":"4"})",
          R"({"version":"01","rows":"10","filter":"a","selected":"4"})",
          R"({"version":"-1","rows":"10","filter":"a","selected":"4"})",
          R"({"version":"1","rows":"-10","filter":"a","selected":"4"})",
          R"({"version":"1","rows":"10","filter":"a","selected":"11"})",
          R"({"version":"1","rows":"10","filter":"a"})",
          R"({"version":"1","rows":"10","filter":"a","selected":"4","more":"1"})",
          R"({"version":"1","rows":"10","filter":"a","filter":"a","selected":"4"})",
          R"({"version":"1","rows":"10","filter":"\u0061","selected":"4"})",
          "{\"version\":\"1\",\"rows\":\"10\",\"filter\":\"\xff\",\"selected\":\"4\"}",
          R"({"version":"1","rows":"10","shuffle":{"seed":"1","clump_size":"0"}})",
          R"({"version":"1","rows":"10","shuffle":{"seed":"1","clump_size":"1"},"shard":{}})",
          R"({"version":"1","rows":"10","shuffle":{"clump_size":"3"}})",
          R"({"version":"1","rows":"10","shuffle":"3"})",
          R"({"version":"1","rows":"10","split":{"by":"random","seed":"1","window_clumps":"2","sizes":"10"}})",
          R"({"version":"1","rows":"10","split":{"by":"random","seed":"1","clump_size":"2","sizes":"0x2"}})",
          R"({"version":"1","rows":"10","split":{"by":"hash","columns":["a"],"weights":[1],"discard_weight":"0","sizes":"10"}})",
          R"({"version":"1","rows":"10","split":{"by":"magic","sizes":"10"}})",
          R"({"version":"1","rows":"10","split":{"by":"list","hash":"0","sizes":""}})",
          R"({"version":"1","rows":"10","shard":{"index":"3","num_shards":"3","remainder":"drop"}})",
          R"({"version":"1","rows":"10","shard":{"index":"-1","num_shards":"3","remainder":"drop"}})",
          R"({"version":"1","rows":"10","shard":{"index":"0","num_shards":"3","remainder":"keep"}})",
          "[]",
          "null",
          "",
      }) {
    const auto status = OrderSpec::Parse(std::string("croupier-order-2 ") + json).status();
    EXPECT_TRUE(status.IsInvalid()) << json;
  }
  const std::string deep = std::string(200000, '[');
  EXPECT_TRUE(OrderSpec::Parse("croupier-order-2 " + deep).status().IsInvalid());
}

TEST(OrderSpecTest, EveryMemberChangesTheLine) {
  OrderSpec base{.base_version = 1, .num_base_rows = 10, .filter = "a", .num_selected_rows = 8};
  base.split = OrderSpec::Split::kRule;
  base.split_rule = SplitRule{.columns = {"c"}, .weights = {1, 1}};
  base.split_sizes = {4, 4};
  base.shuffle = ShuffleSpec{1, 2, 2};
  base.shard = {3, 1, Remainder::kDrop};
  std::set<std::string> lines = {base.ToString()};
  const auto expect_another = [&](const std::function<void(OrderSpec*)>& change) {
    OrderSpec changed = base;
    change(&changed);
    EXPECT_TRUE(lines.insert(changed.ToString()).second) << changed.ToString();
    EXPECT_EQ(OrderSpec::Parse(changed.ToString()).ValueOrDie().ToString(), changed.ToString());
  };
  expect_another([](auto* s) { s->base_version = 2; });
  expect_another([](auto* s) { s->num_base_rows = 11; });
  expect_another([](auto* s) { s->filter = "b"; });
  expect_another([](auto* s) { s->num_selected_rows = 9; });
  expect_another([](auto* s) { s->split_sizes = {5, 3}; });
  expect_another([](auto* s) { s->shuffle->seed = 2; });
  expect_another([](auto* s) { s->shuffle->clump_size = 3; });
  expect_another([](auto* s) { s->shuffle->window_clumps = 3; });
  expect_another([](auto* s) { s->shuffle.reset(); });
  expect_another([](auto* s) { s->shard.num_shards = 4; });
  expect_another([](auto* s) { s->shard.index = 2; });
  expect_another([](auto* s) { s->shard.remainder = Remainder::kRepeat; });
  expect_another([](auto* s) { s->split_rule->columns = {"d"}; });
  expect_another([](auto* s) { s->split_rule->columns = {"c", "d"}; });
  expect_another([](auto* s) { s->split_rule->weights = {1, 2}; });
  expect_another([](auto* s) { s->split_rule->discard_weight = 1; });
  for (const auto kind : {SplitRule::Kind::kGrouped, SplitRule::Kind::kStratified}) {
    const auto by_ratios = [&](auto* s) {
      s->split_rule->kind = kind;
      s->split_rule->ratios = {1, 2};
    };
    expect_another(by_ratios);
    expect_another([&](auto* s) { by_ratios(s), s->split_rule->ratios = {2, 1}; });
    expect_another([&](auto* s) { by_ratios(s), s->split_rule->seed = 5; });
  }
}

TEST(OrderSpecTest, NumbersThatContradictEachOtherMakeNoTable) {
  const OrderSpec good{
      .base_version = 1, .num_base_rows = 10, .num_selected_rows = 10, .split_sizes = {10}};
  ASSERT_TRUE(PermutationTable::Make(good).ok());
  const auto expect_invalid = [&](const std::function<void(OrderSpec*)>& change) {
    OrderSpec changed = good;
    change(&changed);
    EXPECT_TRUE(PermutationTable::Make(changed).status().IsInvalid());
  };
  expect_invalid([](auto* s) { s->num_base_rows = -1; });
  expect_invalid([](auto* s) { s->num_selected_rows = 9; });
  expect_invalid([](auto* s) { s->split_sizes = {9}; });
  expect_invalid([](auto* s) { s->split_sizes = {5, 5}; });
  expect_invalid([](auto* s) { s->split_sizes = {}; });
  expect_invalid([](auto* s) { s->split = OrderSpec::Split::kSequential, s->split_sizes = {}; });
  expect_invalid([](auto* s) { s->split = OrderSpec::Split::kRandom, s->split_sizes = {6, 5}; });
  expect_invalid([](auto* s) { s->split = OrderSpec::Split::kRandom, s->split_sizes = {-1}; });
  expect_invalid([](auto* s) { s->split_shuffle.window_clumps = 2; });
  expect_invalid([](auto* s) { s->shuffle = ShuffleSpec{1, 0, 1}; });
  expect_invalid([](auto* s) { s->shuffle = ShuffleSpec{1, 1, -1}; });
  expect_invalid([](auto* s) { s->shard = {0, 0}; });
  expect_invalid([](auto* s) { s->shard = {2, 2}; });
  expect_invalid([](auto* s) { s->filter = "a"; });
  expect_invalid([](auto* s) { s->split = OrderSpec::Split::kRule; });
  expect_invalid([](auto* s) { s->split = OrderSpec::Split::kListed; });
}

}  // namespace
}  // namespace croupier
