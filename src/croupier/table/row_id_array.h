#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::table {

/// Copy row ids into a uint64 array without nulls.
arrow::Result<std::shared_ptr<arrow::Array>> MakeRowIdArray(std::span<const uint64_t> row_ids,
                                                            arrow::MemoryPool* pool);

}  // namespace croupier::table
