#include "croupier/permutation/position_shuffle.h"

#include <algorithm>
#include <array>

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
  const uint64_t padded_rows = num_rows_ + num_missing_;
  while (!positions.empty()) {
    const uint64_t window = Pad(positions.front()) / window_rows_;
    const uint64_t padded_begin = window * window_rows_;
    const uint64_t begin = Unpad(padded_begin);
    const uint64_t end =
        padded_rows - padded_begin <= window_rows_ ? num_rows_ : Unpad(padded_begin + window_rows_);
    // Those that lie in this window are mapped together.
    size_t count = 0;
    while (count < positions.size() && positions[count] >= begin && positions[count] < end) {
      positions[count++] -= begin;
    }
    const auto rows = positions.first(count);
    KeyedBijection(end - begin, DeriveKey(key_, "window", window)).MapAll(rows);
    for (uint64_t& position : rows) position += begin;
    positions = positions.subspan(count);
  }
}

void PositionShuffle::MapAll(std::span<uint64_t> positions) const {
  if (window_rows_ != 0) MixWindows(positions);
  if (clump_size_ == 1) {
    clumps_.MapAll(positions);
    return;
  }
  constexpr size_t kChunk = 256;
  std::array<uint64_t, kChunk> places;  // in the order of clumps, of each position
  std::array<uint64_t, kChunk> clumps;  // of each run of positions in one place
  while (!positions.empty()) {
    const auto chunk = positions.first(std::min(kChunk, positions.size()));
    positions = positions.subspan(chunk.size());
    size_t num_clumps = 0;
    for (size_t i = 0; i < chunk.size(); ++i) {
      const uint64_t padded = Pad(chunk[i]);
      places[i] = padded / clump_size_;
      chunk[i] = padded % clump_size_;
      if (i == 0 || places[i] != places[i - 1]) clumps[num_clumps++] = places[i];
    }
    clumps_.MapAll(std::span(clumps).first(num_clumps));
    size_t clump = 0;
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (i > 0 && places[i] != places[i - 1]) ++clump;
      chunk[i] += clumps[clump] * clump_size_;
    }
  }
}

}  // namespace croupier::permutation
