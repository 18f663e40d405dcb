#include "croupier/expression/takeable.h"

#include <algorithm>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/data.h>
#include <arrow/chunked_array.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace croupier::expression {

namespace {

const arrow::DataType* StorageOf(const arrow::DataType* type) {
  while (type->id() == arrow::Type::EXTENSION) {
    type = static_cast<const arrow::ExtensionType*>(type)->storage_type().get();
  }
  return type;
}

bool HasNestedFixedSizeLists(const arrow::DataType& any_type) {
  const auto& type = *StorageOf(&any_type);
  const auto is_fixed_list = [](const arrow::DataType& one) {
    return StorageOf(&one)->id() == arrow::Type::FIXED_SIZE_LIST;
  };
  return std::ranges::any_of(type.fields(), [&](const auto& field) {
    return (is_fixed_list(type) && is_fixed_list(*field->type())) ||
           HasNestedFixedSizeLists(*field->type());
  });
}

bool IsSliced(const arrow::ArrayData& data) {
  return data.offset != 0 ||
         std::ranges::any_of(data.child_data, [](const auto& child) { return IsSliced(*child); });
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Array>> Takeable(std::shared_ptr<arrow::Array> array,
                                                      arrow::MemoryPool* pool) {
  if (!HasNestedFixedSizeLists(*array->type()) || !IsSliced(*array->data())) return array;
  return arrow::Concatenate({std::move(array)}, pool);
}

arrow::Result<std::shared_ptr<arrow::ChunkedArray>> Takeable(
    std::shared_ptr<arrow::ChunkedArray> column, arrow::MemoryPool* pool) {
  if (!HasNestedFixedSizeLists(*column->type())) return column;
  auto chunks = column->chunks();
  for (auto& chunk : chunks) {
    ARROW_ASSIGN_OR_RAISE(chunk, Takeable(std::move(chunk), pool));
  }
  return std::make_shared<arrow::ChunkedArray>(std::move(chunks), column->type());
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Takeable(
    std::shared_ptr<arrow::RecordBatch> batch, arrow::MemoryPool* pool) {
  for (int i = 0; i < batch->num_columns(); ++i) {
    const auto column = batch->column(i);
    ARROW_ASSIGN_OR_RAISE(const auto takeable, Takeable(column, pool));
    if (takeable == column) continue;
    ARROW_ASSIGN_OR_RAISE(batch, batch->SetColumn(i, batch->schema()->field(i), takeable));
  }
  return batch;
}

}  // namespace croupier::expression
