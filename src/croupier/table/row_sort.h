#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace croupier::table {

/// A row to read and the slot of the result that it goes to.
struct RowSlot {
  uint64_t row = 0;
  uint32_t slot = 0;
};

/// Sort by row, and equal rows by slot: least significant digit first, over the digits that differ.
///
/// \param rows in ascending order of their slots
///
/// Cost: a few nanoseconds a row; sorting is done for every window of a shuffled epoch.
void SortByRow(std::vector<RowSlot>* rows);

}  // namespace croupier::table
