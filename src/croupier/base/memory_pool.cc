#include "croupier/base/memory_pool.h"

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/caching_pool.h"

namespace croupier {

namespace {

// AddressSanitizer is to see what is used after it was freed. clang says by __has_feature that it
// is there, gcc by a macro.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CROUPIER_KEEPS_NOTHING
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CROUPIER_KEEPS_NOTHING
#endif

// The buffers of a few batches.
#if defined(CROUPIER_KEEPS_NOTHING)
constexpr int64_t kKeptBytes = 0;
#else
constexpr int64_t kKeptBytes = 64 << 20;
#endif

// What Arrow makes at the first call of its pools, with the first buffer and the first error, it
// makes under locks of the compiler's: so that happens when the library is loaded, before any fork.
arrow::MemoryPool* MakePool() {
  auto* const pool = new CachingPool(kKeptBytes);
  static_cast<void>(arrow::AllocateBuffer(1, pool).ok());
  static_cast<void>(arrow::AllocateResizableBuffer(1, pool).ok());
  static_cast<void>(arrow::Status::Invalid("").detail());
  return pool;
}

arrow::MemoryPool* const pool = MakePool();

}  // namespace

arrow::MemoryPool* DefaultMemoryPool() { return pool; }

}  // namespace croupier
