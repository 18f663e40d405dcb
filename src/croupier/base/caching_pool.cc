#include "croupier/base/caching_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <sys/mman.h>

namespace croupier {

namespace {

// When so many blocks found no room, what is kept is of sizes that nobody asks for any more.
constexpr int64_t kMaxRefused = 256;
constexpr uintptr_t kHugePageBytes = 2 << 20;

// Of a large block, which is filled from one end to the other, a fault for each small page costs as
// much as filling it.
void PreferHugePages(uint8_t* block, int64_t num_bytes) {
  const auto size = static_cast<uintptr_t>(num_bytes);
  const uintptr_t before = -reinterpret_cast<uintptr_t>(block) % kHugePageBytes;
  if (size < before + kHugePageBytes) return;
  // It is a hint; systems without such pages refuse it.
  madvise(block + before, (size - before) / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
}

}  // namespace

CachingPool::~CachingPool() {
  if (kept_.GetIfBuilt() != nullptr) ReleaseUnused();
}

CachingPool::Place CachingPool::PlaceOf(int64_t size, int64_t alignment) {
  if (size <= int64_t{1} << kMinLog2 || size > int64_t{1} << kMaxLog2 ||
      alignment > arrow::kDefaultBufferAlignment) {
    return {kNumClasses, size};
  }
  // 2^log2 is below the size, and 2^(log2 + 1) is not.
  const int log2 = static_cast<int>(std::bit_width(static_cast<uint64_t>(size - 1))) - 1;
  const int64_t power = int64_t{1} << log2;
  const int64_t quarter = power / 4;
  const int64_t num_quarters = (size - 1 - power) / quarter + 1;
  return {static_cast<size_t>(int64_t{4} * (log2 - kMinLog2) + num_quarters - 1),
          power + num_quarters * quarter};
}

void CachingPool::Count(int64_t num_bytes) {
  const int64_t now = num_bytes_ += num_bytes;
  total_bytes_ += num_bytes;
  ++num_allocations_;
  int64_t max = max_bytes_;
  while (now > max && !max_bytes_.compare_exchange_weak(max, now)) {
  }
}

arrow::Status CachingPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  const Place place = PlaceOf(size, alignment);
  if (place.index < kNumClasses) {
    Kept& kept = kept_.Get();
    Class& of_size = kept.classes[place.index];
    const std::lock_guard lock(of_size.mutex);
    if (!of_size.blocks.empty()) {
      *out = of_size.blocks.back();
      of_size.blocks.pop_back();
      kept.num_bytes -= place.num_bytes;
      Count(size);
      return arrow::Status::OK();
    }
  }
  ARROW_RETURN_NOT_OK(arrow::system_memory_pool()->Allocate(
      place.num_bytes, std::max(alignment, arrow::kDefaultBufferAlignment), out));
  PreferHugePages(*out, place.num_bytes);
  Count(size);
  return arrow::Status::OK();
}

arrow::Status CachingPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                      uint8_t** ptr) {
  const Place old_place = PlaceOf(old_size, alignment);
  const Place new_place = PlaceOf(new_size, alignment);
  if (old_place.index == kNumClasses && new_place.index == kNumClasses) {
    ARROW_RETURN_NOT_OK(arrow::system_memory_pool()->Reallocate(
        old_size, new_size, std::max(alignment, arrow::kDefaultBufferAlignment), ptr));
  } else if (old_place.index != new_place.index) {
    uint8_t* moved = nullptr;
    ARROW_RETURN_NOT_OK(Allocate(new_size, alignment, &moved));
    std::memcpy(moved, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    Free(std::exchange(*ptr, moved), old_size, alignment);
    return arrow::Status::OK();
  }
  num_bytes_ -= old_size;
  Count(new_size);
  return arrow::Status::OK();
}

void CachingPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  num_bytes_ -= size;
  const Place place = PlaceOf(size, alignment);
  if (place.index < kNumClasses) {
    Kept& kept = kept_.Get();
    if (kept.num_bytes.fetch_add(place.num_bytes) + place.num_bytes <= limit_bytes_) {
      Class& of_size = kept.classes[place.index];
      const std::lock_guard lock(of_size.mutex);
      of_size.blocks.push_back(buffer);
      return;
    }
    kept.num_bytes -= place.num_bytes;
    if (kept.num_refused.fetch_add(1) + 1 == kMaxRefused) ReleaseUnused();
  }
  arrow::system_memory_pool()->Free(buffer, place.num_bytes,
                                    std::max(alignment, arrow::kDefaultBufferAlignment));
}

void CachingPool::ReleaseUnused() {
  Kept& kept = kept_.Get();
  kept.num_refused = 0;
  for (size_t i = 0; i < kNumClasses; ++i) {
    std::vector<uint8_t*> blocks;
    {
      const std::lock_guard lock(kept.classes[i].mutex);
      blocks.swap(kept.classes[i].blocks);
    }
    const int64_t power = int64_t{1} << (kMinLog2 + i / 4);
    const int64_t block_bytes = power + static_cast<int64_t>(i % 4 + 1) * (power / 4);
    for (uint8_t* block : blocks) {
      kept.num_bytes -= block_bytes;
      arrow::system_memory_pool()->Free(block, block_bytes, arrow::kDefaultBufferAlignment);
    }
  }
}

}  // namespace croupier
