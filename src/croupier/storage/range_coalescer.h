#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "croupier/base/byte_range.h"

namespace croupier::storage {

struct CoalesceOptions {
  /// Ranges with no more than this between them are read as one.
  int64_t max_gap_bytes = 8 << 10;
  /// No read grows beyond this by merging (one range may be larger by itself).
  int64_t max_read_bytes = 8 << 20;
};

/// Reads that cover some ranges, and where each range lies in them.
struct CoalescedRanges {
  struct Place {
    uint32_t read_index = 0;
    int64_t offset_bytes = 0;  ///< within that read
  };
  std::vector<ByteRange> reads;  ///< ascending, disjoint
  std::vector<Place> places;     ///< one for each range asked for, in its order
};

/// Merge ranges of one object, in any order, overlapping or equal ones too.
CoalescedRanges Coalesce(std::span<const ByteRange> ranges, const CoalesceOptions& options = {});

}  // namespace croupier::storage
