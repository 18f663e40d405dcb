#include "croupier/format/page/slot_bitmap.h"

#include <cstring>

#include <arrow/status.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

namespace croupier::format {

void CopyRowBits(const uint8_t* source, int64_t source_offset, std::span<const RowRun> runs,
                 int64_t bits_per_row, uint8_t* destination) {
  for (const RowRun& run : runs) {
    if (run.count == 1 && bits_per_row == 1) {
      arrow::bit_util::SetBitTo(destination, run.slot,
                                arrow::bit_util::GetBit(source, source_offset + run.row));
    } else {
      arrow::internal::CopyBitmap(source, source_offset + run.row * bits_per_row,
                                  run.count * bits_per_row, destination, run.slot * bits_per_row);
    }
  }
}

arrow::Result<uint8_t*> SlotBitmap::Bits() {
  if (buffer_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(buffer_, arrow::AllocateBitmap(num_bits_, pool_));
    std::memset(buffer_->mutable_data(), 0xff, static_cast<size_t>(buffer_->size()));
  }
  return buffer_->mutable_data();
}

arrow::Status SlotBitmap::Copy(const arrow::Buffer* source, int64_t source_offset,
                               std::span<const RowRun> runs, int64_t bits_per_row) {
  if (source == nullptr) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(uint8_t* bits, Bits());
  CopyRowBits(source->data(), source_offset, runs, bits_per_row, bits);
  return arrow::Status::OK();
}

arrow::Status SlotBitmap::Clear(std::span<const RowRun> runs) {
  ARROW_ASSIGN_OR_RAISE(uint8_t* bits, Bits());
  for (const RowRun& run : runs) arrow::bit_util::SetBitsTo(bits, run.slot, run.count, false);
  return arrow::Status::OK();
}

}  // namespace croupier::format
