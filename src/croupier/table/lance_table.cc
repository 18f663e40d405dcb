#include "croupier/table/lance_table.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/file/file_footer.h"
#include "croupier/format/manifest/manifest_name.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table/find_column.h"
#include "croupier/table/row_id_array.h"
#include "croupier/table/row_sort.h"

namespace croupier::table {

namespace {

using format::DeletionVector;
using format::RowRun;

// Manifests list every fragment; larger ones than this do not occur.
constexpr int64_t kMaxManifestBytes = int64_t{2} << 30;
constexpr char kVersionsDirectory[] = "_versions";

arrow::MemoryPool* PoolOf(const ReadOptions& options) {
  return options.pool != nullptr ? options.pool : arrow::default_memory_pool();
}

arrow::Status AtLocation(const std::string& location, const arrow::Status& status) {
  return status.WithMessage(location, ": ", status.message());
}

uint64_t RowAddress(uint64_t fragment_id, uint32_t offset) { return fragment_id << 32 | offset; }

// Live rows by rank: fragments with their deletions. Immutable.
class LanceRowIds : public RowIdIndex {
 public:
  void Append(uint64_t fragment_id, int64_t num_physical_rows,
              std::shared_ptr<const DeletionVector> deletions) {
    const int64_t num_live =
        num_physical_rows - (deletions != nullptr ? deletions->num_deleted() : 0);
    if (num_live == 0) return;
    first_ranks_.push_back(num_rows_);
    fragments_.push_back({fragment_id, std::move(deletions)});
    num_rows_ += num_live;
  }

  int64_t num_rows() const override { return num_rows_; }

  void Lookup(std::span<uint64_t> ranks_to_row_ids) const override {
    for (uint64_t& value : ranks_to_row_ids) {
      const auto rank = static_cast<int64_t>(value);
      const auto after = std::upper_bound(first_ranks_.begin(), first_ranks_.end(), rank);
      const auto i = static_cast<size_t>(after - first_ranks_.begin()) - 1;
      const Fragment& fragment = fragments_[i];
      auto offset = static_cast<uint32_t>(rank - first_ranks_[i]);
      if (fragment.deletions != nullptr) offset = fragment.deletions->Select(offset);
      value = RowAddress(fragment.id, offset);
    }
  }

 private:
  struct Fragment {
    uint64_t id;
    std::shared_ptr<const DeletionVector> deletions;
  };
  std::vector<int64_t> first_ranks_;  // of each fragment with live rows
  std::vector<Fragment> fragments_;
  int64_t num_rows_ = 0;
};

// Read the newest manifest of the directory.
arrow::Result<std::shared_ptr<const format::Manifest>> ReadNewestManifest(
    const storage::ObjectStore& store) {
  auto names = store.ListFiles(kVersionsDirectory);
  if (storage::IsNotFound(names.status())) {
    return names.status().WithMessage(
        store.location(), ": not a Lance dataset: it has no directory ", kVersionsDirectory,
        " (a database is opened by connect(), its tables lie in <name>.lance)");
  }
  ARROW_RETURN_NOT_OK(names.status());
  std::optional<format::ManifestName> newest;
  for (const auto& name : *names) {
    const auto parsed = format::ManifestName::Parse(name);
    if (!parsed.has_value()) continue;
    if (newest.has_value() && newest->naming != parsed->naming) {
      return arrow::Status::SerializationError(store.location(), ": ", kVersionsDirectory,
                                               " mixes two naming schemes of manifests");
    }
    if (!newest.has_value() || parsed->version > newest->version) newest = parsed;
  }
  if (!newest.has_value()) {
    return arrow::Status::IOError(store.location(), ": not a Lance dataset: ", kVersionsDirectory,
                                  " has no manifest");
  }
  const std::string path = std::string(kVersionsDirectory) + "/" + newest->ToString();
  ARROW_ASSIGN_OR_RAISE(const auto object, store.Open(path));
  ARROW_ASSIGN_OR_RAISE(const auto bytes, storage::ReadWhole(*object, kMaxManifestBytes));
  auto manifest = format::Manifest::Parse({bytes->data(), static_cast<size_t>(bytes->size())});
  if (!manifest.ok()) return AtLocation(object->location(), manifest.status());
  if ((*manifest)->version != newest->version) {
    return arrow::Status::SerializationError(object->location(), ": the manifest is of version ",
                                             (*manifest)->version, ", its name says ",
                                             newest->version);
  }
  return manifest;
}

}  // namespace

/// Reads a table batch by batch, in storage order. One thread at a time.
class LanceScan : public arrow::RecordBatchReader {
 public:
  LanceScan(std::shared_ptr<const LanceTable> table, LanceTable::Projection projection,
            ScanOptions options)
      : table_(std::move(table)),
        projection_(std::move(projection)),
        options_(std::move(options)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return projection_.schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    // Rows of a batch that failed must not be left out of what follows.
    ARROW_RETURN_NOT_OK(status_);
    status_ = ReadBatch(batch);
    return status_;
  }

