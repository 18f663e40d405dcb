#pragma once

#include <cstdint>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

/// Check that the members of a packed struct are those of the column, each of whole bytes.
///
/// \param shape of the kind kPacked
/// \return bytes of a row; SerializationError if encoding and type differ
arrow::Result<int64_t> CheckPackedStruct(const PackedStructEncoding& encoding,
                                         const LeafShape& shape);

/// Cut rows of a packed struct into a block a member.
///
/// A row is the values of its members one behind the other, in schema order, without padding.
/// \param rows num_values rows of CheckPackedStruct's size
/// Source: lance-encodings.md, section 10, "PackedStruct".
arrow::Result<ValueBlock> UnpackStruct(const LeafShape& shape, Bytes rows, int64_t num_values,
                                       arrow::MemoryPool* pool);

}  // namespace croupier::format
