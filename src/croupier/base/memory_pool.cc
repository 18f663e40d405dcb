#include "croupier/base/memory_pool.h"

#include <arrow/memory_pool.h>

namespace croupier {

arrow::MemoryPool* DefaultMemoryPool() { return arrow::system_memory_pool(); }

}  // namespace croupier
