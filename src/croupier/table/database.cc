#include "croupier/database.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <arrow/status.h>
#include <arrow/util/uri.h>

#include "croupier/storage/object_store.h"
#include "croupier/table/lance_dataset.h"
#include "croupier/table/unique_names.h"

namespace croupier {

namespace {

constexpr std::string_view kTableSuffix = ".lance";

std::string DirectoryOf(const std::string& name) { return name + std::string(kTableSuffix); }

}  // namespace

arrow::Result<std::unique_ptr<Database>> Database::Open(const std::string& uri,
                                                        StorageOptions storage_options) {
  ARROW_RETURN_NOT_OK(storage::OpenObjectStore(uri, storage_options).status());
  return std::unique_ptr<Database>(new Database(uri, std::move(storage_options)));
}

arrow::Result<std::vector<std::string>> Database::TableNames(const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(const auto store, storage::OpenObjectStore(uri_, storage_options_));
  storage::ListOptions options;
  options.cancel = &cancel;
  auto directories = store->ListDirectories("", options);
  if (storage::IsNotFound(directories.status())) return std::vector<std::string>();
  ARROW_RETURN_NOT_OK(directories.status());
  std::vector<std::string> names;
  for (auto& name : *directories) {
    if (name.size() <= kTableSuffix.size() || !name.ends_with(kTableSuffix)) continue;
    name.resize(name.size() - kTableSuffix.size());
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

arrow::Result<std::string> Database::TableUri(const std::string& name) const {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    return arrow::Status::Invalid("not a name of a table: '", name, "'");
  }
  const bool is_path = uri_.find("://") == std::string::npos;
  return uri_ + (uri_.ends_with('/') ? "" : "/") + (is_path ? name : arrow::util::UriEscape(name)) +
         std::string(kTableSuffix);
}

arrow::Result<std::vector<std::string>> Database::NamesWith(const std::string& name,
                                                            const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(auto names, TableNames(cancel));
  if (std::binary_search(names.begin(), names.end(), name)) return names;
  std::string known;
  for (const auto& each : names) known += (known.empty() ? "" : ", ") + each;
  return arrow::Status::KeyError("Table '", name, "' was not found in ", uri_,
                                 "; the tables are: ", known.empty() ? "(none)" : known);
}

arrow::Result<std::shared_ptr<const TableSource>> Database::OpenTable(
    const std::string& name, const LanceOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto uri, TableUri(name));
  ARROW_RETURN_NOT_OK(NamesWith(name, *options.cancel).status());
  LanceOptions with_storage = options;
  if (options.storage_options.empty()) with_storage.storage_options = storage_options_;
  auto table = OpenLanceTable(uri, with_storage);
  if (!table.ok()) ARROW_RETURN_NOT_OK(WhatFailed(name, table.status()));
  return table;
}

// Between two looks at the folder others may drop the table.
arrow::Status Database::WhatFailed(const std::string& name, const arrow::Status& status) const {
  const auto names = NamesWith(name, CancelToken::Never());
  return names.status().IsKeyError() ? names.status() : status;
}

arrow::Status Database::DropTable(const std::string& name) const {
  ARROW_RETURN_NOT_OK(TableUri(name).status());
  ARROW_ASSIGN_OR_RAISE(const auto store, storage::OpenObjectStore(uri_, storage_options_));
  ARROW_RETURN_NOT_OK(store->CheckWritable());
  ARROW_RETURN_NOT_OK(NamesWith(name, CancelToken::Never()).status());
  const std::string directory = DirectoryOf(name);
  // Half a table must not be found by anyone, also not if this ends early.
  const std::string dropped = ".dropped-" + table::NewUuid();
  const auto renamed = store->RenameDirectory(directory, dropped);
  if (renamed.IsNotImplemented()) {
    // Without versions it is no table any more.
    ARROW_RETURN_NOT_OK(
        store->DeleteDirectory(directory + "/" + table::LanceDataset::VersionsDirectory("")));
    return store->DeleteDirectory(directory);
  }
  if (!renamed.ok()) return WhatFailed(name, renamed);
  return store->DeleteDirectory(dropped);
}

arrow::Status Database::RenameTable(const std::string& name, const std::string& new_name) const {
  ARROW_RETURN_NOT_OK(TableUri(name).status());
  ARROW_RETURN_NOT_OK(TableUri(new_name).status());
  ARROW_ASSIGN_OR_RAISE(const auto store, storage::OpenObjectStore(uri_, storage_options_));
  ARROW_RETURN_NOT_OK(store->CheckWritable());
  ARROW_ASSIGN_OR_RAISE(const auto names, NamesWith(name, CancelToken::Never()));
  if (std::binary_search(names.begin(), names.end(), new_name)) {
    return arrow::Status::AlreadyExists("Table '", new_name, "' already exists in ", uri_);
  }
  auto status = store->RenameDirectory(DirectoryOf(name), DirectoryOf(new_name));
  if (status.ok()) return status;
  if (!status.IsNotImplemented()) return WhatFailed(name, status);
  return status.WithMessage(status.message(),
                            "; create a table of its rows, and drop this one instead");
}

}  // namespace croupier
