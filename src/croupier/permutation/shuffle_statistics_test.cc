#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/permutation/position_shuffle.h"

// Orders of a few things over many seeds: are they as those of a uniform shuffle? Each statistic
// must tell a weak bijection apart.

namespace croupier::permutation {
namespace {

using Order = std::vector<uint64_t>;

constexpr uint64_t kNumSeeds = 20000;
constexpr double kPlausible = 1e-4;
constexpr double kImpossible = 1e-12;

Order InOrder(uint64_t num_rows) {
  Order order(num_rows);
  std::iota(order.begin(), order.end(), uint64_t{0});
  return order;
}

Order Shuffled(uint64_t num_rows, const ShuffleSpec& spec) {
  Order order = InOrder(num_rows);
  PositionShuffle(num_rows, spec, "shuffle", 0).MapAll(order);
  return order;
}

// The order of single rows.
Order OfRows(uint64_t seed) { return Shuffled(31, {seed, 1, 1}); }

// The order of clumps of eight rows, of which the last has five.
Order OfClumps(uint64_t seed) {
  Order clumps;
  for (const uint64_t row : Shuffled(uint64_t{31} * 8 - 3, {seed, 8, 1})) {
    if (row % 8 == 0) clumps.push_back(row / 8);
  }
  return clumps;
}

// The order of the rows of the second window, of three clumps of eleven rows, as numbers among the
// rows of that window.
Order InAWindow(uint64_t seed) {
  constexpr uint64_t kNumRows = uint64_t{33} * 4;
  Order numbers(kNumRows);
  Order rows = InOrder(33);
  for (uint64_t& row : rows) row += 33;
  Order unmixed = rows;
  PositionShuffle(kNumRows, {seed, 11, 1}, "shuffle", 0).MapAll(unmixed);
  PositionShuffle(kNumRows, {seed, 11, 3}, "shuffle", 0).MapAll(rows);
  for (size_t i = 0; i < unmixed.size(); ++i) numbers[unmixed[i]] = i;
  for (uint64_t& row : rows) row = numbers[row];
  return rows;
}

// A linear map modulo a prime: another for most seeds, and each value goes nearly everywhere.
Order Linear(uint64_t seed) {
  constexpr uint64_t kPrime = 31;
  Order order = InOrder(kPrime);
  for (uint64_t& value : order) value = value * (1 + Mix64(seed) % (kPrime - 1)) % kPrime;
  return order;
}

// A Feistel network of two rounds, otherwise like ours.
Order TwoRounds(uint64_t seed) {
  constexpr uint64_t kNumValues = 31;
  Order order = InOrder(kNumValues);
  for (uint64_t& value : order) {
    do {
      uint64_t low = value & 3;
      uint64_t high = value >> 2;
      high ^= Mix64(low + Mix64(seed)) >> 61;
      low ^= Mix64(high + Mix64(~seed)) >> 62;
      value = high << 2 | low;
    } while (value >= kNumValues);
  }
  return order;
}

// By seed.
using Orders = std::vector<Order>;

Orders OrdersOf(Order (*order_of)(uint64_t seed)) {
  Orders orders;
  orders.reserve(kNumSeeds + 1);
  for (uint64_t seed = 0; seed <= kNumSeeds; ++seed) orders.push_back(order_of(seed));
  return orders;
}

// Probability of a chi-square statistic at least this large (Wilson and Hilferty's approximation).
double ChiSquareP(double statistic, double degrees) {
  const double z =
      (std::cbrt(statistic / degrees) - (1 - 2 / (9 * degrees))) / std::sqrt(2 / (9 * degrees));
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

// How likely counts are that deviate this much, if each thing has its probability. Things that are
// expected less than five times are taken together.
double CountsP(const std::vector<double>& counts, const std::vector<double>& probabilities) {
  const double total = std::reduce(counts.begin(), counts.end());
  double statistic = 0;
  double degrees = -1;
  double rare_count = 0;
  double rare_expected = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = total * probabilities[i];
    if (expected < 5) {
      rare_count += counts[i];
      rare_expected += expected;
      continue;
    }
    statistic += std::pow(counts[i] - expected, 2) / expected;
    ++degrees;
  }
  if (rare_expected > 0.5) {
    statistic += std::pow(rare_count - rare_expected, 2) / rare_expected;
    ++degrees;
  }
  return ChiSquareP(statistic, degrees);
}

// Where the first and the last come.
double PositionsP(const Orders& orders) {
  const size_t size = orders[0].size();
  double least = 1;
  for (const size_t value : {size_t{0}, size - 1}) {
    std::vector<double> counts(size);
    for (uint64_t seed = 0; seed < kNumSeeds; ++seed) ++counts[orders[seed][value]];
    least = std::min(least,
                     CountsP(counts, std::vector<double>(size, 1.0 / static_cast<double>(size))));
  }
  return least;
}

// Where neighbours come together.
double PairsP(const Orders& orders) {
  const size_t size = orders[0].size();
  std::vector<double> counts(size * size);
  for (uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    const Order& order = orders[seed];
    ++counts[order[3] * size + order[4]];
  }
  std::vector<double> pairs;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (i / size != i % size) pairs.push_back(counts[i]);
  }
  return CountsP(pairs, std::vector<double>(pairs.size(), 1.0 / static_cast<double>(pairs.size())));
}

// How often the next is greater: one more than that is the number of descending runs. Eulerian
// numbers over n! are their probabilities.
double RunsP(const Orders& orders) {
  const size_t size = orders[0].size();
  std::vector<double> probabilities = {1};
  for (size_t n = 2; n <= size; ++n) {
    std::vector<double> next(n);
    for (size_t k = 0; k < n; ++k) {
      const double stays = k < n - 1 ? static_cast<double>(k + 1) * probabilities[k] : 0;
      const double grows = k > 0 ? static_cast<double>(n - k) * probabilities[k - 1] : 0;
      next[k] = (stays + grows) / static_cast<double>(n);
    }
    probabilities = std::move(next);
  }
  std::vector<double> counts(size);
  for (uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    const Order& order = orders[seed];
    size_t ascents = 0;
    for (size_t i = 1; i < size; ++i) ascents += order[i] > order[i - 1];
    ++counts[ascents];
  }
  return CountsP(counts, probabilities);
}

// Counts of what happens once on average and seldom together: Poisson.
double PoissonP(const std::function<size_t(uint64_t seed)>& count_of) {
  constexpr size_t kMost = 12;
  std::vector<double> probabilities = {std::exp(-1.0)};
  for (size_t k = 1; k < kMost; ++k) {
    probabilities.push_back(probabilities.back() / static_cast<double>(k));
  }
  std::vector<double> counts(kMost);
  for (uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    ++counts[std::min(count_of(seed), kMost - 1)];
  }
  return CountsP(counts, probabilities);
}

size_t NumSame(const Order& one, const Order& other) {
  return std::inner_product(one.begin(), one.end(), other.begin(), size_t{0}, std::plus<>(),
                            std::equal_to<>());
}

// How many stay where they were.
double FixedPointsP(const Orders& orders) {
  const Order in_order = InOrder(orders[0].size());
  return PoissonP([&](uint64_t seed) { return NumSame(orders[seed], in_order); });
}

// How many are in the same place for the next seed.
double SeedsP(const Orders& orders) {
  return PoissonP([&](uint64_t seed) { return NumSame(orders[seed], orders[seed + 1]); });
}

using Statistic = double (*)(const Orders&);
constexpr std::array<std::pair<const char*, Statistic>, 5> kStatistics = {{
    {"positions", PositionsP},
    {"pairs", PairsP},
    {"runs", RunsP},
    {"fixed points", FixedPointsP},
    {"seeds", SeedsP},
}};

TEST(ShuffleStatisticsTest, RowsAreInAUniformOrder) {
  const Orders orders = OrdersOf(OfRows);
  for (const auto& [name, statistic] : kStatistics)
    EXPECT_GT(statistic(orders), kPlausible) << name;
}

TEST(ShuffleStatisticsTest, ClumpsAreInAUniformOrder) {
  const Orders orders = OrdersOf(OfClumps);
  for (const auto& [name, statistic] : kStatistics)
    EXPECT_GT(statistic(orders), kPlausible) << name;
}

TEST(ShuffleStatisticsTest, RowsOfAWindowAreInAUniformOrder) {
  const Orders orders = OrdersOf(InAWindow);
  for (const auto& [name, statistic] : kStatistics)
    EXPECT_GT(statistic(orders), kPlausible) << name;
}

TEST(ShuffleStatisticsTest, AWeakBijectionFailsEachStatistic) {
  const Orders orders = OrdersOf(Linear);
  for (const auto& [name, statistic] : kStatistics)
    EXPECT_LT(statistic(orders), kImpossible) << name;
}

TEST(ShuffleStatisticsTest, TwoRoundsFailPairsAndRuns) {
  const Orders orders = OrdersOf(TwoRounds);
  EXPECT_LT(PairsP(orders), kImpossible);
  EXPECT_LT(RunsP(orders), kImpossible);
}

// The orders of neighbouring windows, of splits and of seeds are those of different keys.
TEST(ShuffleStatisticsTest, WindowsAreShuffledUnlikeEachOther) {
  const auto count_of = [](uint64_t seed) {
    const Order order = Shuffled(60, {seed, 1, 30});
    const PositionShuffle clumps(60, {seed, 1, 1}, "shuffle", 0);
    Order places = InOrder(60);
    clumps.MapAll(places);
    std::vector<uint64_t> place_of(60);
    for (size_t i = 0; i < 60; ++i) place_of[places[i]] = i;
    size_t same = 0;
    for (size_t i = 0; i < 30; ++i) same += place_of[order[i]] + 30 == place_of[order[i + 30]];
    return same;
  };
  // Whether they went to the same place of their windows, before clumps were moved.
  EXPECT_GT(PoissonP(count_of), kPlausible);
}

}  // namespace
}  // namespace croupier::permutation
