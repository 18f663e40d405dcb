#include "croupier/format/page/variable_assembler.h"

#include <cstring>
#include <limits>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/format/encoding/general_compression.h"

namespace croupier::format {

VariableAssembler::VariableAssembler(std::shared_ptr<arrow::DataType> type, LeafShape shape,
                                     int64_t num_slots, arrow::MemoryPool* pool)
    : type_(std::move(type)),
      shape_(std::move(shape)),
      pool_(pool),
      values_(static_cast<size_t>(num_slots)) {}

template <typename Offset>
void VariableAssembler::NoteRows(const arrow::ArrayData& rows, std::span<const RowRun> runs) {
  const bool is_dictionary = rows.dictionary != nullptr;
  const arrow::ArrayData& source = is_dictionary ? *rows.dictionary : rows;
  const auto* offsets = source.GetValues<Offset>(1);
  const uint8_t* data = source.buffers[2]->data();
  const int32_t* indices = is_dictionary ? rows.GetValues<int32_t>(1) : nullptr;
  const uint8_t* validity = rows.buffers[0] != nullptr ? rows.buffers[0]->data() : nullptr;
  for (const RowRun& run : runs) {
    for (uint32_t i = 0; i < run.count; ++i) {
      const int64_t row = int64_t{run.row} + i;
      if (validity != nullptr && !arrow::bit_util::GetBit(validity, rows.offset + row)) {
        NoteNull(run.slot + i);
        continue;
      }
      const int64_t place = is_dictionary ? indices[row] : row;
      NotePlain(run.slot + i,
                {data + offsets[place], static_cast<size_t>(offsets[place + 1] - offsets[place])});
    }
  }
}

arrow::Status VariableAssembler::Append(const std::shared_ptr<const arrow::ArrayData>& rows,
                                        std::span<const RowRun> runs) {
  if (shape_.offset_bits == 32) {
    NoteRows<int32_t>(*rows, runs);
  } else {
    NoteRows<int64_t>(*rows, runs);
  }
  Keep(rows);
  return arrow::Status::OK();
}

arrow::Status VariableAssembler::AppendNulls(std::span<const RowRun> runs) {
  for (const RowRun& run : runs) {
    for (uint32_t i = 0; i < run.count; ++i) NoteNull(run.slot + i);
  }
  return arrow::Status::OK();
}

uint8_t* VariableAssembler::FillInPlace(uint32_t /*slot*/, uint32_t /*count*/) { return nullptr; }

void VariableAssembler::Keep(std::shared_ptr<const void> owner) {
  // Consecutive values mostly lie in the same bytes.
  if (kept_.empty() || kept_.back() != owner) kept_.push_back(std::move(owner));
}

void VariableAssembler::NoteNull(uint32_t slot) {
  if (validity_ == nullptr) {
    // An allocation of a few bytes, as likely to fail as that of a vector.
    validity_ =
        arrow::AllocateResizableBuffer(arrow::bit_util::BytesForBits(std::ssize(values_)), pool_)
            .ValueOrDie();
    std::memset(validity_->mutable_data(), 0xff, static_cast<size_t>(validity_->size()));
  }
  arrow::bit_util::ClearBit(validity_->mutable_data(), slot);
  ++null_count_;
}

arrow::Status VariableAssembler::NoteCompressed(uint32_t slot, CompressionScheme scheme,
                                                Bytes bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto compressed, CompressedBytes::Parse(scheme, bytes));
  values_[slot] = {bytes, compressed.raw_size_bytes(),
                   scheme == CompressionScheme::kLz4 ? Coding::kLz4 : Coding::kZstd};
  has_unchecked_values_ = true;
  return arrow::Status::OK();
}

arrow::Status VariableAssembler::NoteFsst(uint32_t slot, const FsstSymbolTable* table,
                                          Bytes codes) {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, table->DecodedSize(codes));
  values_[slot] = {codes, size, Coding::kFsst, table};
  has_unchecked_values_ = true;
  return arrow::Status::OK();
}

template <typename Offset>
arrow::Result<std::shared_ptr<arrow::ArrayData>> VariableAssembler::FinishAs() {
  const int64_t num_slots = std::ssize(values_);
  ARROW_ASSIGN_OR_RAISE(
      auto offsets,
      arrow::AllocateBuffer((num_slots + 1) * static_cast<int64_t>(sizeof(Offset)), pool_));
  auto* ends = reinterpret_cast<Offset*>(offsets->mutable_data());
  int64_t total = 0;
  for (int64_t i = 0; i < num_slots; ++i) {
    ends[i] = static_cast<Offset>(total);
    total += values_[static_cast<size_t>(i)].size;
    if (total > std::numeric_limits<Offset>::max()) {
      return arrow::Status::CapacityError(
          "the values of a batch are more than 2 GiB, which the type ", type_->ToString(),
          " cannot hold: read fewer rows at a time (row ", i, " of ", num_slots, ")");
    }
  }
  ends[num_slots] = static_cast<Offset>(total);
  ARROW_ASSIGN_OR_RAISE(
      auto data, arrow::AllocateResizableBuffer(total + FsstSymbolTable::kSlackBytes, pool_));
  uint8_t* destination = data->mutable_data();
  for (const Value& value : values_) {
    switch (value.coding) {
      case Coding::kPlain:
        if (value.size > 0) std::memcpy(destination, value.bytes.data(), value.bytes.size());
        break;
      case Coding::kFsst:
        // Writes into the slack, which the next value overwrites.
        value.table->Decode(value.bytes, destination);
        break;
      case Coding::kLz4:
      case Coding::kZstd: {
        ARROW_ASSIGN_OR_RAISE(
            const auto compressed,
            CompressedBytes::Parse(
                value.coding == Coding::kLz4 ? CompressionScheme::kLz4 : CompressionScheme::kZstd,
                value.bytes));
        const auto status = compressed.DecompressInto(destination);
        if (!status.ok()) return arrow::Status::SerializationError(status.message());
        break;
      }
    }
    destination += value.size;
  }
  ARROW_RETURN_NOT_OK(data->Resize(total, /*shrink_to_fit=*/false));
  if (shape_.is_utf8 && has_unchecked_values_) {
    ARROW_RETURN_NOT_OK(CheckUtf8(ends, data->data(), num_slots,
                                  validity_ != nullptr ? validity_->data() : nullptr));
  }
  return arrow::ArrayData::Make(type_, num_slots, {validity_, std::move(offsets), std::move(data)},
                                null_count_);
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> VariableAssembler::Finish() {
  auto finished = shape_.offset_bits == 32 ? FinishAs<int32_t>() : FinishAs<int64_t>();
  values_.clear();
  kept_.clear();
  return finished;
}

}  // namespace croupier::format
