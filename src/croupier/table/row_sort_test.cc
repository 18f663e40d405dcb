#include "croupier/table/row_sort.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "croupier/base/hash.h"

namespace croupier::table {
namespace {

void ExpectSortedByRowThenSlot(size_t num_rows, uint64_t mask, uint64_t seed) {
  SplitMix64 generator(seed);
  std::vector<RowSlot> rows(num_rows);
  for (uint32_t slot = 0; slot < num_rows; ++slot) rows[slot] = {generator.Next() & mask, slot};
  auto expected = rows;
  std::sort(expected.begin(), expected.end(), [](const RowSlot& a, const RowSlot& b) {
    return std::pair(a.row, a.slot) < std::pair(b.row, b.slot);
  });
  SortByRow(&rows);
  for (size_t i = 0; i < num_rows; ++i) {
    ASSERT_EQ(rows[i].row, expected[i].row) << "seed " << seed << " row " << i;
    ASSERT_EQ(rows[i].slot, expected[i].slot) << "seed " << seed << " row " << i;
  }
}

TEST(RowSortTest, SortsByRowThenSlot) {
  for (size_t num_rows : {0, 1, 255, 256, 257, 5000}) {
    ExpectSortedByRowThenSlot(num_rows, ~uint64_t{0}, 1);
    ExpectSortedByRowThenSlot(num_rows, 0, 2);                      // all equal
    ExpectSortedByRowThenSlot(num_rows, 0xff, 3);                   // many repeats
    ExpectSortedByRowThenSlot(num_rows, 0x0000000f0003ffffULL, 4);  // fragments and offsets
    ExpectSortedByRowThenSlot(num_rows, uint64_t{1} << 63, 5);
  }
}

}  // namespace
}  // namespace croupier::table
