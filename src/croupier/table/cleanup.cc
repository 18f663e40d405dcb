#include "croupier/table/cleanup.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <arrow/status.h>

#include "croupier/base/wall_clock.h"
#include "croupier/format/manifest/index_section.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/version_file.h"

namespace croupier::table {

namespace {

using format::ManifestName;
using storage::ObjectStore;

std::string Join(std::string directory, const std::string& name) {
  return directory.append("/").append(name);
}

// What versions refer to: places below the root. An entry that ends in '/' is all below it.
class References {
 public:
  arrow::Status Add(const VersionFile& version) {
    for (const auto& fragment : version.file.manifest->fragments) {
      for (const auto& file : fragment.files) {
        // Also files of other bases: a branch refers to those of the main one in this way. Names
        // are random, so that this keeps nothing else.
        places_.insert("data/" + file.path);
        const std::string stem = file.path.substr(0, file.path.rfind(".lance"));
        places_.insert("data/" + stem + "/");  // blobs
      }
      if (!fragment.deletion_file.has_value()) continue;
      places_.insert("_deletions/" + fragment.deletion_file->Name(fragment.id));
    }
    if (!version.file.transaction_file.empty()) {
      places_.insert("_transactions/" + version.file.transaction_file);
    }
    ARROW_ASSIGN_OR_RAISE(const auto uuids, format::IndexUuids(version.file.index_section));
    for (const auto& uuid : uuids) places_.insert("_indices/" + uuid + "/");
    return arrow::Status::OK();
  }

  bool Has(const std::string& path) const {
    if (places_.contains(path)) return true;
    for (size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      if (places_.contains(path.substr(0, slash + 1))) return true;
    }
    return false;
  }

 private:
  std::set<std::string> places_;
};

class CleanUp {
 public:
  CleanUp(const LanceDataset& dataset, const CleanupOptions& options)
      : dataset_(dataset),
        store_(*dataset.store()),
        options_(options),
        now_us_(WallClockNanoseconds() / 1000) {}

  arrow::Result<CleanupResult> Run() {
    ARROW_RETURN_NOT_OK(store_.CheckWritable());
    ARROW_RETURN_NOT_OK(FindNamedVersions());
    ARROW_ASSIGN_OR_RAISE(auto names, List(""));
    if (names.empty()) {
      return arrow::Status::IOError(store_.location(), ": not a Lance dataset: it has no version");
    }
    std::vector<VersionFile> removed;
    for (size_t i = 0; i < names.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto version, Read("", names[i]));
      const bool is_young = version.file.manifest->timestamp_us > now_us_ - options_.older_than_us;
      const bool stays = i + 1 == names.size() || is_young || named_.contains(names[i].version);
      if (stays) {
        ARROW_RETURN_NOT_OK(retained_.Add(version));
      } else {
        ARROW_RETURN_NOT_OK(removed_.Add(version));
        removed.push_back(std::move(version));
      }
    }
    ARROW_RETURN_NOT_OK(AddBranches());
    for (const auto& version : removed) {
      ARROW_RETURN_NOT_OK(Delete(version.path));
      ++result_.num_versions;
      --result_.num_files;  // counted as a version
    }
    // What was committed meanwhile may have gone back to a version that is removed.
    const uint64_t newest = names.back().version;
    ARROW_ASSIGN_OR_RAISE(names, List(""));
    for (const auto& name : names) {
      if (name.version <= newest) continue;
      ARROW_ASSIGN_OR_RAISE(const auto version, Read("", name));
      ARROW_RETURN_NOT_OK(retained_.Add(version));
    }
    for (const char* directory : {"data", "_deletions", "_transactions", "_indices"}) {
      ARROW_RETURN_NOT_OK(DeleteUnreferenced(directory));
    }
    ARROW_RETURN_NOT_OK(DeleteTemporaryFiles());
    return result_;
  }

 private:
  arrow::Result<std::vector<ManifestName>> List(const std::string& branch) const {
    return LanceDataset::ListManifests(store_, branch, *options_.cancel);
  }
  arrow::Result<VersionFile> Read(const std::string& branch, ManifestName name) const {
    return ReadVersionFile(store_, branch, name, *options_.cancel);
  }

