#include "croupier/base/index_shuffle.h"

#include <bit>
#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"

namespace croupier {
namespace {

// Probability of a chi-square statistic at least this large (Wilson and Hilferty's approximation).
double ChiSquareP(double statistic, double degrees) {
  const double z =
      (std::cbrt(statistic / degrees) - (1 - 2 / (9 * degrees))) / std::sqrt(2 / (9 * degrees));
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

// A Feistel network of two rounds, otherwise like ours: what the tests must tell apart.
class WeakBijection {
 public:
  WeakBijection(uint64_t num_values, uint64_t key) : num_values_(num_values), key_(key) {}
  uint64_t Map(uint64_t value) const {
    const auto bits = static_cast<int>(std::bit_width(num_values_ - 1));
    const int low_bits = bits / 2;
    if (low_bits == 0) return value;
    do {
      uint64_t low = value & ((uint64_t{1} << low_bits) - 1);
      uint64_t high = value >> low_bits;
      high ^= Mix64(low + key_) >> (64 - (bits - low_bits));
      low ^= Mix64(high + ~key_) >> (64 - low_bits);
      value = high << low_bits | low;
    } while (value >= num_values_);
    return value;
  }

 private:
  uint64_t num_values_;
  uint64_t key_;
};

// How likely the places of the first and last value are, jointly, over many keys, if all are equal.
template <typename Bijection>
double PairP(uint64_t num_values) {
  constexpr int kNumKeys = 200000;
  std::vector<int> counts(num_values * num_values);
  for (uint64_t key = 0; key < kNumKeys; ++key) {
    const Bijection bijection(num_values, Mix64(key));
    ++counts[bijection.Map(0) * num_values + bijection.Map(num_values - 1)];
  }
  const double pairs = static_cast<double>(num_values * (num_values - 1));
  const double expected = kNumKeys / pairs;
  double statistic = 0;
  for (uint64_t a = 0; a < num_values; ++a) {
    for (uint64_t b = 0; b < num_values; ++b) {
      if (a == b) continue;
      statistic += std::pow(counts[a * num_values + b] - expected, 2) / expected;
    }
  }
  return ChiSquareP(statistic, pairs - 1);
}

TEST(KeyedBijectionTest, MapsEachValueToOneAndBack) {
  for (uint64_t num_values : {1, 2, 3, 4, 5, 16, 17, 100, 255, 256, 257, 5000}) {
    const KeyedBijection bijection(num_values, 42 + num_values);
    std::vector<bool> hit(num_values);
    for (uint64_t value = 0; value < num_values; ++value) {
      const uint64_t mapped = bijection.Map(value);
      ASSERT_LT(mapped, num_values);
      EXPECT_FALSE(hit[mapped]) << value << " of " << num_values;
      hit[mapped] = true;
      EXPECT_EQ(bijection.Unmap(mapped), value);
    }
  }
}

TEST(KeyedBijectionTest, WorksUpToTheLargestTable) {
  for (uint64_t num_values :
       {uint64_t{1000000000000}, uint64_t{1} << 63, (uint64_t{1} << 62) + 1}) {
    const KeyedBijection bijection(num_values, 7);
    SplitMix64 generator(num_values);
    for (int i = 0; i < 1000; ++i) {
      const uint64_t value = generator.Next() % num_values;
      const uint64_t mapped = bijection.Map(value);
      ASSERT_LT(mapped, num_values);
      ASSERT_EQ(bijection.Unmap(mapped), value);
    }
  }
}

TEST(KeyedBijectionTest, MapAllDoesWhatMapDoes) {
  for (const uint64_t num_values : {1, 2, 3, 16, 17, 257, 1000, 1025, 1 << 20}) {
    const KeyedBijection bijection(num_values, 5);
    for (const size_t count : {0, 1, 7, 8, 255, 256, 257, 1000}) {
      std::vector<uint64_t> values(count);
      for (size_t i = 0; i < count; ++i) values[i] = i * 7919 % num_values;
      std::vector<uint64_t> expected = values;
      for (uint64_t& value : expected) value = bijection.Map(value);
      bijection.MapAll(values);
      EXPECT_EQ(values, expected) << count << " of " << num_values;
    }
  }
}

TEST(KeyedBijectionTest, EveryOrderOfAFewValuesIsAsLikely) {
  for (uint64_t num_values : {3, 4, 5, 6}) {
    constexpr int kNumKeys = 200000;
    std::map<std::vector<uint64_t>, int> counts;
    for (uint64_t key = 0; key < kNumKeys; ++key) {
      const KeyedBijection bijection(num_values, Mix64(key));
      std::vector<uint64_t> order;
      order.reserve(num_values);
      for (uint64_t value = 0; value < num_values; ++value) order.push_back(bijection.Map(value));
      ++counts[order];
    }
    const double num_orders = std::tgamma(static_cast<double>(num_values) + 1);
    const double expected = kNumKeys / num_orders;
    double statistic = (num_orders - static_cast<double>(counts.size())) * expected;
    for (const auto& [order, count] : counts) statistic += std::pow(count - expected, 2) / expected;
    EXPECT_GT(ChiSquareP(statistic, num_orders - 1), 0.001) << num_values << " values";
  }
}

TEST(KeyedBijectionTest, PairsAreUniformAndAWeakBijectionFails) {
  for (uint64_t num_values : {9, 16, 17, 33, 64, 100}) {
    EXPECT_GT(PairP<KeyedBijection>(num_values), 0.001) << num_values << " values";
    EXPECT_LT(PairP<WeakBijection>(num_values), 1e-9) << num_values << " values";
  }
}

TEST(KeyedBijectionTest, FixedPointsAreAboutOneAnOrder) {
  constexpr uint64_t kNumValues = 1000;
  constexpr int kNumKeys = 2000;
  int64_t fixed_points = 0;
  for (uint64_t key = 0; key < kNumKeys; ++key) {
    const KeyedBijection bijection(kNumValues, Mix64(key));
    for (uint64_t value = 0; value < kNumValues; ++value)
      fixed_points += bijection.Map(value) == value;
  }
  // The number of fixed points is Poisson with mean 1: five standard deviations.
  EXPECT_NEAR(static_cast<double>(fixed_points), kNumKeys, 5 * std::sqrt(kNumKeys));
}

TEST(KeyedBijectionTest, NeighboursAreNotKeptTogether) {
  constexpr uint64_t kNumValues = 100000;
  const KeyedBijection bijection(kNumValues, 3);
  int64_t neighbours = 0;
  for (uint64_t value = 1; value < kNumValues; ++value) {
    const auto distance = static_cast<int64_t>(bijection.Map(value) - bijection.Map(value - 1));
    neighbours += distance == 1 || distance == -1;
  }
  EXPECT_LT(neighbours, 15);  // mean 2
}

}  // namespace
}  // namespace croupier
