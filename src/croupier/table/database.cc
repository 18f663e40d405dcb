#include "croupier/database.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <arrow/status.h>
#include <arrow/util/uri.h>

#include "croupier/storage/object_store.h"

namespace croupier {

namespace {

constexpr std::string_view kTableSuffix = ".lance";

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

arrow::Result<std::shared_ptr<const TableSource>> Database::OpenTable(
    const std::string& name, const LanceOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto uri, TableUri(name));
  ARROW_ASSIGN_OR_RAISE(const auto names, TableNames(*options.cancel));
  if (!std::binary_search(names.begin(), names.end(), name)) {
    std::string known;
    for (const auto& each : names) known += (known.empty() ? "" : ", ") + each;
    return arrow::Status::KeyError("Table '", name, "' was not found in ", uri_,
                                   "; the tables are: ", known.empty() ? "(none)" : known);
  }
  LanceOptions with_storage = options;
  if (options.storage_options.empty()) with_storage.storage_options = storage_options_;
  return OpenLanceTable(uri, with_storage);
}

}  // namespace croupier
