#include "croupier/storage/range_coalescer.h"

#include <algorithm>
#include <numeric>

namespace croupier::storage {

CoalescedRanges Coalesce(std::span<const ByteRange> ranges, const CoalesceOptions& options) {
  std::vector<uint32_t> order(ranges.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto begins_earlier = [&](uint32_t a, uint32_t b) {
    return ranges[a].offset_bytes < ranges[b].offset_bytes;
  };
  // Plans mostly come in file order.
  if (!std::is_sorted(order.begin(), order.end(), begins_earlier)) {
    std::sort(order.begin(), order.end(), begins_earlier);
  }

  CoalescedRanges result;
  result.places.resize(ranges.size());
  for (const uint32_t index : order) {
    const ByteRange& range = ranges[index];
    bool merged = false;
    if (!result.reads.empty()) {
      ByteRange& last = result.reads.back();
      const int64_t grown_bytes = std::max(last.end_bytes(), range.end_bytes()) - last.offset_bytes;
      const bool inside = range.end_bytes() <= last.end_bytes();
      if (inside ||
          (range.offset_bytes - last.end_bytes() <= options.max_gap_bytes &&
           grown_bytes <= options.max_read_bytes) ||
          range.offset_bytes < last.end_bytes()) {
        last.size_bytes = grown_bytes;
        merged = true;
      }
    }
    if (!merged) result.reads.push_back(range);
    result.places[index] = {static_cast<uint32_t>(result.reads.size() - 1),
                            range.offset_bytes - result.reads.back().offset_bytes};
  }
  return result;
}

}  // namespace croupier::storage
