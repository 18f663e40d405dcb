#include "croupier/table/lance_dataset.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/status.h>
#include <arrow/util/io_util.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/manifest/manifest_name.h"
#include "croupier/format/manifest/table_refs.h"
#include "croupier/storage/range_fetch.h"

namespace croupier::table {

namespace {

using format::ManifestName;
using storage::Object;
using storage::ObjectStore;

// Manifests list every fragment; larger ones than this do not occur.
constexpr int64_t kMaxManifestBytes = int64_t{2} << 30;
// The end of a manifest that is read at once: most have their message in it.
constexpr int64_t kTailBytes = 64 << 10;
// Tags and branches are a few lines of JSON.
constexpr int64_t kMaxRefBytes = 1 << 20;
// Manifests that are read together for a list of versions.
constexpr size_t kVersionsAtOnce = 256;
// Names that an object store lists in one request.
constexpr size_t kNamesAtOnce = 1000;
// A directory that is cleaned up while it is looked at is looked at again.
constexpr int kMaxTries = 3;

constexpr char kVersionsDirectory[] = "_versions";
constexpr char kTagsDirectory[] = "_refs/tags";
constexpr char kBranchesDirectory[] = "_refs/branches";
constexpr char kMainBranch[] = "main";

arrow::Status At(const std::string& location, const arrow::Status& status) {
  return status.WithMessage(location, ": ", status.message());
}

// The manifests that take part in the history of a branch, of the first names in its directory.
struct ManifestList {
  std::vector<ManifestName> manifests;  // by version, ascending
  bool is_whole = true;
};

arrow::Result<ManifestList> ListFirst(const ObjectStore& store, const std::string& branch,
                                      const CancelToken& cancel, size_t max_names) {
  const std::string directory = LanceDataset::VersionsDirectory(branch);
  const auto names = store.ListFiles(directory, {max_names, &cancel});
  ManifestList list;
  if (storage::IsNotFound(names.status())) return list;
  ARROW_RETURN_NOT_OK(names.status());
  list.is_whole = names->size() < max_names;
  for (const auto& name : *names) {
    const auto parsed = ManifestName::Parse(name);
    if (!parsed.has_value()) continue;
    if (!list.manifests.empty() && list.manifests.front().naming != parsed->naming) {
      return arrow::Status::SerializationError(store.location(), ": ", directory,
                                               " mixes two naming schemes of manifests");
    }
    list.manifests.push_back(*parsed);
  }
  std::sort(list.manifests.begin(), list.manifests.end(),
            [](const ManifestName& a, const ManifestName& b) { return a.version < b.version; });
  return list;
}

// Reads the Manifest messages of several files, each with its length in front.
class ManifestFetch {
 public:
  explicit ManifestFetch(std::vector<std::shared_ptr<const Object>> objects)
      : objects_(std::move(objects)), rest_of_(objects_.size()) {}

  arrow::Status Run(const CancelToken& cancel) {
    std::vector<int64_t> tail_sizes;
    for (const auto& object : objects_) {
      const int64_t size = object->size_bytes();
      if (size > kMaxManifestBytes) {
        return arrow::Status::CapacityError(object->location(),
                                            ": the manifest is too large: ", size,
                                            " bytes, at most ", kMaxManifestBytes);
      }
      const int64_t tail = std::min(size, kTailBytes);
      tails_.Add(object, {size - tail, tail});
    }
    ARROW_RETURN_NOT_OK(Fetch(&tails_, cancel));
    for (size_t i = 0; i < objects_.size(); ++i) {
      const auto range = RangeOf(i);
      if (!range.ok()) return At(objects_[i]->location(), range.status());
      if (!IsInTail(i, *range)) rest_of_[i] = rest_.Add(objects_[i], *range);
    }
    return rest_.empty() ? arrow::Status::OK() : Fetch(&rest_, cancel);
  }

  const std::string& location(size_t i) const { return objects_[i]->location(); }

  std::span<const uint8_t> message(size_t i) const {
    if (rest_of_[i].has_value()) return rest_.bytes(*rest_of_[i]);
    const auto range = RangeOf(i).ValueOrDie();  // Run has looked at it
    const auto tail = tails_.bytes(i);
    const int64_t tail_begin = objects_[i]->size_bytes() - std::ssize(tail);
    return tail.subspan(static_cast<size_t>(range.offset_bytes - tail_begin),
                        static_cast<size_t>(range.size_bytes));
  }

