#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>

namespace croupier::format {

// The index section of a manifest: which indexes a table has. Their content is no matter here; what
// follows keeps an index true when the table changes. Bytes that are not named stay as they are.
// SerializationError for malformed bytes. Source: lance-table.md, section 11.

/// Tell whether the section has the index that maps rows of rewritten fragments to new ones: while
/// it is there, rewriting fragments is up to its owner.
arrow::Result<bool> HasFragmentReuseIndex(std::span<const uint8_t> section);

/// List the UUIDs of the indexes: the names of their directories below `_indices/`.
arrow::Result<std::vector<std::string>> IndexUuids(std::span<const uint8_t> section);

/// Remove the indexes of columns that are dropped.
arrow::Result<std::vector<uint8_t>> RemoveIndexesOfFields(std::span<const uint8_t> section,
                                                          const std::set<int32_t>& field_ids);

/// Remove fragments from what indexes cover: rows of other fragments are scanned.
arrow::Result<std::vector<uint8_t>> RemoveIndexedFragments(std::span<const uint8_t> section,
                                                           const std::set<uint64_t>& fragment_ids);

}  // namespace croupier::format
