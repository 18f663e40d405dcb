#include "croupier/table/lance_table.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/file/file_footer.h"
#include "croupier/table/file_row_count.h"
#include "croupier/table/filtered_scan.h"
#include "croupier/table/find_column.h"
#include "croupier/table/lance_scan.h"
#include "croupier/table/pool_of.h"
#include "croupier/table/row_id_array.h"
#include "croupier/table/row_sort.h"

namespace croupier::table {

namespace {

using format::DeletionVector;
using format::RowRun;

arrow::Status AtLocation(const std::string& location, const arrow::Status& status) {
  return status.WithMessage(location, ": ", status.message());
}

// The schema of a table that shows blobs so.
std::shared_ptr<arrow::Schema> SchemaWithBlobs(const format::Manifest& manifest,
                                               BlobHandling handling) {
  if (handling == BlobHandling::kDescriptors) return manifest.schema;
  auto fields = manifest.schema->fields();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!manifest.fields[i].is_blob()) continue;
    const bool is_v2 = fields[i]->type()->num_fields() == kNumDescriptorMembersV2;
    const auto type =
        handling == BlobHandling::kSources && is_v2 ? BlobSourceType() : arrow::large_binary();
    fields[i] = fields[i]->WithType(type)->RemoveMetadata();
  }
  return arrow::schema(std::move(fields), manifest.schema->metadata());
}

}  // namespace

LanceTable::State::State(size_t num_files, size_t num_fragments)
    : files(num_files, &MetadataBudget::OfProcess()),
      decoded(&DecodedCache::OfProcess()),
      deletions(num_fragments),
      row_ids(num_fragments),
      created_at(num_fragments),
      last_updated_at(num_fragments) {}

LanceTable::LanceTable(std::shared_ptr<const LanceDataset> dataset, DatasetVersion version,
                       BlobHandling blobs)
    : dataset_(std::move(dataset)),
      version_(std::move(version)),
      blobs_(blobs),
      schema_(SchemaWithBlobs(manifest(), blobs)),
      table_files_(dataset_, version_),
      state_([this] { return std::make_unique<State>(files_.size(), fragments_.size()); }) {}

arrow::Result<std::shared_ptr<const LanceTable>> LanceTable::Make(
    std::shared_ptr<const LanceDataset> dataset, DatasetVersion version, BlobHandling blobs,
    const CancelToken& cancel) {
  // Not make_shared: the constructor is private.
  std::shared_ptr<LanceTable> table(new LanceTable(std::move(dataset), std::move(version), blobs));
  auto status = table->IndexFragments();
  if (status.ok()) status = table->FindRowCounts(cancel);
  if (!status.ok()) {
    return table->dataset_->ExplainMissing(AtLocation(table->location(), status), table->version_,
                                           cancel);
  }
  return table;
}

arrow::Result<std::shared_ptr<const TableSource>> LanceTable::Open(const std::string& uri,
                                                                   const LanceOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto dataset, LanceDataset::Open(uri, options));
  ARROW_ASSIGN_OR_RAISE(auto version, dataset->Read(options.at, /*branch=*/"", *options.cancel));
  return Make(std::move(dataset), std::move(version), options.blobs, *options.cancel);
}

arrow::Result<std::shared_ptr<const TableSource>> LanceTable::Checkout(
    const VersionRef& ref, const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(auto version, dataset_->Read(ref, branch(), *options.cancel));
  // The manifest is looked at each time: a dataset may be removed and made anew.
  if (version.branch == branch() && version.manifest->version == this->version() &&
      version.manifest->timestamp_us == manifest().timestamp_us) {
    return shared_from_this();
  }
  return Make(dataset_, std::move(version), blobs_, *options.cancel);
}

arrow::Result<std::vector<TableVersion>> LanceTable::ListVersions(
    const ReadOptions& options) const {
  return dataset_->ListVersions(branch(), *options.cancel);
}