 private:
  static arrow::Status Fetch(storage::RangeFetch* fetch, const CancelToken& cancel) {
    return fetch->Run(&storage::IoScheduler::Default(), nullptr, cancel, DefaultMemoryPool());
  }
  arrow::Result<ByteRange> RangeOf(size_t i) const {
    return format::Manifest::MessageRange(tails_.bytes(i), objects_[i]->size_bytes());
  }
  bool IsInTail(size_t i, ByteRange range) const {
    return range.offset_bytes >= objects_[i]->size_bytes() - std::ssize(tails_.bytes(i));
  }

  const std::vector<std::shared_ptr<const Object>> objects_;
  storage::RangeFetch tails_;
  storage::RangeFetch rest_;  // of messages that begin before the tail
  std::vector<std::optional<size_t>> rest_of_;
};

arrow::Result<std::shared_ptr<const format::Manifest>> ReadManifest(const ObjectStore& store,
                                                                    const std::string& path,
                                                                    uint64_t version,
                                                                    const CancelToken& cancel) {
  ARROW_ASSIGN_OR_RAISE(auto object, store.Open(path, std::nullopt, cancel));
  ManifestFetch fetch({object});
  ARROW_RETURN_NOT_OK(fetch.Run(cancel));
  auto manifest = format::Manifest::Parse(fetch.message(0));
  if (!manifest.ok()) return At(object->location(), manifest.status());
  if ((*manifest)->version != version) {
    return arrow::Status::SerializationError(object->location(), ": the manifest is of version ",
                                             (*manifest)->version, ", its name says ", version);
  }
  return manifest;
}

// The text of a tag or branch, and where it is.
struct RefText {
  std::string name;
  std::string location;
  std::string text;
};

// Those of these files that exist.
arrow::Result<std::vector<RefText>> ReadRefs(const ObjectStore& store, const std::string& directory,
                                             const std::vector<std::string>& file_names,
                                             std::vector<std::string> names,
                                             const CancelToken& cancel) {
  std::vector<std::string> paths;
  paths.reserve(file_names.size());
  for (const auto& file_name : file_names) {
    paths.push_back(std::string(directory).append("/").append(file_name));
  }
  ARROW_ASSIGN_OR_RAISE(const auto opened, store.OpenAll(paths, cancel));
  std::vector<RefText> refs;
  std::vector<std::shared_ptr<const Object>> objects;
  for (size_t i = 0; i < opened.size(); ++i) {
    if (opened[i] == nullptr) continue;
    refs.push_back({std::move(names[i]), opened[i]->location(), {}});
    objects.push_back(opened[i]);
  }
  ARROW_ASSIGN_OR_RAISE(const auto texts, storage::ReadWhole(objects, kMaxRefBytes, cancel));
  for (size_t i = 0; i < refs.size(); ++i) refs[i].text = texts[i]->ToString();
  return refs;
}

// All tags or branches; none if the directory does not exist.
template <typename NameOfFile>
arrow::Result<std::vector<RefText>> ListRefs(const ObjectStore& store, const std::string& directory,
                                             NameOfFile name_of_file, const CancelToken& cancel) {
  const auto listed = store.ListFiles(directory, {SIZE_MAX, &cancel});
  if (storage::IsNotFound(listed.status())) return std::vector<RefText>();
  ARROW_RETURN_NOT_OK(listed.status());
  std::vector<std::string> file_names;
  std::vector<std::string> names;
  for (const auto& file_name : *listed) {
    auto name = name_of_file(file_name);
    if (name.empty()) continue;
    file_names.push_back(file_name);
    names.push_back(std::move(name));
  }
  return ReadRefs(store, directory, file_names, std::move(names), cancel);
}

arrow::Result<TableTag> ParseTag(RefText ref) {
  auto file = format::TagFile::Parse(ref.text);
  if (!file.ok()) return At(ref.location, file.status());
  return TableTag{
      std::move(ref.name),       std::move(file->branch),     file->version,
      file->manifest_size_bytes, std::move(file->created_at), std::move(file->updated_at),
      std::move(file->metadata)};
}

template <typename Refs>
std::string NamesOf(const Refs& refs) {
  std::string names;
  for (const auto& ref : refs) names += (names.empty() ? "" : ", ") + ref.name;
  return names.empty() ? "(none)" : names;
}

std::map<std::string, std::string> CountsOf(const format::ManifestSummary& summary) {
  // Files that do not say how many rows they have make the difference meaningless.
  const uint64_t num_rows = summary.num_physical_rows >= summary.num_deleted_rows
                                ? summary.num_physical_rows - summary.num_deleted_rows
                                : 0;
  return {{"total_fragments", std::to_string(summary.num_fragments)},
          {"total_data_files", std::to_string(summary.num_data_files)},
          {"total_files_size", std::to_string(summary.data_file_bytes)},
          {"total_deletion_files", std::to_string(summary.num_deletion_files)},
          {"total_data_file_rows", std::to_string(summary.num_physical_rows)},
          {"total_deletion_file_rows", std::to_string(summary.num_deleted_rows)},
          {"total_rows", std::to_string(num_rows)}};
}

}  // namespace

std::string LanceDataset::PathOf(const std::string& branch) {
  return branch.empty() ? std::string() : "tree/" + branch + "/";
}

std::string LanceDataset::VersionsDirectory(const std::string& branch) {
  return PathOf(branch) + kVersionsDirectory;
}

arrow::Result<std::vector<ManifestName>> LanceDataset::ListManifests(const ObjectStore& store,
                                                                     const std::string& branch,
                                                                     const CancelToken& cancel) {
  ARROW_ASSIGN_OR_RAISE(auto list, ListFirst(store, branch, cancel, SIZE_MAX));
  return std::move(list.manifests);
}

arrow::Result<std::optional<ManifestName>> LanceDataset::FindNewest(const ObjectStore& store,
                                                                    const std::string& branch,
                                                                    const CancelToken& cancel) {
  ARROW_ASSIGN_OR_RAISE(auto list, ListFirst(store, branch, cancel, kNamesAtOnce));
  // Names of the second scheme count down: the newest is listed first.
  const bool is_newest_first =
      !list.manifests.empty() && list.manifests.front().naming == format::ManifestNaming::kV2;
  if (!list.is_whole && !is_newest_first) {
    ARROW_ASSIGN_OR_RAISE(list, ListFirst(store, branch, cancel, SIZE_MAX));
  }
  if (list.manifests.empty()) return std::nullopt;
  return list.manifests.back();
}

arrow::Result<std::vector<ManifestName>> LanceDataset::Manifests(const std::string& branch,
                                                                 const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(auto manifests, ListManifests(*store_, branch, cancel));
  if (manifests.empty()) return NotADataset(branch, cancel);
  return manifests;
}

arrow::Status LanceDataset::NotADataset(const std::string& branch,
                                        const CancelToken& cancel) const {
  // A directory that is missing is told by its errno.
  const std::string directory = VersionsDirectory(branch);
  const auto names = store_->ListFiles(directory, {1, &cancel});
  if (storage::IsNotFound(names.status())) {
    return names.status().WithMessage(
        location(), ": not a Lance dataset: it has no directory ", directory,
        " (a database is opened by connect(), its tables lie in <name>.lance)");
  }
  ARROW_RETURN_NOT_OK(names.status());
  // Perhaps not yet: as well not there as without the directory.
  return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError, location(),
                                          ": not a Lance dataset: ", directory, " has no manifest");
}

