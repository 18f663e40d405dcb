#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <arrow/result.h>

#include "croupier/table/row_reader.h"

namespace croupier::table {

/// Read how many rows data files have, from their descriptors: for tables of old writers, whose
/// manifests do not say.
///
/// \return one number a file, each below 2^32; SerializationError, naming the file, for malformed
///         bytes
arrow::Result<std::vector<int64_t>> ReadRowCounts(std::span<const FileLocation> files,
                                                  const CancelToken& cancel);

}  // namespace croupier::table
