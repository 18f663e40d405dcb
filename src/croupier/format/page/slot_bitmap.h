#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"

namespace croupier::format {

/// Copy the bits of rows to their slots, `bits_per_row` bits each.
void CopyRowBits(const uint8_t* source, int64_t source_offset, std::span<const RowRun> runs,
                 int64_t bits_per_row, uint8_t* destination);

/// The validity of the slots of a column, or of the items of its fixed-size lists: all set, and
/// without memory, until a bit is cleared.
class SlotBitmap {
 public:
  SlotBitmap(int64_t num_bits, arrow::MemoryPool* pool) : num_bits_(num_bits), pool_(pool) {}

  /// Get the bits to write.
  arrow::Result<uint8_t*> Bits();
  /// Copy the bits of rows to their slots; nothing to do if `source` is null.
  arrow::Status Copy(const arrow::Buffer* source, int64_t source_offset,
                     std::span<const RowRun> runs, int64_t bits_per_row = 1);
  /// Clear the slots of runs.
  arrow::Status Clear(std::span<const RowRun> runs);

  bool is_all_set() const { return buffer_ == nullptr; }
  /// Give the bitmap; null if no bit was cleared.
  std::shared_ptr<arrow::Buffer> Release() { return std::move(buffer_); }

 private:
  int64_t num_bits_;
  arrow::MemoryPool* pool_;
  std::shared_ptr<arrow::Buffer> buffer_;
};

}  // namespace croupier::format
