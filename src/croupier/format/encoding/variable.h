#pragma once

#include <cstdint>

#include <arrow/result.h>

#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Where the values of a variable-width buffer are: offsets[i] … offsets[i + 1] of `bytes`.
///
/// Ascending and inside `bytes`; any alignment, so read them by LoadLittleEndian.
struct VariableValues {
  Bytes offsets;  ///< num_values + 1 integers of offset_bits
  Bytes bytes;
  int64_t first_offset = 0;
};

/// Find the values in the buffer of a mini-block chunk: offsets, relative to the buffer, then
/// bytes.
///
/// \param offset_bits 32 or 64
/// Source: lance-encodings.md, section 10, "Variable, mini-block".
arrow::Result<VariableValues> LocateMiniBlockValues(int64_t offset_bits, Bytes buffer,
                                                    int64_t num_values);

/// Find the values of a block: a header (bits and start), offsets from 0, then bytes.
///
/// Source: lance-encodings.md, section 10, "Variable, block". \param[out] offset_bits as the block
/// says
arrow::Result<VariableValues> LocateBlockValues(Bytes buffer, int64_t num_values,
                                                int64_t* offset_bits);

/// Copy the values into memory of their own, with offsets from 0.
arrow::Result<ValueBlock> CopyVariable(const VariableValues& values, int64_t offset_bits,
                                       int64_t num_values, arrow::MemoryPool* pool);

}  // namespace croupier::format
