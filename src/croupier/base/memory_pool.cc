#include "croupier/base/memory_pool.h"

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier {

namespace {

// What Arrow makes at the first call of its pools, with the first buffer and the first error, it
// makes under locks of the compiler's: so that happens when the library is loaded, before any fork.
arrow::MemoryPool* MakeReady() {
  auto* const pool = arrow::system_memory_pool();
  static_cast<void>(arrow::AllocateBuffer(1, pool).ok());
  static_cast<void>(arrow::AllocateResizableBuffer(1, pool).ok());
  static_cast<void>(arrow::Status::Invalid("").detail());
  return pool;
}

arrow::MemoryPool* const pool = MakeReady();

}  // namespace

arrow::MemoryPool* DefaultMemoryPool() { return pool; }

}  // namespace croupier
