#include "croupier/table/row_id_array.h"

#include <algorithm>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>

namespace croupier::table {

arrow::Result<std::shared_ptr<arrow::Array>> MakeRowIdArray(std::span<const uint64_t> row_ids,
                                                            arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> values,
      arrow::AllocateBuffer(static_cast<int64_t>(row_ids.size() * sizeof(uint64_t)), pool));
  std::ranges::copy(row_ids, values->mutable_data_as<uint64_t>());
  return std::make_shared<arrow::UInt64Array>(static_cast<int64_t>(row_ids.size()),
                                              std::move(values));
}

}  // namespace croupier::table
