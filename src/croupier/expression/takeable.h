#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::expression {

/// Give an array from which Arrow's kernels `take` and `filter` give the right rows.
///
/// Those of Arrow 26 ignore where slices of fixed-size lists of fixed-size lists begin, and give
/// other rows. Such arrays are copied, on their own or inside of others; all else is given back.
arrow::Result<std::shared_ptr<arrow::Array>> Takeable(std::shared_ptr<arrow::Array> array,
                                                      arrow::MemoryPool* pool);
arrow::Result<std::shared_ptr<arrow::ChunkedArray>> Takeable(
    std::shared_ptr<arrow::ChunkedArray> column, arrow::MemoryPool* pool);
arrow::Result<std::shared_ptr<arrow::RecordBatch>> Takeable(
    std::shared_ptr<arrow::RecordBatch> batch, arrow::MemoryPool* pool);

}  // namespace croupier::expression