 private:
  arrow::Status ReadBatch(std::shared_ptr<arrow::RecordBatch>* batch) {
    ARROW_RETURN_NOT_OK(options_.cancel->Check());
    std::vector<FragmentRows> rows;
    int64_t num_rows = 0;
    while (num_rows < options_.batch_rows && fragment_ < table_->fragments_.size()) {
      if (next_offset_ == 0) {
        ARROW_ASSIGN_OR_RAISE(const auto deletions, table_->DeletionsOf({&fragment_, 1}, options_));
        deletions_ = deletions[0];
        next_deleted_run_ = 0;
      }
      const auto& fragment = table_->fragments_[fragment_];
      auto runs = NextRuns(fragment.num_physical_rows, &num_rows);
      if (!runs.empty()) rows.push_back(table_->RowsOf(fragment, projection_, std::move(runs)));
      if (next_offset_ == fragment.num_physical_rows) {
        ++fragment_;
        next_offset_ = 0;
      }
    }
    if (num_rows == 0) {
      *batch = nullptr;
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto row_ids, RowIdsOf(num_rows));
    return table_
        ->Assemble(projection_, rows, std::move(row_ids), num_rows, /*remember_chunks=*/false,
                   options_)
        .Value(batch);
  }

  // The next live rows of the current fragment, as many as the batch still needs.
  std::vector<RowRun> NextRuns(int64_t num_physical_rows, int64_t* num_rows) {
    std::vector<RowRun> runs;
    while (*num_rows < options_.batch_rows && next_offset_ < num_physical_rows) {
      int64_t end = num_physical_rows;
      if (deletions_ != nullptr && next_deleted_run_ < deletions_->runs().size()) {
        const auto& deleted = deletions_->runs()[next_deleted_run_];
        if (deleted.begin == next_offset_) {
          next_offset_ = deleted.end;
          ++next_deleted_run_;
          continue;
        }
        end = deleted.begin;
      }
      const int64_t count = std::min(end - next_offset_, options_.batch_rows - *num_rows);
      runs.push_back({static_cast<uint32_t>(next_offset_), static_cast<uint32_t>(*num_rows),
                      static_cast<uint32_t>(count)});
      const auto fragment_id = table_->fragments_[fragment_].id;
      if (wants_row_ids()) {
        for (int64_t i = 0; i < count; ++i) {
          row_ids_.push_back(RowAddress(fragment_id, static_cast<uint32_t>(next_offset_ + i)));
        }
      }
      next_offset_ += count;
      *num_rows += count;
    }
    return runs;
  }

  bool wants_row_ids() const {
    return projection_.trees.size() < projection_.trees_of_columns.size();
  }

  arrow::Result<std::shared_ptr<arrow::Array>> RowIdsOf(int64_t num_rows) {
    if (!wants_row_ids()) return nullptr;
    auto buffer = arrow::Buffer::FromVector(std::exchange(row_ids_, {}));
    return std::make_shared<arrow::UInt64Array>(num_rows, std::move(buffer));
  }