  // Versions with a tag, and those that a branch left.
  arrow::Status FindNamedVersions() {
    ARROW_ASSIGN_OR_RAISE(const auto tags, dataset_.ListTags(*options_.cancel));
    for (const auto& tag : tags) {
      if (tag.branch.empty()) named_.insert(tag.version);
    }
    ARROW_ASSIGN_OR_RAISE(branches_, dataset_.ListBranches(*options_.cancel));
    for (const auto& branch : branches_) {
      if (branch.parent_branch.empty()) named_.insert(branch.parent_version);
    }
    return arrow::Status::OK();
  }

  arrow::Status AddBranches() {
    for (const auto& branch : branches_) {
      ARROW_ASSIGN_OR_RAISE(const auto names, List(branch.name));
      for (const auto& name : names) {
        ARROW_ASSIGN_OR_RAISE(const auto version, Read(branch.name, name));
        ARROW_RETURN_NOT_OK(retained_.Add(version));
      }
    }
    return arrow::Status::OK();
  }

  arrow::Status Delete(const std::string& path) {
    ARROW_RETURN_NOT_OK(options_.cancel->Check());
    const auto object = store_.Open(path);
    const auto status = object.ok() ? store_.Delete(path) : object.status();
    if (storage::IsNotFound(status)) return arrow::Status::OK();  // by another clean-up
    ARROW_RETURN_NOT_OK(status);
    ++result_.num_files;
    result_.num_bytes += (*object)->size_bytes();
    return arrow::Status::OK();
  }

  arrow::Result<bool> IsOld(const std::string& path) const {
    const auto modified = store_.ModifiedAt(path);
    if (storage::IsNotFound(modified.status())) return false;
    ARROW_RETURN_NOT_OK(modified.status());
    return *modified < now_us_ - options_.grace_us;
  }

  arrow::Status DeleteUnreferenced(const std::string& directory) {
    ARROW_RETURN_NOT_OK(options_.cancel->Check());
    const auto files = store_.ListFiles(directory);
    if (storage::IsNotFound(files.status())) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(files.status());
    ARROW_ASSIGN_OR_RAISE(const auto directories, store_.ListDirectories(directory));
    for (const auto& name : *files) {
      const auto path = Join(directory, name);
      if (retained_.Has(path)) continue;
      // One that a removed version had is of no change in progress.
      ARROW_ASSIGN_OR_RAISE(const bool is_old, IsOld(path));
      if (is_old || removed_.Has(path)) ARROW_RETURN_NOT_OK(Delete(path));
    }
    for (const auto& name : directories) {
      const auto path = Join(directory, name);
      if (retained_.Has(Join(path, ""))) continue;
      ARROW_RETURN_NOT_OK(DeleteUnreferenced(path));
    }
    return arrow::Status::OK();
  }

  // Those that a writer left that ended before it linked them.
  arrow::Status DeleteTemporaryFiles() {
    const std::string directory = LanceDataset::VersionsDirectory("");
    ARROW_ASSIGN_OR_RAISE(const auto files, store_.ListFiles(directory));
    for (const auto& name : files) {
      if (!name.starts_with(".tmp_")) continue;
      const auto path = Join(directory, name);
      ARROW_ASSIGN_OR_RAISE(const bool is_old, IsOld(path));
      if (is_old) ARROW_RETURN_NOT_OK(Delete(path));
    }
    return arrow::Status::OK();
  }

  const LanceDataset& dataset_;
  const ObjectStore& store_;
  const CleanupOptions& options_;
  const int64_t now_us_;
  std::set<uint64_t> named_;
  std::vector<TableBranch> branches_;
  References retained_;
  References removed_;
  CleanupResult result_;
};

}  // namespace

arrow::Result<CleanupResult> CleanUpDataset(const LanceDataset& dataset,
                                            const CleanupOptions& options) {
  return CleanUp(dataset, options).Run();
}

}  // namespace croupier::table
