#pragma once

#include <arrow/type_fwd.h>

namespace croupier {

/// The pool of everything that is allocated where a caller names none: a CachingPool.
///
/// Arrow's own default, mimalloc or jemalloc, has locks that another thread may hold at a fork: a
/// child then hangs when it first allocates. The C library alone takes care of forks. So no code of
/// ours calls arrow::default_memory_pool(), nor a function that takes it where none is given.
arrow::MemoryPool* DefaultMemoryPool();

}  // namespace croupier
