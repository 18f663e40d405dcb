#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <arrow/memory_pool.h>
#include <arrow/status.h>

#include "croupier/base/process_local.h"

namespace croupier {

/// Memory of the C library, of which what is freed is kept for the next that asks for as much.
///
/// The C library gives large blocks back to the system, and fresh pages cost more than what batches
/// do with them. Blocks of 1 KiB to 64 MiB are kept, in classes of sizes a quarter of a power of
/// two apart, so a block may be larger by a quarter than was asked for. Any number of threads; its
/// locks are never held while memory is allocated. A forked child keeps none of its parent's
/// blocks.
class CachingPool : public arrow::MemoryPool {
 public:
  /// \param limit_bytes that are kept at most
  explicit CachingPool(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ~CachingPool() override;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;
  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                           uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;
  /// Give all that is kept back to the C library.
  void ReleaseUnused() override;

  /// Bytes that were asked for, and not what they were rounded up to.
  int64_t bytes_allocated() const override { return num_bytes_; }
  int64_t max_memory() const override { return max_bytes_; }
  int64_t total_bytes_allocated() const override { return total_bytes_; }
  int64_t num_allocations() const override { return num_allocations_; }
  std::string backend_name() const override { return "system, kept"; }

  int64_t num_kept_bytes() { return kept_.Get().num_bytes; }

 private:
  static constexpr int kMinLog2 = 10;
  static constexpr int kMaxLog2 = 26;
  static constexpr size_t kNumClasses = size_t{4} * (kMaxLog2 - kMinLog2);

  struct Class {
    std::mutex mutex;  // guards blocks; lives in a ProcessLocal
    std::vector<uint8_t*> blocks;
  };
  struct Kept {
    std::array<Class, kNumClasses> classes;
    std::atomic<int64_t> num_bytes{0};
    std::atomic<int64_t> num_refused{0};  // blocks since something was dropped
  };
  // A class, and the bytes of its blocks; of a size that is not kept, that size.
  struct Place {
    size_t index = kNumClasses;
    int64_t num_bytes = 0;
  };

  static Place PlaceOf(int64_t size, int64_t alignment);
  void Count(int64_t num_bytes);

  const int64_t limit_bytes_;
  ProcessLocal<Kept> kept_;
  std::atomic<int64_t> num_bytes_{0};
  std::atomic<int64_t> max_bytes_{0};
  std::atomic<int64_t> total_bytes_{0};
  std::atomic<int64_t> num_allocations_{0};
};

}  // namespace croupier