arrow::Result<std::vector<TableTag>> LanceTable::ListTags(const ReadOptions& options) const {
  return dataset_->ListTags(*options.cancel);
}

arrow::Result<std::vector<TableBranch>> LanceTable::ListBranches(const ReadOptions& options) const {
  return dataset_->ListBranches(*options.cancel);
}

arrow::Status LanceTable::IndexFragments() {
  // Most fragments list the same fields at the same places.
  using LayoutKey = std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>>;
  std::map<LayoutKey, const Layout*> known_layouts;
  for (const auto& metadata : manifest().fragments) {
    LayoutKey key;
    for (const auto& file : metadata.files) key.emplace_back(file.fields, file.column_indices);
    auto [known, is_new] = known_layouts.try_emplace(std::move(key), nullptr);
    if (is_new) {
      auto layout = std::make_unique<Layout>();
      layout->number = layouts_.size();
      for (size_t ordinal = 0; ordinal < metadata.files.size(); ++ordinal) {
        const auto& file = metadata.files[ordinal];
        auto& columns = layout->columns_of_files.emplace_back();
        for (size_t k = 0; k < file.fields.size() && k < file.column_indices.size(); ++k) {
          // A column index of -1 is no column, a field of -2 one that was dropped; below are those
          // that hold the lineage of rows.
          if ((file.fields[k] < 0 && !format::IsLineageField(file.fields[k])) ||
              file.column_indices[k] < 0) {
            continue;
          }
          layout->places[file.fields[k]] = {ordinal, file.column_indices[k]};
          columns[file.fields[k]] = file.column_indices[k];
        }
      }
      known->second = layout.get();
      layouts_.push_back(std::move(layout));
    }
    fragments_.push_back(
        {metadata.id, metadata.num_physical_rows, files_.size(), known->second, &metadata});
    for (const auto& file : metadata.files) {
      // Without column indices every column of a legacy file would be null.
      if (file.major_version == 0 && file.minor_version < 3) {
        const auto status = format::CheckFileVersion(file.major_version, file.minor_version);
        if (!status.ok()) return AtLocation("data/" + file.path, status);
      }
      ARROW_ASSIGN_OR_RAISE(auto place, table_files_.DataFile(file.path, file.base_id));
      files_.push_back(
          {files_.size(), std::move(place.store), std::move(place.path), file.size_bytes});
    }
  }
  return arrow::Status::OK();
}

arrow::Status LanceTable::FindRowCounts(const CancelToken& cancel) {
  std::vector<size_t> unknown;
  std::vector<FileLocation> files;
  for (size_t i = 0; i < fragments_.size(); ++i) {
    if (fragments_[i].num_physical_rows > 0 || fragments_[i].metadata->files.empty()) continue;
    unknown.push_back(i);
    files.push_back(files_[fragments_[i].first_file]);
  }
  if (unknown.empty()) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto counts, ReadRowCounts(files, cancel));
  for (size_t k = 0; k < unknown.size(); ++k) {
    auto& fragment = fragments_[unknown[k]];
    fragment.num_physical_rows = counts[k];
    const auto& deletion_file = fragment.metadata->deletion_file;
    if (deletion_file.has_value() &&
        deletion_file->num_deleted_rows > static_cast<uint64_t>(counts[k])) {
      return arrow::Status::SerializationError(
          "fragment ", fragment.id,
          " has more deleted rows than rows: ", deletion_file->num_deleted_rows, " of ", counts[k]);
    }
  }
  return arrow::Status::OK();
}

arrow::Result<int64_t> LanceTable::CountRows() const {
  ARROW_ASSIGN_OR_RAISE(const auto first_ranks, FirstRanks({}));
  return first_ranks.back();
}

