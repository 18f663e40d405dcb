#include "croupier/format/page/packed_assembler.h"

#include <utility>

#include <arrow/array/data.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

PackedAssembler::PackedAssembler(std::shared_ptr<arrow::DataType> type, int64_t num_slots,
                                 arrow::MemoryPool* pool)
    : type_(std::move(type)), num_slots_(num_slots), validity_(num_slots, pool) {}

arrow::Result<std::unique_ptr<PackedAssembler>> PackedAssembler::Make(
    std::shared_ptr<arrow::DataType> type, int64_t num_slots, arrow::MemoryPool* pool) {
  std::unique_ptr<PackedAssembler> assembler(new PackedAssembler(type, num_slots, pool));
  for (const auto& field : type->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto member,
                          ColumnAssembler::Make(LeafPath::Flat(field->type()), num_slots, pool));
    assembler->members_.push_back(std::move(member));
  }
  return assembler;
}

arrow::Status PackedAssembler::Append(const DecodedRows& rows, std::span<const RowRun> runs) {
  ARROW_RETURN_NOT_OK(validity_.Copy(rows.array->buffers[0].get(), rows.array->offset, runs));
  for (size_t i = 0; i < members_.size(); ++i) {
    ARROW_RETURN_NOT_OK(members_[i]->Append({rows.array->child_data[i]}, runs));
  }
  return arrow::Status::OK();
}

arrow::Status PackedAssembler::AppendNulls(std::span<const RowRun> runs) {
  ARROW_RETURN_NOT_OK(validity_.Clear(runs));
  for (const auto& member : members_) ARROW_RETURN_NOT_OK(member->AppendNulls(runs));
  return arrow::Status::OK();
}

void PackedAssembler::Keep(std::shared_ptr<const void> owner) {
  for (const auto& member : members_) member->Keep(owner);
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> PackedAssembler::Finish() {
  auto bitmap = validity_.Release();
  const int64_t null_count = bitmap == nullptr ? 0 : arrow::kUnknownNullCount;
  auto array = arrow::ArrayData::Make(type_, num_slots_, {std::move(bitmap)}, null_count);
  for (const auto& member : members_) {
    ARROW_ASSIGN_OR_RAISE(auto values, member->Finish());
    values->buffers[0] = nullptr;
    values->null_count = 0;
    array->child_data.push_back(std::move(values));
  }
  return array;
}

}  // namespace croupier::format
