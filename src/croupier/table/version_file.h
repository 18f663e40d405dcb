#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/manifest/manifest_file.h"
#include "croupier/format/manifest/manifest_name.h"
#include "croupier/format/manifest/transaction.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/lance_dataset.h"

namespace croupier::table {

/// A version as its writer left it: the whole file of its manifest.
struct VersionFile {
  std::shared_ptr<arrow::Buffer> bytes;  ///< what `file` borrows
  format::ManifestFile file;
  format::ManifestName name;
  std::string branch;  ///< empty: the main branch
  std::string path;    ///< below the root of the dataset

  uint64_t version() const { return name.version; }
  DatasetVersion dataset_version() const { return {file.manifest, branch, path}; }
};

/// Read the file of a version; IsNotFound tells if it is gone.
arrow::Result<VersionFile> ReadVersionFile(const storage::ObjectStore& store,
                                           const std::string& branch, format::ManifestName name,
                                           const CancelToken& cancel);

/// Read the file of the newest version of a branch; nothing if it has none.
arrow::Result<std::optional<VersionFile>> ReadNewestVersionFile(const storage::ObjectStore& store,
                                                                const std::string& branch,
                                                                const CancelToken& cancel);

/// Read what a version changed, from its manifest or from its file in `_transactions`.
///
/// \return an unknown operation if the version does not say
arrow::Result<format::Transaction> ReadTransaction(const storage::ObjectStore& store,
                                                   const VersionFile& version,
                                                   const CancelToken& cancel);

}  // namespace croupier::table
