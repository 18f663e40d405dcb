#include "croupier/base/hash.h"

#include <gtest/gtest.h>

namespace croupier {
namespace {

TEST(HashTest, SplitMix64FollowsItsPublishedSequence) {
  // First outputs of the reference implementation for seed 1234567.
  SplitMix64 generator(1234567);
  EXPECT_EQ(generator.Next(), 6457827717110365317ULL);
  EXPECT_EQ(generator.Next(), 3203168211198807973ULL);
  EXPECT_EQ(generator.Next(), 9817491932198370423ULL);
}

TEST(HashTest, Fnv1a64FollowsItsPublishedVectors) {
  EXPECT_EQ(Fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(Fnv1a64("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(Fnv1a64("foobar"), 0x85944171f73967e8ULL);
}

}  // namespace
}  // namespace croupier
