#pragma once

#include <cstdint>
#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/value_block.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/rep_def.h"

namespace croupier::format {

/// Make the Arrow form of decoded values of a leaf column; strings are checked to be UTF-8, and
/// decimals and times to be in range.
///
/// \param block sizes of its buffers fit its number of values
arrow::Result<std::shared_ptr<arrow::ArrayData>> MakeLeafArray(
    const std::shared_ptr<arrow::DataType>& type, const LeafShape& shape, ValueBlock block,
    Validity validity);

}  // namespace croupier::format
