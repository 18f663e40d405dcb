#pragma once

#include <cstdint>

#include <arrow/result.h>

#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Decode runs: one value of `value_bits` (8, 16, 32, 64) and one length byte (1 … 255) for each
/// run.
///
/// \return SerializationError unless the lengths add up to num_values
/// Source: lance-encodings.md, section 10, Rle.
arrow::Result<ValueBlock> DecodeRle(int64_t value_bits, Bytes values, Bytes lengths,
                                    int64_t num_values, arrow::MemoryPool* pool);

}  // namespace croupier::format
