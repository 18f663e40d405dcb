#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/manifest/manifest.h"
#include "croupier/format/manifest/manifest_name.h"
#include "croupier/storage/object_store.h"
#include "croupier/table.h"
#include "croupier/table/external_paths.h"

namespace croupier::table {

/// A version of a dataset: its manifest, and where that is.
struct DatasetVersion {
  std::shared_ptr<const format::Manifest> manifest;
  std::string branch;         ///< empty: the main branch
  std::string manifest_path;  ///< below the root of the dataset
};

/// A file of a table: the store that has it, and its path in there.
struct FilePlace {
  std::shared_ptr<const storage::ObjectStore> store;
  std::string path;
};

/// The directory of a Lance dataset: finds versions, tags and branches, and reads manifests.
///
/// Nothing is remembered between calls. Any number of threads. Usable in a forked child.
/// Source: lance-table.md, sections 2, 3 and 13.
class LanceDataset {
 public:
  /// Nothing is read yet. Invalid for a URI or a path of `options` that is malformed.
  static arrow::Result<std::shared_ptr<const LanceDataset>> Open(const std::string& uri,
                                                                 const LanceOptions& options);
  /// Find the dataset at the root of a store.
  static arrow::Result<std::shared_ptr<const LanceDataset>> InStore(
      std::shared_ptr<const storage::ObjectStore> store, const LanceOptions& options);

  const std::string& location() const { return store_->location(); }
  const std::shared_ptr<const storage::ObjectStore>& store() const { return store_; }
  /// What it was opened with.
  const LanceOptions& options() const { return options_; }

  /// Read a manifest.
  ///
  /// \param branch that is meant if `ref` says nothing; empty: the main branch
  /// \return IOError if there is no dataset; errors as for TableSource::Checkout
  arrow::Result<DatasetVersion> Read(const VersionRef& ref, const std::string& branch,
                                     const CancelToken& cancel = CancelToken::Never()) const;

  arrow::Result<std::vector<TableVersion>> ListVersions(const std::string& branch,
                                                        const CancelToken& cancel) const;
  arrow::Result<std::vector<TableTag>> ListTags(const CancelToken& cancel) const;
  arrow::Result<std::vector<TableBranch>> ListBranches(const CancelToken& cancel) const;

  /// Replace a status that says that a file is missing by one that says that the version was
  /// removed, if that is why.
  arrow::Status ExplainMissing(const arrow::Status& status, const DatasetVersion& version,
                               const CancelToken& cancel) const;

  /// Open the directory that a manifest names: an absolute path or a URI.
  ///
  /// \return errors as for ExternalPaths::Resolve
  arrow::Result<std::shared_ptr<const storage::ObjectStore>> OpenExternal(
      const std::string& path_or_uri) const;
  /// Find the file that a blob names: an absolute path or a URI.
  arrow::Result<FilePlace> FindExternal(const std::string& path_or_uri) const;

  /// The directory of a branch below the root: empty, or one that ends in '/'.
  static std::string PathOf(const std::string& branch);
  /// The directory of the manifests of a branch.
  static std::string VersionsDirectory(const std::string& branch);
  /// List the manifests that take part in the history of a branch, by version, ascending; none if
  /// there is no table. SerializationError if they are named by two schemes.
  static arrow::Result<std::vector<format::ManifestName>> ListManifests(
      const storage::ObjectStore& store, const std::string& branch, const CancelToken& cancel);
  /// Find the newest of them; by one request of a listing, where names count down.
  static arrow::Result<std::optional<format::ManifestName>> FindNewest(
      const storage::ObjectStore& store, const std::string& branch, const CancelToken& cancel);

 private:
  LanceDataset(std::shared_ptr<const storage::ObjectStore> store, ExternalPaths external,
               LanceOptions options)
      : store_(std::move(store)), external_(std::move(external)), options_(std::move(options)) {}

  arrow::Result<std::shared_ptr<const storage::ObjectStore>> OpenStore(
      const std::string& uri) const;
  arrow::Result<DatasetVersion> ReadNewest(const std::string& branch,
                                           const CancelToken& cancel) const;
  arrow::Result<DatasetVersion> ReadVersion(uint64_t version, const std::string& branch,
                                            const CancelToken& cancel) const;
  arrow::Result<TableTag> FindTag(const std::string& name, const CancelToken& cancel) const;
  arrow::Status CheckBranch(const std::string& branch, const CancelToken& cancel) const;
  arrow::Result<std::vector<uint64_t>> VersionNumbers(const std::string& branch,
                                                      const CancelToken& cancel) const;
  /// The same; IOError if there is no table.
  arrow::Result<std::vector<format::ManifestName>> Manifests(const std::string& branch,
                                                             const CancelToken& cancel) const;
  /// Say what is missing where a branch has no manifest.
  arrow::Status NotADataset(const std::string& branch, const CancelToken& cancel) const;

  const std::shared_ptr<const storage::ObjectStore> store_;
  const ExternalPaths external_;
  const LanceOptions options_;
};

}  // namespace croupier::table
