#include <cmath>

#include <gtest/gtest.h>

#include "croupier/permutation.h"

namespace croupier {
namespace {

using Sizes = std::vector<int64_t>;

SplitSizes Ratios(std::vector<double> ratios) { return {.ratios = std::move(ratios)}; }
SplitSizes Counts(Sizes counts) { return {.counts = std::move(counts)}; }
SplitSizes Fixed(int64_t fixed) { return {.fixed = fixed}; }

void ExpectInvalid(const SplitSizes& sizes, int64_t num_rows, const std::string& phrase) {
  const auto status = sizes.Resolve(num_rows).status();
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_NE(status.message().find(phrase), std::string::npos) << status.message();
}

TEST(SplitSizesTest, RatiosAreRoundedAndMended) {
  EXPECT_EQ(Ratios({1.0 / 3, 1.0 / 3, 1.0 / 3}).Resolve(10).ValueOrDie(), (Sizes{4, 3, 3}));
  EXPECT_EQ(Ratios({0.25, 0.25}).Resolve(10).ValueOrDie(), (Sizes{3, 3}));
  EXPECT_EQ(Ratios({0.5, 0.5}).Resolve(7).ValueOrDie(), (Sizes{3, 4}));
  EXPECT_EQ(Ratios({0.8, 0.2}).Resolve(1797).ValueOrDie(), (Sizes{1438, 359}));
  EXPECT_EQ(Ratios({1.0}).Resolve(5).ValueOrDie(), (Sizes{5}));
}

TEST(SplitSizesTest, RatiosOutOfRangeAreInvalid) {
  ExpectInvalid(Ratios({1.5}), 10, "Split percentages must be between 0.0 and 1.0");
  ExpectInvalid(Ratios({-0.5}), 10, "Split percentages must be between 0.0 and 1.0");
  ExpectInvalid(Ratios({std::nan("")}), 10, "Split percentages must be between 0.0 and 1.0");
  ExpectInvalid(Ratios({0.6, 0.6}), 10, "must sum to 1.0 or less");
  ExpectInvalid(Ratios({0.9, 0.01}), 10, "of 10 rows which rounds to 0 rows");
  ExpectInvalid(Ratios({}), 10, "must not be empty");
}

TEST(SplitSizesTest, CountsMustBePositiveAndFit) {
  EXPECT_EQ(Counts({3, 4}).Resolve(10).ValueOrDie(), (Sizes{3, 4}));
  ExpectInvalid(Counts({3, 0}), 10, "Split counts must be greater than 0");
  ExpectInvalid(Counts({8, 4}), 10, "Split counts specified 12 rows but only 10 are available");
  ExpectInvalid(Counts({INT64_MAX, 2}), 10, "less than 2^63");
}

TEST(SplitSizesTest, FixedSplitsAreEqualAndRoundedDown) {
  EXPECT_EQ(Fixed(3).Resolve(10).ValueOrDie(), (Sizes{3, 3, 3}));
  ExpectInvalid(Fixed(0), 10, "must be greater than 0");
  ExpectInvalid(Fixed(11), 10,
                "Split fixed config specified 11 splits but only 10 rows are available.");
  ExpectInvalid(Fixed(OrderSpec::kMaxSplits + 1), 1 << 30, "at most 16777216 splits: 16777217");
}

TEST(SplitSizesTest, ExactlyOneWayMustBeChosen) {
  ExpectInvalid({}, 10, "Exactly one of 'ratios', 'counts', or 'fixed' must be provided");
  ExpectInvalid({.ratios = std::vector<double>{0.5}, .counts = std::nullopt, .fixed = 2}, 10,
                "Exactly one of 'ratios', 'counts', or 'fixed' must be provided");
}

}  // namespace
}  // namespace croupier
