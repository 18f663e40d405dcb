#pragma once

#include <arrow/memory_pool.h>

#include "croupier/base/memory_pool.h"
#include "croupier/table.h"

namespace croupier::table {

/// The pool that results of a read come from.
inline arrow::MemoryPool* PoolOf(const ReadOptions& options) {
  return options.pool != nullptr ? options.pool : DefaultMemoryPool();
}

}  // namespace croupier::table