  const std::shared_ptr<const LanceTable> table_;
  const LanceTable::Projection projection_;
  const ScanOptions options_;
  size_t fragment_ = 0;
  int64_t next_offset_ = 0;  // in the fragment
  std::shared_ptr<const DeletionVector> deletions_;
  size_t next_deleted_run_ = 0;
  std::vector<uint64_t> row_ids_;  // of the batch in the making
  arrow::Status status_;
};

LanceTable::State::State(size_t num_files, size_t num_fragments)
    : files(num_files), decoded(&DecodedCache::OfProcess()), deletions(num_fragments) {}

LanceTable::LanceTable(std::shared_ptr<const storage::ObjectStore> store,
                       std::shared_ptr<const format::Manifest> manifest)
    : store_(std::move(store)),
      manifest_(std::move(manifest)),
      state_([this] { return std::make_unique<State>(files_.size(), fragments_.size()); }) {}

arrow::Result<std::shared_ptr<const TableSource>> LanceTable::Open(const std::string& uri) {
  ARROW_ASSIGN_OR_RAISE(auto store, storage::OpenObjectStore(uri));
  ARROW_ASSIGN_OR_RAISE(auto manifest, ReadNewestManifest(*store));
  // Not make_shared: the constructor is private.
  std::shared_ptr<LanceTable> table(new LanceTable(std::move(store), std::move(manifest)));
  const auto status = table->IndexFragments();
  if (!status.ok()) return AtLocation(table->location(), status);
  return table;
}

arrow::Status LanceTable::IndexFragments() {
  // Most fragments list the same fields at the same places.
  using LayoutKey = std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>>;
  std::map<LayoutKey, const Layout*> known_layouts;
  for (const auto& metadata : manifest_->fragments) {
    if (metadata.num_physical_rows == 0 && !metadata.files.empty()) {
      return arrow::Status::NotImplemented("fragment ", metadata.id,
                                           " does not say how many rows it has");
    }
    LayoutKey key;
    for (const auto& file : metadata.files) key.emplace_back(file.fields, file.column_indices);
    auto [known, is_new] = known_layouts.try_emplace(std::move(key), nullptr);
    if (is_new) {
      auto layout = std::make_unique<Layout>();
      layout->number = layouts_.size();
      for (size_t ordinal = 0; ordinal < metadata.files.size(); ++ordinal) {
        const auto& file = metadata.files[ordinal];
        for (size_t k = 0; k < file.fields.size() && k < file.column_indices.size(); ++k) {
          // A column index of -1 is no column, a field of -2 one that was dropped.
          if (file.fields[k] < 0 || file.column_indices[k] < 0) continue;
          layout->places[file.fields[k]] = {ordinal, file.column_indices[k]};
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
      if (file.base_id.has_value()) {
        return arrow::Status::NotImplemented(
            "fragment ", metadata.id,
            " has a data file in another dataset: clones cannot be read yet");
      }
      files_.push_back({files_.size(), "data/" + file.path, file.size_bytes});
    }
  }
  return arrow::Status::OK();
}

arrow::Result<int64_t> LanceTable::CountRows() const {
  int64_t num_rows = 0;
  std::vector<size_t> unknown;
  for (size_t i = 0; i < fragments_.size(); ++i) {
    num_rows += fragments_[i].num_physical_rows;
    const auto& deletion_file = fragments_[i].metadata->deletion_file;
    if (!deletion_file.has_value()) continue;
    num_rows -= static_cast<int64_t>(deletion_file->num_deleted_rows);
    if (deletion_file->num_deleted_rows == 0) unknown.push_back(i);
  }
  ARROW_ASSIGN_OR_RAISE(const auto deletions, DeletionsOf(unknown, {}));
  for (const auto& each : deletions) num_rows -= each->num_deleted();
  return num_rows;
}

arrow::Result<std::vector<LanceTable::Deletions>> LanceTable::DeletionsOf(
    std::span<const size_t> fragments, const ReadOptions& options) const {
  State& state = state_.Get();
  std::vector<Deletions> found(fragments.size());
  std::vector<size_t> missing;  // positions in `fragments`
  {
    const std::lock_guard lock(state.mutex);
    for (size_t i = 0; i < fragments.size(); ++i) {
      if (!fragments_[fragments[i]].metadata->deletion_file.has_value()) continue;
      found[i] = state.deletions[fragments[i]];
      if (found[i] == nullptr) missing.push_back(i);
    }
  }
  if (missing.empty()) return found;
  storage::RangeFetch fetch;
  std::vector<size_t> fetched;
  std::vector<std::string> locations;
  for (const size_t i : missing) {
    const auto& fragment = fragments_[fragments[i]];
    if (fragment.metadata->deletion_file->base_id.has_value()) {
      return arrow::Status::NotImplemented(
          location(), ": fragment ", fragment.id,
          " has its deletion file in another dataset: clones cannot "
          "be read yet");
    }
    ARROW_ASSIGN_OR_RAISE(const auto object,
                          store_->Open(fragment.metadata->deletion_file->Path(fragment.id)));
    fetched.push_back(fetch.Add(object, {0, object->size_bytes()}));
    locations.push_back(object->location());
  }
  ARROW_RETURN_NOT_OK(fetch.Run(&storage::IoScheduler::Default(), nullptr, *options.cancel,
                                arrow::default_memory_pool()));
  for (size_t k = 0; k < missing.size(); ++k) {
    const size_t i = missing[k];
    const auto& fragment = fragments_[fragments[i]];
    const auto& file = *fragment.metadata->deletion_file;
    const auto bytes = fetch.bytes(fetched[k]);
    auto parsed = file.type == format::DeletionFile::Type::kBitmap
                      ? DeletionVector::ParseBitmap(bytes, fragment.num_physical_rows)
                      : DeletionVector::ParseArrow(
                            arrow::SliceBuffer(fetch.owner(fetched[k]),
                                               bytes.data() - fetch.owner(fetched[k])->data(),
                                               static_cast<int64_t>(bytes.size())),
                            fragment.num_physical_rows);
    if (!parsed.ok()) return AtLocation(locations[k], parsed.status());
    if (file.num_deleted_rows != 0 &&
        (*parsed)->num_deleted() != static_cast<int64_t>(file.num_deleted_rows)) {
      return arrow::Status::SerializationError(
          locations[k], ": the file has ", (*parsed)->num_deleted(),
          " deleted rows, the manifest says ", file.num_deleted_rows);
    }
    found[i] = *std::move(parsed);
    const std::lock_guard lock(state.mutex);
    state.deletions[fragments[i]] = found[i];
  }
  return found;
}

arrow::Result<LanceTable::Projection> LanceTable::Project(
    const std::vector<std::string>& columns) const {
  Projection projection;
  ARROW_ASSIGN_OR_RAISE(projection.schema, ProjectSchema(*schema(), columns));
  std::vector<const format::Field*> column_of_leaf;
  for (const auto& name : columns) {
    if (name == kRowIdColumn) {
      if (manifest_->has_stable_row_ids()) {
        return arrow::Status::NotImplemented(
            location(),
            ": row ids of a table with stable row ids cannot be read "
            "yet");
      }
      projection.trees_of_columns.emplace_back();
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto numbers, FindColumn(*schema(), name));
    std::vector<const format::Field*> way;
    const auto* siblings = &manifest_->fields;
    for (const int number : numbers) {
      way.push_back(&(*siblings)[static_cast<size_t>(number)]);
      siblings = &way.back()->children;
    }
    ARROW_ASSIGN_OR_RAISE(auto tree, format::ColumnTree::Make(way));
    for (const auto& leaf : tree.leaves()) {
      projection.leaves.push_back(leaf);
      column_of_leaf.push_back(way[0]);
    }
    projection.trees_of_columns.emplace_back(projection.trees.size());
    projection.trees.push_back(std::move(tree));
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
  };
  for (size_t leaf = 0; leaf < projection.num_tree_leaves; ++leaf) locate(leaf);
  for (const auto& shared : projection.shared_layers[fragment.layout->number]) {
    locate(shared.layers_of);
    rows.locations[shared.leaf] = {nullptr, 0, shared.layers_of, shared.num_layers};
  }
  return rows;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::Assemble(
    const Projection& projection, const std::vector<FragmentRows>& rows,
    std::shared_ptr<arrow::Array> row_ids, int64_t num_rows, bool remember_chunks,
    const ReadOptions& options) const {
  State& state = state_.Get();
  const RowReader reader(store_.get(), &state.files, state.decoded,
                         &storage::IoScheduler::Default());
  ARROW_ASSIGN_OR_RAISE(auto leaves, reader.Read(projection.leaves, rows, num_rows, remember_chunks,
                                                 *options.cancel, PoolOf(options)));
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  auto next_leaf = leaves.begin();
  for (size_t i = 0; i < projection.trees_of_columns.size(); ++i) {
    if (!projection.trees_of_columns[i].has_value()) {
      columns.push_back(row_ids->data());
      continue;
    }
    const auto& tree = projection.trees[*projection.trees_of_columns[i]];
    const auto end = next_leaf + std::ssize(tree.leaves());
    auto column = tree.Assemble({next_leaf, end}, PoolOf(options));
    if (!column.ok()) {
      return column.status().WithMessage("column '",
                                         projection.schema->field(static_cast<int>(i))->name(),
                                         "': ", column.status().message());
    }
    columns.push_back(*std::move(column));
    next_leaf = end;
  }
  return arrow::RecordBatch::Make(projection.schema, num_rows, std::move(columns));
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> LanceTable::Scan(
    const ScanOptions& options) const {
  if (options.batch_rows <= 0 || options.batch_rows > UINT32_MAX) {
    return arrow::Status::Invalid("batch_rows must be from 1 to ", UINT32_MAX, ": ",
                                  options.batch_rows);
  }
  ARROW_ASSIGN_OR_RAISE(auto projection, Project(options.columns));
  return std::make_shared<LanceScan>(shared_from_this(), std::move(projection), options);
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

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceTable::Take(
    std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto projection, Project(columns));
  if (manifest_->has_stable_row_ids()) {
    return arrow::Status::NotImplemented(
        location(), ": rows of a table with stable row ids cannot be taken yet");
  }
  if (row_ids.size() > UINT32_MAX) {
    return arrow::Status::CapacityError("at most ", UINT32_MAX,
                                        " rows can be taken at a time: ", row_ids.size());
  }
  const auto no_row = [&](uint64_t row_id) {
    return arrow::Status::IndexError("no row of ", location(), " at version ", version(),
                                     " has the row id ", row_id, " (fragment ", row_id >> 32,
                                     ", offset ", row_id & UINT32_MAX, ")");
  };
  std::vector<RowSlot> sorted(row_ids.size());
  for (size_t i = 0; i < row_ids.size(); ++i) sorted[i] = {row_ids[i], static_cast<uint32_t>(i)};
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
  std::vector<FragmentRows> rows;
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
    rows.push_back(RowsOf(fragment, projection, std::move(runs[i])));
  }
  std::shared_ptr<arrow::Array> row_id_array;
  if (projection.trees.size() < projection.trees_of_columns.size()) {
    ARROW_ASSIGN_OR_RAISE(row_id_array, MakeRowIdArray(row_ids, PoolOf(options)));
  }
  return Assemble(projection, rows, std::move(row_id_array), static_cast<int64_t>(row_ids.size()),
                  /*remember_chunks=*/true, options);
}

arrow::Result<std::shared_ptr<const RowIdIndex>> LanceTable::RowIds(
    const ReadOptions& options) const {
  if (manifest_->has_stable_row_ids()) {
    return arrow::Status::NotImplemented(
        location(), ": row ids of a table with stable row ids cannot be read yet");
  }
  std::vector<size_t> all(fragments_.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  ARROW_ASSIGN_OR_RAISE(auto deletions, DeletionsOf(all, options));
  auto index = std::make_shared<LanceRowIds>();
  for (size_t i = 0; i < fragments_.size(); ++i) {
    index->Append(fragments_[i].id, fragments_[i].num_physical_rows, std::move(deletions[i]));
  }
  return index;
}

}  // namespace croupier::table

namespace croupier {

arrow::Result<std::shared_ptr<const TableSource>> OpenLanceTable(const std::string& uri) {
  return table::LanceTable::Open(uri);
}

}  // namespace croupier
