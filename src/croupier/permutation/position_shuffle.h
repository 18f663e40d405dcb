#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "croupier/base/index_shuffle.h"
#include "croupier/order_spec.h"
#include "croupier/permutation/order_key.h"

namespace croupier::permutation {

/// A shuffle of [0, n) as a function of position, in constant memory.
///
/// Clumps move by a keyed bijection of their numbers; the rows of a window by one of its own. A
/// window is whole clumps, also behind the short one.
/// Specified in docs/concepts/order.md. Immutable; any number of threads.
class PositionShuffle {
 public:
  /// \param num_rows n, at most 2^63
  /// \param spec its seed is not looked at
  PositionShuffle(uint64_t num_rows, const ShuffleSpec& spec, uint64_t key);
  /// Make one with a key derived from the seed.
  ///
  /// \param purpose, index what the key is for
  PositionShuffle(uint64_t num_rows, const ShuffleSpec& spec, std::string_view purpose,
                  uint64_t index)
      : PositionShuffle(num_rows, spec, DeriveKey(spec.seed, purpose, index)) {}

  /// Map each position in [0, n) in place.
  void MapAll(std::span<uint64_t> positions) const;

 private:
  void MixWindows(std::span<uint64_t> positions) const;
  // Positions as if no clump were short, and back where a clump begins.
  uint64_t Pad(uint64_t position) const {
    return position < short_clump_end_ ? position : position + num_missing_;
  }
  uint64_t Unpad(uint64_t clump_begin) const {
    return clump_begin < short_clump_end_ ? clump_begin : clump_begin - num_missing_;
  }

  uint64_t num_rows_;
  uint64_t clump_size_;
  uint64_t window_rows_ = 0;  // of whole clumps; 0 without windows
  uint64_t key_;
  KeyedBijection clumps_;
  uint64_t num_missing_ = 0;      // rows that the short clump has less than others
  uint64_t short_clump_end_ = 0;  // the position behind the short clump
};

}  // namespace croupier::permutation
