#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Check that a page's levels are those of a leaf without structs or lists above it.
///
/// \return whether nulls may occur; NotImplemented for more layers than the leaf's own
arrow::Result<bool> CheckLeafLayers(const std::vector<RepDefLayer>& layers);

/// A validity bitmap and how many bits of it are unset; no bitmap if all values are valid.
struct Validity {
  std::shared_ptr<arrow::Buffer> bitmap;
  int64_t null_count = 0;
};

/// Turn the definition levels of a leaf (0 valid, 1 null; 16 bits each) into validity.
///
/// \param levels num_values levels, any alignment
arrow::Result<Validity> ValidityFromLevels(Bytes levels, int64_t num_values,
                                           arrow::MemoryPool* pool);

}  // namespace croupier::format
