#include "croupier/format/encoding/rle.h"

#include <algorithm>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

template <typename Value>
void Expand(Bytes values, Bytes lengths, uint8_t* destination) {
  auto* out = reinterpret_cast<Value*>(destination);
  for (size_t run = 0; run < lengths.size(); ++run) {
    out = std::fill_n(out, lengths[run],
                      LoadLittleEndian<Value>(values.data() + run * sizeof(Value)));
  }
}

}  // namespace

arrow::Result<ValueBlock> DecodeRle(int64_t value_bits, Bytes values, Bytes lengths,
                                    int64_t num_values, arrow::MemoryPool* pool) {
  if (std::ssize(values) != std::ssize(lengths) * (value_bits / 8)) {
    return arrow::Status::SerializationError("rle: ", values.size(), " bytes of values of ",
                                             value_bits, " bits for ", lengths.size(), " runs");
  }
  int64_t total = 0;
  for (const uint8_t length : lengths) total += length;
  if (total != num_values) {
    return arrow::Status::SerializationError("rle: the runs have ", total, " values, not ",
                                             num_values);
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(num_values * (value_bits / 8), pool));
  switch (value_bits) {
    case 8:
      Expand<uint8_t>(values, lengths, buffer->mutable_data());
      break;
    case 16:
      Expand<uint16_t>(values, lengths, buffer->mutable_data());
      break;
    case 32:
      Expand<uint32_t>(values, lengths, buffer->mutable_data());
      break;
    case 64:
      Expand<uint64_t>(values, lengths, buffer->mutable_data());
      break;
    default:
      return arrow::Status::SerializationError("rle: values of ", value_bits, " bits");
  }
  return ValueBlock{num_values, std::move(buffer), nullptr, {}};
}

}  // namespace croupier::format
