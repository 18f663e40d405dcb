#pragma once

#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table/row_reader.h"

namespace croupier::table {

/// A data file and its footer.
struct OpenFile {
  std::shared_ptr<const storage::Object> object;
  format::FileFooter footer;

  /// Name the file in an error.
  arrow::Status At(const arrow::Status& status) const;
};

/// Open data files and read their footers, in one fetch for all: for what reads no rows, and so
/// leaves the cache of files alone.
///
/// \return SerializationError, naming the file, for one that has no footer
arrow::Result<std::vector<OpenFile>> OpenFiles(std::span<const FileLocation> files,
                                               const CancelToken& cancel);

/// Fetch ranges by the default scheduler, into memory of the default pool.
arrow::Status Fetch(storage::RangeFetch* fetch, const CancelToken& cancel);

}  // namespace croupier::table