arrow::Result<std::vector<int64_t>> LanceTable::FirstRanks(const ReadOptions& options) const {
  // Files of old writers do not say how many rows they delete.
  std::vector<size_t> unknown;
  for (size_t i = 0; i < fragments_.size(); ++i) {
    const auto& deletion_file = fragments_[i].metadata->deletion_file;
    if (deletion_file.has_value() && deletion_file->num_deleted_rows == 0) unknown.push_back(i);
  }
  ARROW_ASSIGN_OR_RAISE(const auto deletions, DeletionsOf(unknown, options));
  std::vector<int64_t> first_ranks;
  first_ranks.reserve(fragments_.size() + 1);
  int64_t num_rows = 0;
  size_t next_unknown = 0;
  for (size_t i = 0; i < fragments_.size(); ++i) {
    first_ranks.push_back(num_rows);
    num_rows += fragments_[i].num_physical_rows;
    const auto& deletion_file = fragments_[i].metadata->deletion_file;
    if (!deletion_file.has_value()) continue;
    num_rows -= deletion_file->num_deleted_rows != 0
                    ? static_cast<int64_t>(deletion_file->num_deleted_rows)
                    : deletions[next_unknown++]->num_deleted();
  }
  first_ranks.push_back(num_rows);
  return first_ranks;
}

double LanceTable::BytesPerRow() const {
  double num_bytes = 0;
  double num_rows = 0;
  for (const auto& file : files_) num_bytes += static_cast<double>(file.size_bytes.value_or(0));
  for (const auto& fragment : fragments_) {
    num_rows += static_cast<double>(fragment.num_physical_rows);
  }
  return num_rows > 0 ? num_bytes / num_rows : 0;
}

arrow::Result<LanceTable::Projection> LanceTable::Project(
    const std::vector<std::string>& columns) const {
  Projection projection;
  ARROW_ASSIGN_OR_RAISE(projection.schema, ProjectSchema(*schema(), columns));
  std::vector<const format::Field*> column_of_leaf;
  for (const auto& name : columns) {
    ARROW_ASSIGN_OR_RAISE(const auto numbers, FindColumn(*schema(), name));
    std::vector<const format::Field*> way;
    const auto* siblings = &manifest().fields;
    for (const int number : numbers) {
      // Members of leaves (blobs, packed structs) are no fields of the manifest.
      if (!way.empty() && way.back()->is_leaf()) {
        return arrow::Status::NotImplemented("cannot read a part of the column '", way.back()->name,
                                             "': '", name, "'");
      }
      way.push_back(&(*siblings)[static_cast<size_t>(number)]);
      siblings = &way.back()->children;
    }
    ARROW_ASSIGN_OR_RAISE(auto tree, format::ColumnTree::Make(way));
    for (const auto& leaf : tree.leaves()) {
      projection.leaves.push_back(leaf);
      column_of_leaf.push_back(way[0]);
    }
    projection.trees.push_back(std::move(tree));
    projection.fields.push_back(way.back());
    projection.reads_blobs.push_back(blobs_ != BlobHandling::kDescriptors && way.size() == 1 &&
                                     way[0]->is_blob());
  }
  projection.num_tree_leaves = projection.leaves.size();
  projection.shared_layers.resize(layouts_.size());
  for (size_t leaf = 0; leaf < projection.num_tree_leaves; ++leaf) {
    if (projection.leaves[leaf].path->layers().empty()) continue;
    ShareLayers(leaf, *column_of_leaf[leaf], &projection);
  }
  return projection;
}

