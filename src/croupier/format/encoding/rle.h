#pragma once

#include <concepts>
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

/// Count the runs of equal values; one of more than 255 counts as several.
///
/// \param values words of any alignment
template <std::unsigned_integral Word>
int64_t CountRuns(const uint8_t* values, int64_t num_values);

/// Write the value and the length of each run.
///
/// \param run_values CountRuns words, of any alignment
/// \param lengths CountRuns bytes
template <std::unsigned_integral Word>
void EncodeRle(const uint8_t* values, int64_t num_values, uint8_t* run_values, uint8_t* lengths);

}  // namespace croupier::format
