#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/slot_bitmap.h"

namespace croupier::format {

/// Assembles packed structs, member by member. Members have no nulls; in the rows of null structs
/// they are zero or empty.
class PackedAssembler : public ColumnAssembler {
 public:
  static arrow::Result<std::unique_ptr<PackedAssembler>> Make(std::shared_ptr<arrow::DataType> type,
                                                              int64_t num_slots,
                                                              arrow::MemoryPool* pool);

  arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) override;
  arrow::Status AppendNulls(std::span<const RowRun> runs) override;
  uint8_t* FillInPlace(uint32_t /*slot*/, uint32_t /*count*/) override { return nullptr; }
  void Keep(std::shared_ptr<const void> owner) override;
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override;

 private:
  PackedAssembler(std::shared_ptr<arrow::DataType> type, int64_t num_slots,
                  arrow::MemoryPool* pool);

  const std::shared_ptr<arrow::DataType> type_;
  const int64_t num_slots_;
  SlotBitmap validity_;
  std::vector<std::unique_ptr<ColumnAssembler>> members_;
};

}  // namespace croupier::format
