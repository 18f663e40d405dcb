#include "croupier/table/table_files.h"

#include <utility>

#include <arrow/status.h>

namespace croupier::table {

TableFiles::TableFiles(std::shared_ptr<const LanceDataset> dataset, const DatasetVersion& version)
    : dataset_(std::move(dataset)), branch_path_(LanceDataset::PathOf(version.branch)) {
  for (const auto& base : version.manifest->base_paths) {
    auto store = dataset_->OpenExternal(base.path);
    // A branch names the dataset that it is in.
    if (store.ok() && (*store)->location() == dataset_->location()) store = dataset_->store();
    bases_.emplace(base.id, Base{std::move(store), base.is_dataset_root});
  }
}

arrow::Result<FilePlace> TableFiles::Find(const std::string& directory, const std::string& path,
                                          std::optional<uint32_t> base_id) const {
  if (!base_id.has_value()) {
    return FilePlace{dataset_->store(), branch_path_ + directory + path};
  }
  const auto base = bases_.find(*base_id);
  if (base == bases_.end()) {
    return arrow::Status::SerializationError("manifest: no base path has the id ", *base_id,
                                             ", where the file '", path, "' should be");
  }
  ARROW_ASSIGN_OR_RAISE(auto store, base->second.store);
  return FilePlace{std::move(store), base->second.is_dataset_root ? directory + path : path};
}

arrow::Result<FilePlace> TableFiles::DataFile(const std::string& path,
                                              std::optional<uint32_t> base_id) const {
  return Find("data/", path, base_id);
}

arrow::Result<FilePlace> TableFiles::DeletionFile(const format::DeletionFile& file,
                                                  uint64_t fragment_id) const {
  return Find("_deletions/", file.Name(fragment_id), file.base_id);
}

arrow::Result<FilePlace> TableFiles::BelowBase(const std::string& path, uint32_t base_id) const {
  return Find("", path, base_id);
}

arrow::Result<FilePlace> TableFiles::External(const std::string& path_or_uri) const {
  return dataset_->FindExternal(path_or_uri);
}

}  // namespace croupier::table
