#include "croupier/table/row_ids.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"

namespace croupier::table {
namespace {

using format::DeletionVector;
using format::RowIdSequenceBuilder;

FragmentIds Fragment(uint64_t id, const std::vector<uint64_t>& row_ids,
                     const std::vector<uint32_t>& deleted = {}) {
  RowIdSequenceBuilder builder;
  EXPECT_TRUE(builder.Append(row_ids).ok());
  FragmentIds fragment{id, std::ssize(row_ids), nullptr, builder.Finish()};
  if (!deleted.empty()) {
    fragment.deletions =
        DeletionVector::FromSorted(deleted, fragment.num_physical_rows).ValueOrDie();
  }
  return fragment;
}

std::vector<uint64_t> Numbers(uint64_t first, size_t count) {
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST(RowAddressMapTest, RowsThatMovedAreFoundAtTheirLiveCopy) {
  // Rows 2 and 8 were updated: their old copies are deleted.
  const std::vector<FragmentIds> fragments = {Fragment(0, Numbers(0, 5), {2}),
                                              Fragment(1, Numbers(5, 5), {3}), Fragment(4, {8, 2}),
                                              Fragment(5, Numbers(10, 100))};
  const auto map = RowAddressMap::Make(fragments).ValueOrDie();
  EXPECT_EQ(map->Find(1), RowAddress(0, 1));
  EXPECT_EQ(map->Find(2), RowAddress(4, 1));
  EXPECT_EQ(map->Find(8), RowAddress(4, 0));
  EXPECT_EQ(map->Find(9), RowAddress(1, 4));
  EXPECT_EQ(map->Find(10), RowAddress(5, 0));
  EXPECT_EQ(map->Find(109), RowAddress(5, 99));
  EXPECT_EQ(map->Find(110), std::nullopt);
  EXPECT_EQ(map->Find(UINT64_MAX), std::nullopt);

  const LanceRowIds live(fragments);
  ASSERT_EQ(live.num_rows(), 110);
  auto row_ids = Numbers(0, 110);
  live.Lookup(row_ids);
  auto addresses = Numbers(0, 110);
  live.LookupAddresses(addresses);
  for (size_t i = 0; i < row_ids.size(); ++i) {
    EXPECT_EQ(map->Find(row_ids[i]), addresses[i]) << i;
    EXPECT_EQ(live.RankOf(addresses[i] >> 32, static_cast<uint32_t>(addresses[i])), i);
  }
}

TEST(RowAddressMapTest, ADeletedRowIsNotFound) {
  const auto map = RowAddressMap::Make(std::vector{Fragment(0, Numbers(0, 20), {0, 7, 19}),
                                                   Fragment(1, {100, 90, 80}, {1})})
                       .ValueOrDie();
  for (const uint64_t id : {0, 7, 19, 90}) EXPECT_EQ(map->Find(id), std::nullopt) << id;
  for (const uint64_t id : {1, 6, 8, 18}) EXPECT_EQ(map->Find(id), id) << id;
  EXPECT_EQ(map->Find(80), RowAddress(1, 2));
}

TEST(RowAddressMapTest, AnIdOfTwoLiveRowsIsAnError) {
  const std::vector<std::vector<FragmentIds>> cases = {
      {Fragment(0, Numbers(0, 10)), Fragment(1, Numbers(9, 10))},  // runs
      {Fragment(0, Numbers(0, 10)), Fragment(1, {30, 4})},         // a run and a single row
      {Fragment(0, {5, 1}), Fragment(1, {9, 5})},                  // single rows
  };
  for (const auto& fragments : cases) {
    const auto status = RowAddressMap::Make(fragments).status();
    EXPECT_TRUE(status.IsSerializationError()) << status;
  }
}

TEST(RowAddressMapTest, ScatteredIdsOfManyFragmentsAreAllFound) {
  SplitMix64 random(3);
  std::set<uint64_t> used;
  std::map<uint64_t, uint64_t> expected;
  std::vector<FragmentIds> fragments;
  for (uint64_t fragment = 0; fragment < 20; ++fragment) {
    std::vector<uint64_t> ids;
    std::vector<uint32_t> deleted;
    while (ids.size() < 1000) {
      // Small ids, ids far from each other, and short runs.
      uint64_t id = random.Next() >> (random.Next() % 2 == 0 ? 44 : 8);
      for (uint64_t count = random.Next() % 8; count-- > 0; ++id) {
        if (!used.insert(id).second) break;
        const auto offset = static_cast<uint32_t>(ids.size());
        ids.push_back(id);
        if (random.Next() % 10 == 0) {
          deleted.push_back(offset);
        } else {
          expected[id] = RowAddress(fragment * 3, offset);
        }
      }
    }
    fragments.push_back(Fragment(fragment * 3, ids, deleted));
  }
  const auto map = RowAddressMap::Make(fragments).ValueOrDie();
  for (const uint64_t id : used) {
    const auto found = expected.find(id);
    EXPECT_EQ(map->Find(id),
              found == expected.end() ? std::nullopt : std::optional<uint64_t>(found->second));
    if (!used.contains(id + 1)) {
      EXPECT_EQ(map->Find(id + 1), std::nullopt);
    }
  }
}

TEST(RowAddressMapTest, ATableWithoutRowsHasNone) {
  const auto map = RowAddressMap::Make({}).ValueOrDie();
  EXPECT_EQ(map->Find(0), std::nullopt);
  EXPECT_EQ(LanceRowIds({}).num_rows(), 0);
}

}  // namespace
}  // namespace croupier::table