arrow::Result<std::shared_ptr<const LanceDataset>> LanceDataset::Open(const std::string& uri,
                                                                      const LanceOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto store, storage::OpenObjectStore(uri, options.storage_options));
  return InStore(std::move(store), options);
}

arrow::Result<std::shared_ptr<const LanceDataset>> LanceDataset::InStore(
    std::shared_ptr<const ObjectStore> store, const LanceOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto external,
                        ExternalPaths::Make(store->location(), options.allow_external));
  auto kept = options;
  kept.cancel = &CancelToken::Never();
  return std::shared_ptr<const LanceDataset>(
      new LanceDataset(std::move(store), std::move(external), std::move(kept)));
}

arrow::Result<std::shared_ptr<const ObjectStore>> LanceDataset::OpenStore(
    const std::string& uri) const {
  // Credentials go to the service that they were given for, and to no other.
  const auto scheme_of = [](const std::string& text) { return text.substr(0, text.find("://")); };
  const bool is_same_service = scheme_of(uri) == scheme_of(location());
  return storage::OpenObjectStore(uri,
                                  is_same_service ? options_.storage_options : StorageOptions());
}

arrow::Result<std::shared_ptr<const ObjectStore>> LanceDataset::OpenExternal(
    const std::string& path_or_uri) const {
  ARROW_ASSIGN_OR_RAISE(const auto place, external_.Resolve(path_or_uri));
  return OpenStore(place.uri);
}

