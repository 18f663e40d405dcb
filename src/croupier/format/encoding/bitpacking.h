#pragma once

#include <cstdint>

#include <arrow/result.h>

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

}  // namespace croupier::format
