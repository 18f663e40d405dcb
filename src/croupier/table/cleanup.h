#pragma once

#include <cstdint>

#include <arrow/result.h>

#include "croupier/table/lance_dataset.h"
#include "croupier/table_writer.h"

namespace croupier::table {

/// Delete old versions of the main branch, and files that no version refers to.
///
/// A version goes before its files, so that what is listed can be read. \see TableWriter::CleanUp
arrow::Result<CleanupResult> CleanUpDataset(const LanceDataset& dataset,
                                            const CleanupOptions& options);

}  // namespace croupier::table
