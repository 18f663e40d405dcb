#pragma once

#include <cstdint>

#include <arrow/result.h>

#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Decode byte streams: byte j of value i lies at j * num_values + i. Values have 4 or 8 bytes.
///
/// Source: lance-encodings.md, section 10, ByteStreamSplit.
arrow::Result<ValueBlock> DecodeByteStreamSplit(int64_t value_bits, Bytes bytes, int64_t num_values,
                                                arrow::MemoryPool* pool);

/// Write values of `value_bytes` bytes as byte streams, into as many bytes.
void EncodeByteStreamSplit(int64_t value_bytes, const uint8_t* values, int64_t num_values,
                           uint8_t* streams);

}  // namespace croupier::format