arrow::Result<FilePlace> LanceDataset::FindExternal(const std::string& path_or_uri) const {
  // The file is what is allowed, not its directory.
  ARROW_ASSIGN_OR_RAISE(const auto place, external_.Resolve(path_or_uri));
  ARROW_ASSIGN_OR_RAISE(auto split, DirectoryAndName::Split(place.uri));
  ARROW_ASSIGN_OR_RAISE(auto store, OpenStore(split.directory));
  return FilePlace{std::move(store), std::move(split.name)};
}

arrow::Status LanceDataset::CheckBranch(const std::string& branch,
                                        const CancelToken& cancel) const {
  if (branch.empty()) return arrow::Status::OK();
  if (format::IsBranchName(branch)) {
    const auto names = store_->ListFiles(VersionsDirectory(branch), {1, &cancel});
    if (names.ok()) return arrow::Status::OK();
    if (!storage::IsNotFound(names.status())) return names.status();
  }
  ARROW_ASSIGN_OR_RAISE(const auto branches, ListBranches(cancel));
  return arrow::Status::KeyError(location(), ": no branch named '", branch,
                                 "'; the branches are: ", NamesOf(branches));
}

arrow::Result<TableTag> LanceDataset::FindTag(const std::string& name,
                                              const CancelToken& cancel) const {
  if (format::IsTagName(name)) {
    ARROW_ASSIGN_OR_RAISE(auto refs,
                          ReadRefs(*store_, kTagsDirectory, {name + ".json"}, {name}, cancel));
    if (!refs.empty()) return ParseTag(std::move(refs.front()));
  }
  ARROW_ASSIGN_OR_RAISE(const auto tags, ListTags(cancel));
  return arrow::Status::KeyError(location(), ": no tag named '", name,
                                 "'; the tags are: ", NamesOf(tags));
}

arrow::Result<DatasetVersion> LanceDataset::Read(const VersionRef& ref, const std::string& branch,
                                                 const CancelToken& cancel) const {
  auto wanted = ref.branch.value_or(branch);
  if (wanted == kMainBranch) wanted.clear();
  if (!ref.tag.empty()) {
    if (ref.version.has_value()) {
      return arrow::Status::Invalid("a version and a tag are given; one of them says it all: ",
                                    *ref.version, ", '", ref.tag, "'");
    }
    ARROW_ASSIGN_OR_RAISE(const auto tag, FindTag(ref.tag, cancel));
    if (ref.branch.has_value() && wanted != tag.branch) {
      return arrow::Status::Invalid("the tag '", ref.tag, "' is on the branch '",
                                    tag.branch.empty() ? kMainBranch : tag.branch, "', not on '",
                                    *ref.branch, "'");
    }
    return ReadVersion(tag.version, tag.branch, cancel);
  }
  return ref.version.has_value() ? ReadVersion(*ref.version, wanted, cancel)
                                 : ReadNewest(wanted, cancel);
}

arrow::Result<DatasetVersion> LanceDataset::ReadNewest(const std::string& branch,
                                                       const CancelToken& cancel) const {
  if (!branch.empty()) ARROW_RETURN_NOT_OK(CheckBranch(branch, cancel));
  for (int tries = 1;; ++tries) {
    ARROW_ASSIGN_OR_RAISE(const auto newest, FindNewest(*store_, branch, cancel));
    if (!newest.has_value()) return NotADataset(branch, cancel);
    auto path = VersionsDirectory(branch) + "/" + newest->ToString();
    auto manifest = ReadManifest(*store_, path, newest->version, cancel);
    if (storage::IsNotFound(manifest.status()) && tries < kMaxTries) continue;
    ARROW_RETURN_NOT_OK(manifest.status());
    return DatasetVersion{*std::move(manifest), branch, std::move(path)};
  }
}

