#pragma once

#include <concepts>
#include <cstdint>

#include <arrow/result.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Decode inline bit packing: one word that holds the width, then one full block.
///
///     T bits: width W; 128 * W bytes: 1024 values (those behind num_values are padding)
///
/// Source: lance-encodings.md, section 11.
arrow::Result<ValueBlock> DecodeInlineBitpacking(int64_t word_bits, Bytes bytes, int64_t num_values,
                                                 arrow::MemoryPool* pool);

/// Decode out-of-line bit packing: full blocks of 1024 values, then the rest as a padded block or
/// raw words; which of the two is told by the size.
arrow::Result<ValueBlock> DecodeOutOfLineBitpacking(int64_t word_bits, int64_t width, Bytes bytes,
                                                    int64_t num_values, arrow::MemoryPool* pool);

/// Append one inline block of up to 1024 values, with the width that the largest needs.
///
/// \param values words of any alignment
template <std::unsigned_integral Word>
void EncodeInlineBitpacking(const uint8_t* values, int64_t num_values, OutputBytes* out);

/// Append values out of line, in blocks; the rest is packed where that is smaller.
///
/// \param width 1 … bits of Word - 1, enough for all values
template <std::unsigned_integral Word>
void EncodeOutOfLineBitpacking(const uint8_t* values, int64_t num_values, int width,
                               OutputBytes* out);

}  // namespace croupier::format
