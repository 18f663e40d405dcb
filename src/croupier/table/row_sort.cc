#include "croupier/table/row_sort.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace croupier::table {

namespace {

constexpr int kDigitBits = 11;
constexpr size_t kNumDigits = size_t{1} << kDigitBits;
// Below this, counting digits costs more than comparing.
constexpr size_t kMinRadixRows = 256;

}  // namespace

void SortByRow(std::vector<RowSlot>* rows) {
  if (rows->size() < kMinRadixRows) {
    std::sort(rows->begin(), rows->end(), [](const RowSlot& a, const RowSlot& b) {
      return std::tie(a.row, a.slot) < std::tie(b.row, b.slot);
    });
    return;
  }
  // Bits that differ between any two rows: the others need no pass.
  uint64_t all_or = 0;
  uint64_t all_and = ~uint64_t{0};
  for (const RowSlot& row : *rows) {
    all_or |= row.row;
    all_and &= row.row;
  }
  const uint64_t differing = all_or & ~all_and;

  std::vector<RowSlot> other(rows->size());
  std::array<size_t, kNumDigits> starts;
  for (int shift = 0; shift < 64; shift += kDigitBits) {
    if (((differing >> shift) & (kNumDigits - 1)) == 0) continue;
    starts.fill(0);
    for (const RowSlot& row : *rows) ++starts[(row.row >> shift) & (kNumDigits - 1)];
    size_t next = 0;
    for (size_t& start : starts) next += std::exchange(start, next);
    for (const RowSlot& row : *rows) other[starts[(row.row >> shift) & (kNumDigits - 1)]++] = row;
    rows->swap(other);
  }
}

}  // namespace croupier::table
