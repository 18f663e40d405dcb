#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <arrow/result.h>

#include "croupier/table/lance_dataset.h"

namespace croupier::table {

/// Finds the files of one version: below its own directory, and below the base paths that its
/// manifest names.
///
/// Immutable; any number of threads. Usable in a forked child. Source: lance-table.md, section 13.
class TableFiles {
 public:
  /// A base path that cannot be read is an error only where it is asked for.
  TableFiles(std::shared_ptr<const LanceDataset> dataset, const DatasetVersion& version);

  /// Find a data file, or what lies beside it (sidecars of blobs).
  ///
  /// \param path below `data/`, checked not to lead out of it
  /// \return SerializationError for a base that the manifest does not name; errors of
  ///         LanceDataset::OpenExternal
  arrow::Result<FilePlace> DataFile(const std::string& path, std::optional<uint32_t> base_id) const;
  arrow::Result<FilePlace> DeletionFile(const format::DeletionFile& file,
                                        uint64_t fragment_id) const;
  /// Find a file below a base path itself: that of an external blob.
  arrow::Result<FilePlace> BelowBase(const std::string& path, uint32_t base_id) const;
  /// Find a file by absolute path or URI: that of an external blob.
  arrow::Result<FilePlace> External(const std::string& path_or_uri) const;

 private:
  struct Base {
    arrow::Result<std::shared_ptr<const storage::ObjectStore>> store;
    bool is_dataset_root = false;
  };

  arrow::Result<FilePlace> Find(const std::string& directory, const std::string& path,
                                std::optional<uint32_t> base_id) const;

  const std::shared_ptr<const LanceDataset> dataset_;
  const std::string branch_path_;
  std::map<uint32_t, Base> bases_;
};

}  // namespace croupier::table