// Find the leaf whose layers a leaf has where it has no values of its own.
void LanceTable::ShareLayers(size_t leaf, const format::Field& column,
                             Projection* projection) const {
  const auto has_place = [](const Layout& layout, int32_t field_id) {
    return layout.places.contains(field_id);
  };
  const auto path = projection->leaves[leaf].path;
  const auto field_id = projection->leaves[leaf].field_id;
  const bool is_empty_struct = path->kind() == format::LeafKind::kEmptyStruct;
  std::optional<std::vector<format::LeafColumn>> others;
  for (const auto& layout : layouts_) {
    if (has_place(*layout, field_id) && !is_empty_struct) continue;
    if (!others.has_value()) others = format::ColumnTree::AllLeaves(column);
    const format::LeafColumn* best = nullptr;
    size_t num_layers = 0;
    for (const auto& other : *others) {
      if (!has_place(*layout, other.field_id) ||
          other.path->kind() == format::LeafKind::kEmptyStruct) {
        continue;
      }
      const size_t num_shared = projection->leaves[leaf].NumSharedLayers(other);
      if (num_shared <= num_layers) continue;
      best = &other;
      num_layers = num_shared;
    }
    if (best == nullptr) continue;
    // Read once, if it is asked for and never lacks values itself.
    auto& leaves = projection->leaves;
    const bool is_everywhere = std::all_of(layouts_.begin(), layouts_.end(), [&](const auto& each) {
      return has_place(*each, best->field_id);
    });
    auto found = std::find_if(
        leaves.begin() +
            (is_everywhere ? 0 : static_cast<std::ptrdiff_t>(projection->num_tree_leaves)),
        leaves.end(), [&](const auto& each) { return each.field_id == best->field_id; });
    if (found == leaves.end()) found = leaves.insert(leaves.end(), *best);
    projection->shared_layers[layout->number].push_back(
        {leaf, static_cast<size_t>(found - leaves.begin()), num_layers});
  }
}

