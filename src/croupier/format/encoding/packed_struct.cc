#include "croupier/format/encoding/packed_struct.h"

#include <cstring>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

namespace croupier::format {

namespace {

// Copy one member out of every row; of a width known to the compiler, if kWidth is not 0.
template <size_t kWidth>
void CopyMember(const uint8_t* source, int64_t row_bytes, int64_t num_values, size_t width,
                uint8_t* destination) {
  for (int64_t i = 0; i < num_values; ++i) {
    std::memcpy(destination, source, kWidth != 0 ? kWidth : width);
    source += row_bytes;
    destination += kWidth != 0 ? kWidth : width;
  }
}

void CopyMember(const uint8_t* source, int64_t row_bytes, int64_t num_values, size_t width,
                uint8_t* destination) {
  switch (width) {
    case 1:
      return CopyMember<1>(source, row_bytes, num_values, width, destination);
    case 2:
      return CopyMember<2>(source, row_bytes, num_values, width, destination);
    case 4:
      return CopyMember<4>(source, row_bytes, num_values, width, destination);
    case 8:
      return CopyMember<8>(source, row_bytes, num_values, width, destination);
    default:
      return CopyMember<0>(source, row_bytes, num_values, width, destination);
  }
}

}  // namespace

arrow::Result<int64_t> CheckPackedStruct(const PackedStructEncoding& encoding,
                                         const LeafShape& shape) {
  if (encoding.bits_per_value.size() != shape.members.size()) {
    return arrow::Status::SerializationError("packed struct: ", encoding.bits_per_value.size(),
                                             " members, the type has ", shape.members.size());
  }
  int64_t row_bits = 0;
  for (size_t i = 0; i < shape.members.size(); ++i) {
    const LeafShape& member = shape.members[i];
    if (member.kind != LeafShape::Kind::kFixed || member.row_bits() % 8 != 0 ||
        encoding.bits_per_value[i] != static_cast<uint64_t>(member.row_bits())) {
      return arrow::Status::SerializationError("packed struct: member ", i, " has ",
                                               encoding.bits_per_value[i], " bits, its type ",
                                               member.row_bits());
    }
    row_bits += member.row_bits();
  }
  return row_bits / 8;
}

arrow::Result<ValueBlock> UnpackStruct(const LeafShape& shape, Bytes rows, int64_t num_values,
                                       arrow::MemoryPool* pool) {
  int64_t row_bytes = 0;
  for (const LeafShape& member : shape.members) row_bytes += member.row_bits() / 8;
  if (std::ssize(rows) / row_bytes != num_values || std::ssize(rows) % row_bytes != 0) {
    return arrow::Status::SerializationError("packed struct: ", num_values, " rows of ", row_bytes,
                                             " bytes in ", rows.size());
  }
  ValueBlock block;
  block.num_values = num_values;
  int64_t offset = 0;
  for (const LeafShape& member : shape.members) {
    const int64_t width = member.row_bits() / 8;
    ARROW_ASSIGN_OR_RAISE(auto data, arrow::AllocateBuffer(num_values * width, pool));
    CopyMember(rows.data() + offset, row_bytes, num_values, static_cast<size_t>(width),
               data->mutable_data());
    block.members.push_back({num_values, std::move(data), nullptr, {}, {}});
    offset += width;
  }
  return block;
}

}  // namespace croupier::format
