#include "croupier/permutation/position_shuffle.h"

#include <algorithm>

#include "croupier/permutation/order_key.h"

namespace croupier::permutation {

namespace {

uint64_t NumClumps(uint64_t num_rows, uint64_t clump_size) {
  return num_rows / clump_size + (num_rows % clump_size != 0);
}

// Rows of a window: less than all of them, or 0 where windows change nothing.
uint64_t WindowRows(uint64_t num_rows, const ShuffleSpec& spec) {
  if (spec.window_clumps == 1 || num_rows == 0) return 0;
  const auto clump_size = static_cast<uint64_t>(spec.clump_size);
  const auto window_clumps = static_cast<uint64_t>(spec.window_clumps);
  return window_clumps > num_rows / clump_size ? num_rows : window_clumps * clump_size;
}

}  // namespace

PositionShuffle::PositionShuffle(uint64_t num_rows, const ShuffleSpec& spec,
                                 std::string_view purpose, uint64_t index)
    : num_rows_(num_rows),
      clump_size_(
          std::min(static_cast<uint64_t>(spec.clump_size), std::max<uint64_t>(num_rows, 1))),
      window_rows_(WindowRows(num_rows, spec)),
      window_key_(DeriveKey(DeriveKey(spec.seed, purpose, index), "window", 0)),
      clumps_(NumClumps(num_rows, clump_size_), DeriveKey(spec.seed, purpose, index)) {
  if (clump_size_ == 1 || num_rows == 0) return;
  const uint64_t last = clumps_.num_values() - 1;
  last_clump_rows_ = num_rows - last * clump_size_;
  last_clump_begin_ = clumps_.Unmap(last) * clump_size_;
}

void PositionShuffle::MixWindows(std::span<uint64_t> positions) const {
  uint64_t begin = 0;
  uint64_t end = 0;  // of the window that `rows` is of
  KeyedBijection rows(0, 0);
  for (uint64_t& position : positions) {
    if (position < begin || position >= end) {
      const uint64_t window = position / window_rows_;
      begin = window * window_rows_;
      end = begin + std::min(window_rows_, num_rows_ - begin);
      rows = KeyedBijection(end - begin, DeriveKey(window_key_, "window", window));
    }
    position = begin + rows.Map(position - begin);
  }
}

void PositionShuffle::MapAll(std::span<uint64_t> positions) const {
  if (window_rows_ != 0) MixWindows(positions);
  if (clump_size_ == 1) {
    clumps_.MapAll(positions);
    return;
  }
  uint64_t place = UINT64_MAX;  // in the order of clumps
  uint64_t first_row = 0;       // of the clump there
  for (uint64_t& position : positions) {
    uint64_t padded = position;  // as if no clump were short
    if (position >= last_clump_begin_ + last_clump_rows_) padded += clump_size_ - last_clump_rows_;
    if (padded / clump_size_ != place) {
      place = padded / clump_size_;
      first_row = clumps_.Map(place) * clump_size_;
    }
    position = first_row + padded % clump_size_;
  }
}

}  // namespace croupier::permutation
