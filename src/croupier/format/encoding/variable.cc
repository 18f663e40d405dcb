#include "croupier/format/encoding/variable.h"

#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

template <typename Offset>
arrow::Status CheckOffsets(const VariableValues& values, int64_t num_values) {
  const uint8_t* offsets = values.offsets.data();
  auto previous = static_cast<Offset>(values.first_offset);
  for (int64_t i = 0; i <= num_values; ++i) {
    const auto offset = LoadLittleEndian<Offset>(offsets + static_cast<size_t>(i) * sizeof(Offset));
    if (offset < previous) {
      return arrow::Status::SerializationError("variable: offset ", i, " goes back: ", offset,
                                               " after ", previous);
    }
    previous = offset;
  }
  if (previous > values.bytes.size()) {
    return arrow::Status::SerializationError("variable: a value ends at ", previous, " of ",
                                             values.bytes.size(), " bytes");
  }
  return arrow::Status::OK();
}

arrow::Status CheckOffsets(const VariableValues& values, int64_t offset_bits, int64_t num_values) {
  return offset_bits == 32 ? CheckOffsets<uint32_t>(values, num_values)
                           : CheckOffsets<uint64_t>(values, num_values);
}

template <typename Offset>
arrow::Result<ValueBlock> CopyAs(const VariableValues& values, int64_t num_values,
                                 arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(
      auto offsets,
      arrow::AllocateBuffer((num_values + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
  auto* out = reinterpret_cast<Offset*>(offsets->mutable_data());
  const auto first = LoadLittleEndian<Offset>(values.offsets.data());
  for (int64_t i = 0; i <= num_values; ++i) {
    out[i] = static_cast<Offset>(
        LoadLittleEndian<Offset>(values.offsets.data() + static_cast<size_t>(i) * sizeof(Offset)) -
        first);
  }
  ARROW_ASSIGN_OR_RAISE(auto data, CopyBytes(values.bytes.subspan(first, out[num_values]), pool));
  return ValueBlock{num_values, std::move(data), std::move(offsets), {}};
}

}  // namespace

arrow::Result<VariableValues> LocateMiniBlockValues(int64_t offset_bits, Bytes buffer,
                                                    int64_t num_values) {
  if (num_values >= std::ssize(buffer) / (offset_bits / 8)) {
    return arrow::Status::SerializationError("variable: ", num_values, " values in ", buffer.size(),
                                             " bytes");
  }
  const int64_t table_bytes = (num_values + 1) * (offset_bits / 8);
  VariableValues values{buffer.first(static_cast<size_t>(table_bytes)), buffer, table_bytes};
  ARROW_RETURN_NOT_OK(CheckOffsets(values, offset_bits, num_values));
  return values;
}

arrow::Result<VariableValues> LocateBlockValues(Bytes buffer, int64_t num_values,
                                                int64_t* offset_bits) {
  ByteReader reader(buffer);
  ARROW_ASSIGN_OR_RAISE(const auto bits, reader.Read<uint32_t>());
  uint64_t start = 0;
  uint64_t header_bytes = 0;
  if (bits == 32) {
    ARROW_ASSIGN_OR_RAISE(start, reader.Read<uint32_t>());
    header_bytes = 8;
  } else if (bits == 64) {
    ARROW_RETURN_NOT_OK(reader.Read<uint32_t>());
    ARROW_ASSIGN_OR_RAISE(start, reader.Read<uint64_t>());
    header_bytes = 16;
  } else if (bits >> 8 != 0 && (buffer[0] == 32 || buffer[0] == 64)) {
    // Old files: u8 bits, then count and start of that width.
    ByteReader old(buffer.subspan(1));
    *offset_bits = buffer[0];
    uint64_t count = 0;
    if (buffer[0] == 32) {
      ARROW_ASSIGN_OR_RAISE(count, old.Read<uint32_t>());
      ARROW_ASSIGN_OR_RAISE(start, old.Read<uint32_t>());
    } else {
      ARROW_ASSIGN_OR_RAISE(count, old.Read<uint64_t>());
      ARROW_ASSIGN_OR_RAISE(start, old.Read<uint64_t>());
    }
    if (count != static_cast<uint64_t>(num_values)) {
      return arrow::Status::SerializationError("variable: the block has ", count, " values, not ",
                                               num_values);
    }
    header_bytes = 1 + old.position();
  } else {
    return arrow::Status::SerializationError("variable: a block with offsets of ", bits, " bits");
  }
  if (bits == 32 || bits == 64) *offset_bits = bits;
  const auto offset_bytes = static_cast<uint64_t>(*offset_bits / 8);
  if (start < header_bytes || start > buffer.size() ||
      static_cast<uint64_t>(num_values) >= (start - header_bytes) / offset_bytes) {
    return arrow::Status::SerializationError("variable: the bytes of ", num_values,
                                             " values begin at ", start, " of ", buffer.size());
  }
  const uint64_t table_bytes = (static_cast<uint64_t>(num_values) + 1) * offset_bytes;
  VariableValues values{buffer.subspan(header_bytes, table_bytes), buffer.subspan(start), 0};
  ARROW_RETURN_NOT_OK(CheckOffsets(values, *offset_bits, num_values));
  return values;
}

arrow::Result<ValueBlock> CopyVariable(const VariableValues& values, int64_t offset_bits,
                                       int64_t num_values, arrow::MemoryPool* pool) {
  return offset_bits == 32 ? CopyAs<uint32_t>(values, num_values, pool)
                           : CopyAs<uint64_t>(values, num_values, pool);
}

}  // namespace croupier::format
