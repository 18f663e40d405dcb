#pragma once

#include <cstdint>

#include <arrow/type_fwd.h>

namespace croupier::table {

/// Count the bytes of the buffers that an array or a batch needs: of a slice, its part of them.
///
/// As arrow::util::ReferencedBufferSize, which allocates from Arrow's own pool (DefaultMemoryPool
/// says why that must not be) for each batch. Views, unions and runs count whole.
int64_t ReferencedBytes(const arrow::ArrayData& array);
int64_t ReferencedBytes(const arrow::RecordBatch& batch);

}  // namespace croupier::table