FragmentRows LanceTable::RowsOf(const Fragment& fragment, const Projection& projection,
                                std::vector<RowRun> runs) const {
  FragmentRows rows;
  rows.num_physical_rows = fragment.num_physical_rows;
  rows.runs = std::move(runs);
  rows.locations.resize(projection.leaves.size());
  const auto locate = [&](size_t leaf) {
    const auto place = fragment.layout->places.find(projection.leaves[leaf].field_id);
    if (place == fragment.layout->places.end()) return;
    rows.locations[leaf].file = &files_[fragment.first_file + place->second.file_ordinal];
    rows.locations[leaf].column_index = place->second.column_index;
    const auto& layers = projection.leaves[leaf].path->layers();
    const auto& columns = fragment.layout->columns_of_files[place->second.file_ordinal];
    for (size_t i = 0; i < layers.size(); ++i) {
      if (!layers[i].is_list()) continue;
      const auto list = columns.find(projection.leaves[leaf].parents[i]);
      rows.locations[leaf].list_columns.push_back(list != columns.end() ? list->second : -1);
    }
  };
  for (size_t leaf = 0; leaf < projection.num_tree_leaves; ++leaf) locate(leaf);
  for (const auto& shared : projection.shared_layers[fragment.layout->number]) {
    locate(shared.layers_of);
    rows.locations[shared.leaf].layers_of = shared.layers_of;
    rows.locations[shared.leaf].num_layers = shared.num_layers;
  }
  return rows;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::Assemble(
    const Projection& projection, const std::vector<FragmentRows>& rows, int64_t num_rows,
    bool remember_chunks, const ReadOptions& options) const {
  State& state = state_.Get();
  const RowReader reader(&state.files, state.decoded, &storage::IoScheduler::Default());
  ARROW_ASSIGN_OR_RAISE(auto leaves, reader.Read(projection.leaves, rows, num_rows, remember_chunks,
                                                 *options.cancel, PoolOf(options)));
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  columns.reserve(projection.trees.size());
  auto next_leaf = leaves.begin();
  for (const auto& tree : projection.trees) {
    const auto end = next_leaf + std::ssize(tree.leaves());
    auto column = tree.Assemble({next_leaf, end}, PoolOf(options));
    if (!column.ok()) {
      const auto& field = projection.schema->field(static_cast<int>(columns.size()));
      return column.status().WithMessage("column '", field->name(),
                                         "': ", column.status().message());
    }
    columns.push_back(*std::move(column));
    if (projection.reads_blobs[columns.size() - 1]) {
      const auto leaf = static_cast<size_t>(next_leaf - leaves.begin());
      ARROW_ASSIGN_OR_RAISE(columns.back(), ReadBlobsOf(*columns.back(), rows, leaf, options));
    }
    next_leaf = end;
  }
  return arrow::RecordBatch::Make(projection.schema, num_rows, std::move(columns));
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> LanceTable::Scan(
    const ScanOptions& options) const {
  if (!options.filter.has_value()) return LanceScan::Make(shared_from_this(), options);
  ScanOptions filtered = options;
  filtered.batch_rows = kFilteredRows;
  ARROW_ASSIGN_OR_RAISE(auto kept, LanceScan::Make(shared_from_this(), filtered));
  return JoinBatches(std::move(kept), options);
}

bool LanceTable::ReadsAlone(std::span<const int> way) const {
  const auto* siblings = &manifest().fields;
  for (const int number : way.first(way.size() - 1)) {
    const auto& field = (*siblings)[static_cast<size_t>(number)];
    if (field.is_leaf()) return false;
    siblings = &field.children;
  }
  return true;
}

arrow::Result<size_t> LanceTable::FragmentOfId(uint64_t fragment_id) const {
  const auto found =
      std::lower_bound(fragments_.begin(), fragments_.end(), fragment_id,
                       [](const Fragment& fragment, uint64_t id) { return fragment.id < id; });
  if (found == fragments_.end() || found->id != fragment_id) {
    return arrow::Status::IndexError("no fragment");
  }
  return static_cast<size_t>(found - fragments_.begin());
}

arrow::Result<LanceTable::Selection> LanceTable::Select(
    const std::vector<std::string>& columns) const {
  Selection selection;
  ARROW_ASSIGN_OR_RAISE(selection.schema, ProjectSchema(*schema(), columns));
  std::vector<std::string> stored;
  for (const auto& name : columns) {
    selection.system_columns.push_back(SystemColumnOf(*schema(), name));
    if (!selection.system_columns.back().has_value()) stored.push_back(name);
  }
  ARROW_ASSIGN_OR_RAISE(selection.projection, Project(stored));
  return selection;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::ReadRows(
    const Selection& selection, std::vector<RowsToRead> rows, std::span<const uint64_t> row_ids,
    int64_t num_rows, bool remember_chunks, const ReadOptions& options) const {
  arrow::ArrayVector system_arrays;
  for (const auto& column : selection.system_columns) {
    if (!column.has_value()) continue;
    auto array = *column == SystemColumn::kRowId && !row_ids.empty()
                     ? MakeRowIdArray(row_ids, PoolOf(options))
                     : ReadSystemColumn(*column, rows, num_rows, options);
    ARROW_RETURN_NOT_OK(array.status());
    system_arrays.push_back(*std::move(array));
  }
  std::vector<FragmentRows> fragment_rows;
  fragment_rows.reserve(rows.size());
  for (auto& each : rows) {
    fragment_rows.push_back(
        RowsOf(fragments_[each.fragment], selection.projection, std::move(each.runs)));
  }
  const auto stored =
      Assemble(selection.projection, fragment_rows, num_rows, remember_chunks, options);
  if (!stored.ok()) return dataset_->ExplainMissing(stored.status(), version_, *options.cancel);
  if (system_arrays.empty()) return stored;
  arrow::ArrayVector arrays;
  int next_stored = 0;
  size_t next_system = 0;
  for (const auto& column : selection.system_columns) {
    arrays.push_back(column.has_value() ? std::move(system_arrays[next_system++])
                                        : (*stored)->column(next_stored++));
  }
  return arrow::RecordBatch::Make(selection.schema, num_rows, std::move(arrays));
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::Take(
    std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto selection, Select(columns));
  if (!manifest().has_stable_row_ids()) return TakeAddresses(row_ids, selection, row_ids, options);
  std::vector<uint64_t> addresses(row_ids.begin(), row_ids.end());
  ARROW_RETURN_NOT_OK(FindAddresses(addresses, options));
  return TakeAddresses(addresses, selection, row_ids, options);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::TakeOffsets(
    std::span<const uint64_t> offsets, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto selection, Select(columns));
  ARROW_ASSIGN_OR_RAISE(const auto live_rows, LiveRows(options));
  ARROW_RETURN_NOT_OK(CheckOffsets(offsets, live_rows->num_rows(), location()));
  std::vector<uint64_t> addresses(offsets.begin(), offsets.end());
  live_rows->LookupAddresses(addresses);
  return TakeAddresses(addresses, selection, {}, options);
}

arrow::Result<std::vector<LanceTable::RowsToRead>> LanceTable::LocateRows(
    std::span<const uint64_t> addresses, const ReadOptions& options) const {
  if (addresses.size() > UINT32_MAX) {
    return arrow::Status::CapacityError("at most ", UINT32_MAX,
                                        " rows can be taken at a time: ", addresses.size());
  }
  const auto no_row = [&](uint64_t row_id) {
    return arrow::Status::IndexError("no row of ", location(), " at version ", version(),
                                     " has the row id ", row_id, " (fragment ", row_id >> 32,
                                     ", offset ", row_id & UINT32_MAX, ")");
  };
  std::vector<RowSlot> sorted(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    sorted[i] = {addresses[i], static_cast<uint32_t>(i)};
  }
  SortByRow(&sorted);

  // Cut at fragments.
  std::vector<size_t> fragments;
  std::vector<std::vector<RowRun>> runs;
  for (size_t i = 0; i < sorted.size();) {
    const uint64_t fragment_id = sorted[i].row >> 32;
    const auto fragment = FragmentOfId(fragment_id);
    if (!fragment.ok()) return no_row(sorted[i].row);
    fragments.push_back(*fragment);
    auto& fragment_runs = runs.emplace_back();
    for (; i < sorted.size() && sorted[i].row >> 32 == fragment_id; ++i) {
      const auto offset = static_cast<uint32_t>(sorted[i].row);
      if (offset >= fragments_[*fragment].num_physical_rows) return no_row(sorted[i].row);
      if (!fragment_runs.empty()) {
        RowRun& last = fragment_runs.back();
        if (offset == last.row + last.count && sorted[i].slot == last.slot + last.count) {
          ++last.count;
          continue;
        }
      }
      fragment_runs.push_back({offset, sorted[i].slot, 1});
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto deletions, DeletionsOf(fragments, options));
  std::vector<RowsToRead> rows;
  rows.reserve(fragments.size());
  for (size_t i = 0; i < fragments.size(); ++i) {
    const auto& fragment = fragments_[fragments[i]];
    if (deletions[i] != nullptr) {
      const auto& deleted = deletions[i]->runs();
      size_t next = 0;
      for (const RowRun& run : runs[i]) {
        while (next < deleted.size() && deleted[next].end <= run.row) ++next;
        if (next < deleted.size() && deleted[next].begin < run.row + run.count) {
          return no_row(RowAddress(fragment.id, std::max(run.row, deleted[next].begin)));
        }
      }
    }
    rows.push_back({fragments[i], std::move(runs[i])});
  }
  return rows;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::TakeAddresses(
    std::span<const uint64_t> addresses, const Selection& selection,
    std::span<const uint64_t> row_ids, const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(auto rows, LocateRows(addresses, options));
  return ReadRows(selection, std::move(rows), row_ids, static_cast<int64_t>(addresses.size()),
                  /*remember_chunks=*/true, options);
}

}  // namespace croupier::table

namespace croupier {

arrow::Result<std::shared_ptr<const TableSource>> OpenLanceTable(const std::string& uri,
                                                                 const LanceOptions& options) {
  return table::LanceTable::Open(uri, options);
}

}  // namespace croupier
