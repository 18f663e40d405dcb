#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>

#include "croupier/base/memory_pool.h"
#include "croupier/table/blob_reader.h"
#include "croupier/table/lance_table.h"
#include "croupier/table/pool_of.h"

namespace croupier::table {

namespace {

// Whether a path stays below the directory that it is relative to.
bool IsBelow(std::string_view path) {
  if (path.empty() || path.find('\\') != std::string_view::npos ||
      path.find('\0') != std::string_view::npos) {
    return false;
  }
  while (true) {
    const size_t slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

/// Finds the files of a table's blobs.
class LanceTable::Blobs : public BlobFinder {
 public:
  explicit Blobs(const LanceTable& table) : table_(table), files_(table.state_.Get().files) {}

  arrow::Result<BlobPlace> DataFile(const FileLocation& file) const override {
    BlobPlace place;
    // Open already, unless it was forgotten for others since the descriptors were read.
    if (const auto open = files_.Find(file.file_number, files_.budget().BeginRead())) {
      place.object = open->object();
    } else {
      place.store = file.store;
      place.path = file.path;
    }
    return place;
  }

  arrow::Result<BlobPlace> Sidecar(const FileLocation& file,
                                   const std::string& name) const override {
    constexpr std::string_view kSuffix = ".lance";
    std::string_view stem = file.path;
    if (!stem.ends_with(kSuffix)) {
      return arrow::Status::SerializationError("the name of a data file does not end in ", kSuffix);
    }
    stem.remove_suffix(kSuffix.size());
    BlobPlace place;
    place.store = file.store;
    place.path = std::string(stem) + "/" + name;
    return place;
  }

  arrow::Result<BlobPlace> External(const std::string& uri, uint32_t base_id) const override {
    const auto& files = table_.table_files_;
    if (base_id != 0 && !IsBelow(uri)) {
      return arrow::Status::SerializationError("a blob leads out of the base path ", base_id, ": '",
                                               uri, "'");
    }
    ARROW_ASSIGN_OR_RAISE(auto found,
                          base_id != 0 ? files.BelowBase(uri, base_id) : files.External(uri));
    BlobPlace place;
    place.store = std::move(found.store);
    place.path = std::move(found.path);
    return place;
  }

 private:
  const LanceTable& table_;
  FileCache& files_;
};

arrow::Result<std::vector<std::optional<BlobPlace>>> LanceTable::LocateBlobsOf(
    const arrow::ArrayData& descriptors, const std::vector<FragmentRows>& rows, size_t leaf) const {
  std::vector<const FileLocation*> files(static_cast<size_t>(descriptors.length));
  for (const auto& fragment : rows) {
    for (const auto& run : fragment.runs) {
      std::fill_n(files.begin() + run.slot, run.count, fragment.locations[leaf].file);
    }
  }
  const bool with_external = blobs_ != BlobHandling::kSources;
  return LocateBlobs(descriptors, files, Blobs(*this), with_external);
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> LanceTable::ReadBlobsOf(
    const arrow::ArrayData& descriptors, const std::vector<FragmentRows>& rows, size_t leaf,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto places, LocateBlobsOf(descriptors, rows, leaf));
  ARROW_ASSIGN_OR_RAISE(auto bytes, ReadBlobs(places, &storage::IoScheduler::Default(),
                                              *options.cancel, PoolOf(options)));
  const bool is_v2 = descriptors.child_data.size() == kNumDescriptorMembersV2;
  if (blobs_ != BlobHandling::kSources || !is_v2) return bytes;
  return MakeBlobSources(descriptors, std::move(bytes), PoolOf(options));
}

arrow::Result<std::vector<std::shared_ptr<const BlobFile>>> LanceTable::TakeBlobs(
    std::span<const uint64_t> row_ids, const std::string& column,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto selection, Select({column}));
  const auto& projection = selection.projection;
  if (projection.fields.empty() || !projection.fields[0]->is_blob()) {
    return TableSource::TakeBlobs(row_ids, column, options);
  }
  std::vector<uint64_t> addresses(row_ids.begin(), row_ids.end());
  if (manifest().has_stable_row_ids()) ARROW_RETURN_NOT_OK(FindAddresses(addresses, options));
  ARROW_ASSIGN_OR_RAISE(auto located, LocateRows(addresses, options));
  std::vector<FragmentRows> rows;
  rows.reserve(located.size());
  for (auto& each : located) {
    rows.push_back(RowsOf(fragments_[each.fragment], projection, std::move(each.runs)));
  }
  auto* scheduler = &storage::IoScheduler::Default();
  State& state = state_.Get();
  const RowReader reader(&state.files, state.decoded, scheduler);
  auto* pool = DefaultMemoryPool();
  ARROW_ASSIGN_OR_RAISE(auto leaves, reader.Read(projection.leaves, rows, std::ssize(row_ids),
                                                 /*remember_chunks=*/true, *options.cancel, pool));
  leaves.resize(projection.num_tree_leaves);
  ARROW_ASSIGN_OR_RAISE(const auto descriptors,
                        projection.trees[0].Assemble(std::move(leaves), pool));
  ARROW_ASSIGN_OR_RAISE(auto places, LocateBlobsOf(*descriptors, rows, 0));
  std::vector<std::shared_ptr<const BlobFile>> blobs;
  blobs.reserve(places.size());
  for (auto& place : places) {
    blobs.push_back(place.has_value() ? MakeBlobFile(*std::move(place), scheduler) : nullptr);
  }
  return blobs;
}

}  // namespace croupier::table