arrow::Result<DatasetVersion> LanceDataset::ReadVersion(uint64_t version, const std::string& branch,
                                                        const CancelToken& cancel) const {
  if (!branch.empty() && !format::IsBranchName(branch)) return CheckBranch(branch, cancel);
  for (const auto naming : {format::ManifestNaming::kV2, format::ManifestNaming::kV1}) {
    auto path = VersionsDirectory(branch) + "/" + ManifestName{naming, version}.ToString();
    auto manifest = ReadManifest(*store_, path, version, cancel);
    if (storage::IsNotFound(manifest.status())) continue;
    ARROW_RETURN_NOT_OK(manifest.status());
    return DatasetVersion{*std::move(manifest), branch, std::move(path)};
  }
  ARROW_RETURN_NOT_OK(CheckBranch(branch, cancel));
  ARROW_ASSIGN_OR_RAISE(const auto existing, VersionNumbers(branch, cancel));
  return VersionNotFound(location(), branch, version, existing);
}

arrow::Result<std::vector<uint64_t>> LanceDataset::VersionNumbers(const std::string& branch,
                                                                  const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(const auto manifests, Manifests(branch, cancel));
  std::vector<uint64_t> versions;
  versions.reserve(manifests.size());
  for (const auto& manifest : manifests) versions.push_back(manifest.version);
  return versions;
}

arrow::Result<std::vector<TableVersion>> LanceDataset::ListVersions(
    const std::string& branch, const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(const auto manifests, Manifests(branch, cancel));
  std::vector<TableVersion> versions;
  for (size_t begin = 0; begin < manifests.size(); begin += kVersionsAtOnce) {
    ARROW_RETURN_NOT_OK(cancel.Check());
    std::vector<std::string> paths;
    for (size_t i = begin; i < std::min(begin + kVersionsAtOnce, manifests.size()); ++i) {
      paths.push_back(VersionsDirectory(branch) + "/" + manifests[i].ToString());
    }
    ARROW_ASSIGN_OR_RAISE(auto objects, store_->OpenAll(paths, cancel));
    std::erase(objects, nullptr);  // cleaned up since
    const size_t count = objects.size();
    ManifestFetch fetch(std::move(objects));
    ARROW_RETURN_NOT_OK(fetch.Run(cancel));
    for (size_t i = 0; i < count; ++i) {
      const auto summary = format::Manifest::Summarize(fetch.message(i));
      if (!summary.ok()) return At(fetch.location(i), summary.status());
      versions.push_back({summary->version, summary->timestamp_us, CountsOf(*summary)});
    }
  }
  return versions;
}

arrow::Result<std::vector<TableTag>> LanceDataset::ListTags(const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(auto refs,
                        ListRefs(*store_, kTagsDirectory, format::TagOfFileName, cancel));
  std::vector<TableTag> tags;
  for (auto& ref : refs) {
    ARROW_ASSIGN_OR_RAISE(auto tag, ParseTag(std::move(ref)));
    tags.push_back(std::move(tag));
  }
  return tags;
}

arrow::Result<std::vector<TableBranch>> LanceDataset::ListBranches(
    const CancelToken& cancel) const {
  ARROW_ASSIGN_OR_RAISE(auto refs,
                        ListRefs(*store_, kBranchesDirectory, format::BranchOfFileName, cancel));
  std::vector<TableBranch> branches;
  for (auto& ref : refs) {
    auto file = format::BranchFile::Parse(ref.text);
    if (!file.ok()) return At(ref.location, file.status());
    branches.push_back({std::move(ref.name), std::move(file->parent_branch), file->parent_version,
                        file->created_at_s, file->manifest_size_bytes, std::move(file->metadata)});
  }
  return branches;
}

arrow::Status LanceDataset::ExplainMissing(const arrow::Status& status,
                                           const DatasetVersion& version,
                                           const CancelToken& cancel) const {
  if (!storage::IsNotFound(status)) return status;
  if (!storage::IsNotFound(store_->Open(version.manifest_path, std::nullopt, cancel).status()))
    return status;
  const auto existing = VersionNumbers(version.branch, cancel);
  return VersionNotFound(location(), version.branch, version.manifest->version,
                         existing.ok() ? *existing : std::vector<uint64_t>());
}

}  // namespace croupier::table
