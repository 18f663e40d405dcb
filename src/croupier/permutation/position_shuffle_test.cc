#include "croupier/permutation/position_shuffle.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/permutation/order_key.h"

namespace croupier::permutation {
namespace {

using Order = std::vector<uint64_t>;

Order ShuffledOrder(uint64_t num_rows, const ShuffleSpec& spec) {
  Order order(num_rows);
  std::iota(order.begin(), order.end(), uint64_t{0});
  PositionShuffle(num_rows, spec, "shuffle", 0).MapAll(order);
  return order;
}

// The clumps of an order, as it reads them.
std::vector<uint64_t> ClumpsOf(const Order& order, uint64_t clump_size) {
  std::vector<uint64_t> clumps;
  for (const uint64_t row : order) {
    if (clumps.empty() || clumps.back() != row / clump_size) clumps.push_back(row / clump_size);
  }
  return clumps;
}

TEST(PositionShuffleTest, IsABijectionForEverySizeClumpAndWindow) {
  for (const uint64_t num_rows : {0, 1, 2, 3, 7, 16, 17, 64, 100, 257}) {
    for (const int64_t clump_size : {1, 2, 3, 7, 16, 99, 100, 101, 1000}) {
      for (const int64_t window_clumps : {1, 2, 3, 5, 1000}) {
        for (const uint64_t seed : {0, 1, 2, 3, 4}) {
          const ShuffleSpec spec{seed, clump_size, window_clumps};
          Order order = ShuffledOrder(num_rows, spec);
          std::sort(order.begin(), order.end());
          for (uint64_t i = 0; i < num_rows; ++i) {
            ASSERT_EQ(order[i], i) << num_rows << " rows, clumps of " << clump_size
                                   << ", windows of " << window_clumps << ", seed " << seed;
          }
        }
      }
    }
  }
}

TEST(PositionShuffleTest, ClumpsOfOneRowAreTheKeyedBijection) {
  const Order order = ShuffledOrder(1000, {42, 1, 1});
  const KeyedBijection bijection(1000, DeriveKey(42, "shuffle", 0));
  for (uint64_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], bijection.Map(i));
}

TEST(PositionShuffleTest, RowsOfAClumpStayTogetherInTheirOrder) {
  for (const uint64_t num_rows : {100, 103, 109}) {
    for (const uint64_t seed : {1, 2, 3}) {
      const Order order = ShuffledOrder(num_rows, {seed, 10, 1});
      for (size_t i = 1; i < order.size(); ++i) {
        EXPECT_TRUE(order[i] % 10 == 0 || order[i] == order[i - 1] + 1);
      }
      EXPECT_EQ(ClumpsOf(order, 10).size(), (num_rows + 9) / 10);
    }
  }
}

TEST(PositionShuffleTest, AShortClumpMayComeAnywhere) {
  std::set<size_t> places;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Order order = ShuffledOrder(43, {seed, 10, 1});
    const auto clumps = ClumpsOf(order, 10);
    places.insert(static_cast<size_t>(std::find(clumps.begin(), clumps.end(), 4) - clumps.begin()));
  }
  EXPECT_EQ(places, (std::set<size_t>{0, 1, 2, 3, 4}));
}

TEST(PositionShuffleTest, OneClumpForAllKeepsTheOrder) {
  const Order order = ShuffledOrder(50, {7, 1000, 1});
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(PositionShuffleTest, OneClumpInAWindowIsShuffledInside) {
  const Order order = ShuffledOrder(50, {7, 1000, 2});
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

// What is read for a window is its clumps and no other, wherever the short one is.
TEST(PositionShuffleTest, RowsStayInWindowsOfWholeClumps) {
  for (const uint64_t num_rows : {100, 103, 197}) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const auto clumps = ClumpsOf(ShuffledOrder(num_rows, {seed, 10, 1}), 10);
      const Order order = ShuffledOrder(num_rows, {seed, 10, 3});
      size_t next = 0;
      for (size_t first = 0; first < clumps.size(); first += 3) {
        std::multiset<uint64_t> expected;
        std::multiset<uint64_t> in_window;
        for (size_t k = first; k < std::min(first + 3, clumps.size()); ++k) {
          for (uint64_t row = clumps[k] * 10; row < std::min(clumps[k] * 10 + 10, num_rows);
               ++row) {
            expected.insert(row);
            in_window.insert(order[next++]);
          }
        }
        EXPECT_EQ(in_window, expected) << num_rows << " rows, seed " << seed;
      }
    }
  }
}

TEST(PositionShuffleTest, AnyPositionCanBeAskedByItself) {
  for (const ShuffleSpec spec :
       {ShuffleSpec{1, 1, 1}, ShuffleSpec{1, 7, 1}, ShuffleSpec{1, 7, 4}}) {
    const Order order = ShuffledOrder(1000, spec);
    const PositionShuffle shuffle(1000, spec, "shuffle", 0);
    for (uint64_t i = 0; i < 1000; ++i) {
      uint64_t position = i;
      shuffle.MapAll({&position, 1});
      ASSERT_EQ(position, order[i]);
    }
    Order backwards(order.size());
    std::iota(backwards.rbegin(), backwards.rend(), uint64_t{0});
    shuffle.MapAll(backwards);
    EXPECT_TRUE(std::equal(backwards.rbegin(), backwards.rend(), order.begin()));
  }
}

TEST(PositionShuffleTest, WorksForTheLargestTables) {
  constexpr uint64_t kNumRows = (uint64_t{1} << 63) - 1;
  for (const ShuffleSpec spec :
       {ShuffleSpec{1, 1, INT64_MAX}, ShuffleSpec{1, 1000, 1}, ShuffleSpec{1, 1000, 1000},
        ShuffleSpec{1, INT64_MAX, INT64_MAX}, ShuffleSpec{1, INT64_MAX - 1, 2}}) {
    Order order = {0, 1, kNumRows / 2, kNumRows - 2, kNumRows - 1};
    PositionShuffle(kNumRows, spec, "shuffle", 0).MapAll(order);
    for (const uint64_t row : order) EXPECT_LT(row, kNumRows);
    EXPECT_EQ(std::set<uint64_t>(order.begin(), order.end()).size(), order.size());
  }
}

TEST(PositionShuffleTest, PurposeIndexAndSeedGiveOtherOrders) {
  const auto order = [](uint64_t seed, std::string_view purpose, uint64_t index) {
    Order positions(1000);
    std::iota(positions.begin(), positions.end(), uint64_t{0});
    PositionShuffle(1000, {seed, 8, 4}, purpose, index).MapAll(positions);
    return positions;
  };
  const std::set<Order> orders = {order(1, "shuffle", 0), order(2, "shuffle", 0),
                                  order(1, "shuffle", 1), order(1, "split", 0),
                                  order(1, "join", 0)};
  EXPECT_EQ(orders.size(), 5u);
}

}  // namespace
}  // namespace croupier::permutation
