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

namespace {

// Copy a few bytes without a call: as two words that may overlap.
void CopyShort(uint8_t* to, const uint8_t* from, size_t size) {
  const auto copy_ends = [&]<typename Word>(Word head, Word tail) {
    std::memcpy(&head, from, sizeof(Word));
    std::memcpy(&tail, from + size - sizeof(Word), sizeof(Word));
    std::memcpy(to, &head, sizeof(Word));
    std::memcpy(to + size - sizeof(Word), &tail, sizeof(Word));
  };
  if (size > 16) {
    std::memcpy(to, from, size);
  } else if (size >= 8) {
    copy_ends(uint64_t{}, uint64_t{});
  } else if (size >= 4) {
    copy_ends(uint32_t{}, uint32_t{});
  } else if (size >= 2) {
    copy_ends(uint16_t{}, uint16_t{});
  } else if (size == 1) {
    *to = *from;
  }
}

}  // namespace

VariableAssembler::VariableAssembler(std::shared_ptr<arrow::DataType> type, LeafShape shape,
                                     int64_t num_slots, arrow::MemoryPool* pool)
    : type_(std::move(type)),
      shape_(std::move(shape)),
      pool_(pool),
      values_(static_cast<size_t>(num_slots)) {}

template <typename Offset>
arrow::Status VariableAssembler::NoteRows(const arrow::ArrayData& rows,
                                          std::span<const RowRun> runs) {
  const bool is_dictionary = rows.dictionary != nullptr;
  const arrow::ArrayData& source = is_dictionary ? *rows.dictionary : rows;
  const auto* offsets = source.GetValues<Offset>(1);
  const uint8_t* data = source.buffers[2]->data();
  const int32_t* indices = is_dictionary ? rows.GetValues<int32_t>(1) : nullptr;
  const uint8_t* validity = rows.buffers[0] != nullptr ? rows.buffers[0]->data() : nullptr;
  for (const RowRun& run : runs) {
    Value* values = values_.data() + run.slot;
    if (validity == nullptr && !is_dictionary) {  // the loop of most columns
      const Offset* row_offsets = offsets + run.row;
      for (uint32_t i = 0; i < run.count; ++i) {
        values[i] = {data + row_offsets[i], row_offsets[i + 1] - row_offsets[i], 0};
      }
      continue;
    }
    for (uint32_t i = 0; i < run.count; ++i) {
      const int64_t row = int64_t{run.row} + i;
      if (validity != nullptr && !arrow::bit_util::GetBit(validity, rows.offset + row)) {
        ARROW_RETURN_NOT_OK(NoteNull(run.slot + i));
        continue;
      }
      const int64_t place = is_dictionary ? indices[row] : row;
      values[i] = {data + offsets[place], offsets[place + 1] - offsets[place], 0};
    }
  }
  return arrow::Status::OK();
}

arrow::Status VariableAssembler::Append(const DecodedRows& rows, std::span<const RowRun> runs) {
  Keep(rows.array);
  return shape_.offset_bits == 32 ? NoteRows<int32_t>(*rows.array, runs)
                                  : NoteRows<int64_t>(*rows.array, runs);
}

void VariableAssembler::Prefetch(const DecodedRows& rows, std::span<const RowRun> runs) const {
  const bool is_dictionary = rows.array->dictionary != nullptr;
  const size_t width =
      is_dictionary ? sizeof(int32_t) : static_cast<size_t>(shape_.offset_bits) / 8;
  const uint8_t* places = rows.array->buffers[1]->data();
  for (const RowRun& run : runs) __builtin_prefetch(places + run.row * width);
}

arrow::Status VariableAssembler::AppendNulls(std::span<const RowRun> runs) {
  for (const RowRun& run : runs) {
    for (uint32_t i = 0; i < run.count; ++i) ARROW_RETURN_NOT_OK(NoteNull(run.slot + i));
  }
  return arrow::Status::OK();
}

uint8_t* VariableAssembler::FillInPlace(uint32_t /*slot*/, uint32_t /*count*/) { return nullptr; }

void VariableAssembler::Keep(std::shared_ptr<const void> owner) {
  // Consecutive values mostly lie in the same bytes.
  if (kept_.empty() || kept_.back() != owner) kept_.push_back(std::move(owner));
}

arrow::Status VariableAssembler::NoteNull(uint32_t slot) {
  if (validity_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(validity_, arrow::AllocateBitmap(std::ssize(values_), pool_));
    std::memset(validity_->mutable_data(), 0xff, static_cast<size_t>(validity_->size()));
  }
  arrow::bit_util::ClearBit(validity_->mutable_data(), slot);
  ++null_count_;
  return arrow::Status::OK();
}

arrow::Status VariableAssembler::NoteCoded(uint32_t slot, int64_t size, CodedValue value) {
  if (coded_.size() == UINT32_MAX) {
    return arrow::Status::CapacityError("a batch of more than ", UINT32_MAX, " compressed values");
  }
  coded_.push_back(value);
  values_[slot] = {nullptr, size, static_cast<uint32_t>(coded_.size())};
  has_unchecked_values_ = true;
  return arrow::Status::OK();
}

arrow::Status VariableAssembler::NoteCompressed(uint32_t slot, CompressionScheme scheme,
                                                Bytes bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto compressed, CompressedBytes::Parse(scheme, bytes));
  return NoteCoded(
      slot, compressed.raw_size_bytes(),
      {bytes, scheme == CompressionScheme::kLz4 ? Coding::kLz4 : Coding::kZstd, nullptr});
}

arrow::Status VariableAssembler::NoteFsst(uint32_t slot, const FsstSymbolTable* table,
                                          Bytes codes) {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, table->DecodedSize(codes));
  return NoteCoded(slot, size, {codes, Coding::kFsst, table});
}

arrow::Status VariableAssembler::CopyValues(uint8_t* destination) const {
  DecompressionState state;
  for (size_t i = 0; i < values_.size();) {
    const Value& value = values_[i];
    if (value.coded == 0) {
      // Values that are neighbours in memory are copied together, as a scan has them.
      const uint8_t* data = value.data;
      int64_t size = value.size;
      for (++i; i < values_.size() && values_[i].coded == 0; ++i) {
        if (values_[i].size != 0 && values_[i].data != data + size) break;
        size += values_[i].size;
      }
      CopyShort(destination, data, static_cast<size_t>(size));
      destination += size;
      continue;
    }
    const CodedValue& coded = coded_[value.coded - 1];
    if (coded.coding == Coding::kFsst) {
      // Writes into the slack, which the next value overwrites.
      coded.table->Decode(coded.bytes, destination);
    } else {
      const auto scheme =
          coded.coding == Coding::kLz4 ? CompressionScheme::kLz4 : CompressionScheme::kZstd;
      ARROW_ASSIGN_OR_RAISE(const auto compressed, CompressedBytes::Parse(scheme, coded.bytes));
      ARROW_RETURN_NOT_OK(compressed.DecompressInto(destination, &state));
    }
    destination += value.size;
    ++i;
  }
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
  ARROW_RETURN_NOT_OK(CopyValues(data->mutable_data()));
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
  coded_.clear();
  kept_.clear();
  return finished;
}

}  // namespace croupier::format
