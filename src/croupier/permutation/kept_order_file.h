#pragma once

#include <cstdint>
#include <string>

#include <arrow/status.h>

#include "croupier/permutation/table_parts.h"
#include "croupier/table.h"

// The lists of a permutation that was kept as a table, as a file in the table's directory
// (docs/format/order-file.md). It is of one version of the table; the rows stay what counts.
namespace croupier::permutation {

/// Write the lists of row ids that are the rows of a kept table.
///
/// \param kept at the version that has these rows; nothing is written unless it is a local one
/// \param list_hash of the lists, by HashOfLists
arrow::Status WriteKeptOrderFile(const TableSource& kept, SplitLists lists,
                                 const std::string& list_hash);

/// Use the file as the lists of `parts`, if it is there, whole, and of this version of the table.
///
/// \param num_rows of the table
/// \param list_hash that the table's metadata names
/// \return whether it is
bool UseKeptOrderFile(const TableSource& kept, int64_t num_rows, const std::string& list_hash,
                      TableParts* parts);

/// Tell where another process finds a kept table.
KeptPlace PlaceOfKept(const TableSource& kept);

}  // namespace croupier::permutation
