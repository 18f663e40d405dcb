#pragma once

#include <memory>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Write a JSONB value as JSON text, to the end of `text`.
///
///     container: u32 header (3 bits: 1 scalar, 2 object, 4 array; 29 bits: number of members),
///                u32 entry of each member (an object's keys first, then its values), payloads
///     entry:     4 bits (0 null, 1 string, 2 number, 3 false, 4 true, 5 container), 28 bits: size
///     number:    u8 kind (0x00 zero, 0x10 NaN, 0x20 infinity, 0x30 -infinity, 0x40 signed,
///                0x50 unsigned of 1, 2, 4 or 8 bytes, 0x60 double), then its bytes
///
/// All integers are big-endian. The text is what pylance gives: members in the order they are
/// stored, no spaces, the shortest digits that read back the same, null for numbers that JSON does
/// not have. An empty value is null. Members nest as deep as the bytes say: no recursion.
///
/// \return SerializationError for malformed bytes, NotImplemented for extension values (dates,
///         decimals), which Lance does not write
/// Source: lance-jsonb 14.0.2 (github.com/databendlabs/jsonb, README, "Encoding format").
arrow::Status AppendJsonText(Bytes jsonb, std::string* text);

/// Turn a column of JSONB values (large_binary) into one of JSON texts (utf8).
///
/// \param jsonb of the offset 0
/// \return errors of AppendJsonText, with the row; CapacityError if the texts are more than 2 GiB
arrow::Result<std::shared_ptr<arrow::ArrayData>> JsonTextOf(const arrow::ArrayData& jsonb,
                                                            arrow::MemoryPool* pool);

}  // namespace croupier::format
