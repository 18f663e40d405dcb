#include "croupier/format/encoding/byte_stream_split.h"

#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

namespace croupier::format {

arrow::Result<ValueBlock> DecodeByteStreamSplit(int64_t value_bits, Bytes bytes, int64_t num_values,
                                                arrow::MemoryPool* pool) {
  if ((value_bits != 32 && value_bits != 64) || std::ssize(bytes) % (value_bits / 8) != 0 ||
      std::ssize(bytes) / (value_bits / 8) != num_values) {
    return arrow::Status::SerializationError("byte stream split: ", num_values, " values of ",
                                             value_bits, " bits in ", bytes.size(), " bytes");
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(std::ssize(bytes), pool));
  uint8_t* const values = buffer->mutable_data();
  const int64_t width = value_bits / 8;
  for (int64_t stream = 0; stream < width; ++stream) {
    const uint8_t* source = bytes.data() + stream * num_values;
    for (int64_t i = 0; i < num_values; ++i) values[i * width + stream] = source[i];
  }
  return ValueBlock{num_values, std::move(buffer), nullptr, {}};
}

void EncodeByteStreamSplit(int64_t value_bytes, const uint8_t* values, int64_t num_values,
                           uint8_t* streams) {
  for (int64_t byte = 0; byte < value_bytes; ++byte) {
    for (int64_t i = 0; i < num_values; ++i) *streams++ = values[i * value_bytes + byte];
  }
}

}  // namespace croupier::format
