#include "croupier/permutation/position_shuffle.h"

#include <algorithm>

namespace croupier::permutation {

namespace {

uint64_t NumClumps(uint64_t num_rows, uint64_t clump_size) {
  return num_rows / clump_size + (num_rows % clump_size != 0);
}

}  // namespace

PositionShuffle::PositionShuffle(uint64_t num_rows, const ShuffleSpec& spec, uint64_t key)
    : num_rows_(num_rows),
      clump_size_(
          std::min(static_cast<uint64_t>(spec.clump_size), std::max<uint64_t>(num_rows, 1))),
      key_(key),
      clumps_(NumClumps(num_rows, clump_size_), key) {
  if (num_rows == 0) return;
  const uint64_t num_clumps = clumps_.num_values();
  num_missing_ = num_clumps * clump_size_ - num_rows;
  if (num_missing_ != 0) {
    short_clump_end_ = (clumps_.Unmap(num_clumps - 1) + 1) * clump_size_ - num_missing_;
  }
  if (spec.window_clumps > 1) {
    window_rows_ = std::min(static_cast<uint64_t>(spec.window_clumps), num_clumps) * clump_size_;
  }
}

void PositionShuffle::MixWindows(std::span<uint64_t> positions) const {
  uint64_t begin = 0;
  uint64_t end = 0;  // of the window that `rows` is of
  KeyedBijection rows(0, 0);
  for (uint64_t& position : positions) {
    if (position < begin || position >= end) {
      const uint64_t window = Pad(position) / window_rows_;
      const uint64_t padded_begin = window * window_rows_;
      begin = Unpad(padded_begin);
      const uint64_t padded_rows = num_rows_ + num_missing_;
      end = padded_rows - padded_begin <= window_rows_ ? num_rows_
                                                       : Unpad(padded_begin + window_rows_);
      rows = KeyedBijection(end - begin, DeriveKey(key_, "window", window));
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
    const uint64_t padded = Pad(position);
    if (padded / clump_size_ != place) {
      place = padded / clump_size_;
      first_row = clumps_.Map(place) * clump_size_;
    }
    position = first_row + padded % clump_size_;
  }
}

}  // namespace croupier::permutation
