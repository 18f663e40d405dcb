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

}  // namespace
}  // namespace croupier
