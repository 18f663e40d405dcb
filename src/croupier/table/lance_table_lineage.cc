#include <algorithm>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/status.h>

#include "croupier/base/hash.h"
#include "croupier/base/memory_pool.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table/lance_table.h"

// The part of LanceTable that knows which rows there are: deletions, addresses, stable row ids,
// versions.

namespace croupier::table {

namespace {

using format::DeletionVector;
using format::RowIdSequence;
using format::RowRun;
using format::RowVersionSequence;

// Rows of a hidden column that are read at a time.
constexpr int64_t kLineageRows = 1 << 20;

arrow::Status AtLocation(const std::string& location, const arrow::Status& status) {
  return status.WithMessage(location, ": ", status.message());
}

std::span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

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
    auto place = table_files_.DeletionFile(*fragment.metadata->deletion_file, fragment.id);
    if (!place.ok()) return AtLocation(location(), place.status());
    const auto opened = place->store->Open(place->path, std::nullopt, *options.cancel);
    if (!opened.ok()) return dataset_->ExplainMissing(opened.status(), version_, *options.cancel);
    const auto& object = *opened;
    fetched.push_back(fetch.Add(object, {0, object->size_bytes()}));
    locations.push_back(object->location());
  }
  ARROW_RETURN_NOT_OK(
      fetch.Run(&storage::IoScheduler::Default(), nullptr, *options.cancel, DefaultMemoryPool()));
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

arrow::Result<std::shared_ptr<arrow::Array>> LanceTable::ReadSystemColumn(
    SystemColumn column, std::span<const RowsToRead> rows, int64_t num_rows,
    const ReadOptions& options) const {
  const bool is_address = column == SystemColumn::kRowAddress ||
                          (column == SystemColumn::kRowId && !manifest().has_stable_row_ids());
  auto* pool = options.pool != nullptr ? options.pool : DefaultMemoryPool();
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> buffer,
      arrow::AllocateBuffer(num_rows * static_cast<int64_t>(sizeof(uint64_t)), pool));
  const std::span<uint64_t> values(buffer->mutable_data_as<uint64_t>(),
                                   static_cast<size_t>(num_rows));
  std::shared_ptr<const LanceRowIds> live_rows;
  if (column == SystemColumn::kRowOffset) {
    ARROW_ASSIGN_OR_RAISE(live_rows, LiveRows(options));
  }
  for (const auto& each : rows) {
    const auto slots = [&](const RowRun& run) { return values.subspan(run.slot, run.count); };
    if (is_address) {
      for (const RowRun& run : each.runs) {
        uint64_t address = RowAddress(fragments_[each.fragment].id, run.row);
        for (uint64_t& value : slots(run)) value = address++;
      }
    } else if (column == SystemColumn::kRowOffset) {
      for (const RowRun& run : each.runs) {
        uint64_t rank = live_rows->RankOf(fragments_[each.fragment].id, run.row);
        for (uint64_t& value : slots(run)) value = rank++;
      }
    } else if (column == SystemColumn::kRowId) {
      ARROW_ASSIGN_OR_RAISE(const auto row_ids, StableRowIdsOf({&each.fragment, 1}, options));
      for (const RowRun& run : each.runs) row_ids[0]->Read(run.row, slots(run));
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto versions, RowVersionsOf(each.fragment, column, options));
      for (const RowRun& run : each.runs) versions->Read(run.row, slots(run));
    }
  }
  return std::make_shared<arrow::UInt64Array>(num_rows, std::move(buffer));
}

arrow::Result<bool> LanceTable::ReadLineage(
    size_t fragment_index, int32_t field,
    const std::function<arrow::Status(std::span<const uint64_t>)>& append,
    const ReadOptions& options) const {
  const Fragment& fragment = fragments_[fragment_index];
  const auto place = fragment.layout->places.find(field);
  if (place == fragment.layout->places.end()) return false;
  const auto at_fragment = [&](const arrow::Status& status) {
    return status.WithMessage(location(), ": fragment ", fragment.id, ": ", status.message());
  };
  State& state = state_.Get();
  const RowReader reader(&state.files, state.decoded, &storage::IoScheduler::Default());
  const format::LeafColumn column{
      "lineage of rows", field, {}, format::LeafPath::Flat(arrow::uint64())};
  // By parts: a page of one value may claim any number of rows.
  for (int64_t begin = 0; begin < fragment.num_physical_rows; begin += kLineageRows) {
    const auto count =
        static_cast<uint32_t>(std::min(kLineageRows, fragment.num_physical_rows - begin));
    FragmentRows rows;
    rows.num_physical_rows = fragment.num_physical_rows;
    rows.runs.push_back({static_cast<uint32_t>(begin), 0, count});
    rows.locations.resize(1);
    rows.locations[0].file = &files_[fragment.first_file + place->second.file_ordinal];
    rows.locations[0].column_index = place->second.column_index;
    const auto arrays = reader.Read({column}, {rows}, count, /*remember_chunks=*/false,
                                    *options.cancel, DefaultMemoryPool());
    if (!arrays.ok()) return dataset_->ExplainMissing(arrays.status(), version_, *options.cancel);
    const arrow::UInt64Array values((*arrays)[0]);
    if (values.null_count() != 0) {
      return at_fragment(arrow::Status::SerializationError("its row ids or versions have nulls"));
    }
    const auto status = append({values.raw_values(), count});
    if (!status.ok()) return at_fragment(status);
  }
  return true;
}

arrow::Result<std::vector<LanceTable::RowIdsOfFragment>> LanceTable::StableRowIdsOf(
    std::span<const size_t> fragments, const ReadOptions& options) const {
  State& state = state_.Get();
  std::vector<RowIdsOfFragment> found(fragments.size());
  {
    const std::lock_guard lock(state.mutex);
    for (size_t i = 0; i < fragments.size(); ++i) found[i] = state.row_ids[fragments[i]];
  }
  for (size_t i = 0; i < fragments.size(); ++i) {
    if (found[i] != nullptr) continue;
    const Fragment& fragment = fragments_[fragments[i]];
    if (fragment.metadata->row_ids.has_value()) {
      auto parsed =
          RowIdSequence::Parse(BytesOf(*fragment.metadata->row_ids), fragment.num_physical_rows);
      if (!parsed.ok()) {
        return parsed.status().WithMessage(location(), ": fragment ", fragment.id, ": ",
                                           parsed.status().message());
      }
      found[i] = *std::move(parsed);
    } else {
      format::RowIdSequenceBuilder builder;
      ARROW_ASSIGN_OR_RAISE(
          const bool has_column,
          ReadLineage(
              fragments[i], format::kRowIdField,
              [&](std::span<const uint64_t> row_ids) { return builder.Append(row_ids); }, options));
      if (!has_column) {
        return arrow::Status::SerializationError(
            location(), ": fragment ", fragment.id,
            " has no row ids, though the table has stable ones");
      }
      found[i] = builder.Finish();
    }
    const std::lock_guard lock(state.mutex);
    state.row_ids[fragments[i]] = found[i];
  }
  return found;
}

arrow::Result<LanceTable::RowVersions> LanceTable::RowVersionsOf(size_t fragment_index,
                                                                 SystemColumn column,
                                                                 const ReadOptions& options) const {
  const bool created = column == SystemColumn::kCreatedAtVersion;
  State& state = state_.Get();
  auto& remembered = created ? state.created_at : state.last_updated_at;
  {
    const std::lock_guard lock(state.mutex);
    if (remembered[fragment_index] != nullptr) return remembered[fragment_index];
  }
  const Fragment& fragment = fragments_[fragment_index];
  const auto& message = created ? fragment.metadata->created_at_versions
                                : fragment.metadata->last_updated_at_versions;
  RowVersions versions;
  if (message.has_value()) {
    auto parsed = RowVersionSequence::Parse(BytesOf(*message), fragment.num_physical_rows);
    if (!parsed.ok()) {
      return parsed.status().WithMessage(location(), ": fragment ", fragment.id, ": ",
                                         parsed.status().message());
    }
    versions = *std::move(parsed);
  } else {
    auto read = std::make_shared<RowVersionSequence>();
    ARROW_ASSIGN_OR_RAISE(const bool has_column, ReadLineage(
                                                     fragment_index,
                                                     created ? format::kCreatedAtVersionField
                                                             : format::kLastUpdatedAtVersionField,
                                                     [&](std::span<const uint64_t> values) {
                                                       read->Append(values);
                                                       return arrow::Status::OK();
                                                     },
                                                     options));
    versions = has_column ? std::move(read) : RowVersionSequence::Default();
  }
  const std::lock_guard lock(state.mutex);
  remembered[fragment_index] = versions;
  return versions;
}

arrow::Result<std::vector<FragmentIds>> LanceTable::IdsOfAllFragments(
    const ReadOptions& options) const {
  std::vector<size_t> all(fragments_.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  ARROW_ASSIGN_OR_RAISE(auto deletions, DeletionsOf(all, options));
  std::vector<RowIdsOfFragment> row_ids(all.size());
  if (manifest().has_stable_row_ids()) {
    ARROW_ASSIGN_OR_RAISE(row_ids, StableRowIdsOf(all, options));
  }
  std::vector<FragmentIds> fragments;
  fragments.reserve(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    fragments.push_back({fragments_[i].id, fragments_[i].num_physical_rows, std::move(deletions[i]),
                         std::move(row_ids[i])});
  }
  return fragments;
}

arrow::Result<LanceTable::Lineage> LanceTable::LineageOf(uint64_t fragment_id,
                                                         const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const size_t fragment, FragmentOfId(fragment_id));
  Lineage lineage;
  lineage.ids.id = fragment_id;
  lineage.ids.num_physical_rows = fragments_[fragment].num_physical_rows;
  ARROW_ASSIGN_OR_RAISE(auto deletions, DeletionsOf({&fragment, 1}, options));
  lineage.ids.deletions = std::move(deletions[0]);
  if (!manifest().has_stable_row_ids()) return lineage;
  ARROW_ASSIGN_OR_RAISE(auto row_ids, StableRowIdsOf({&fragment, 1}, options));
  lineage.ids.row_ids = std::move(row_ids[0]);
  ARROW_ASSIGN_OR_RAISE(lineage.created_at,
                        RowVersionsOf(fragment, SystemColumn::kCreatedAtVersion, options));
  return lineage;
}

arrow::Result<std::shared_ptr<const LanceRowIds>> LanceTable::LiveRows(
    const ReadOptions& options) const {
  State& state = state_.Get();
  {
    const std::lock_guard lock(state.mutex);
    if (state.live_rows != nullptr) return state.live_rows;
  }
  ARROW_ASSIGN_OR_RAISE(const auto fragments, IdsOfAllFragments(options));
  auto made = std::make_shared<const LanceRowIds>(fragments);
  const std::lock_guard lock(state.mutex);
  if (state.live_rows == nullptr) state.live_rows = std::move(made);
  return state.live_rows;
}

// Names of data files are made of random numbers, so that no two tables have the same.
std::string LanceTable::identity() const {
  const auto& whole = manifest();
  uint64_t hash = Mix64(whole.version) ^ static_cast<uint64_t>(whole.timestamp_us);
  const auto add = [&](uint64_t number) { hash = Mix64(hash + number); };
  for (const auto& fragment : whole.fragments) {
    add(fragment.id);
    for (const auto& file : fragment.files) add(Fnv1a64(file.path));
    if (fragment.deletion_file.has_value()) add(fragment.deletion_file->id);
  }
  return HexDigits(hash);
}

arrow::Result<std::shared_ptr<const RowIdIndex>> LanceTable::RowIds(
    const ReadOptions& options) const {
  return LiveRows(options);
}

arrow::Status LanceTable::FindAddresses(std::span<uint64_t> row_ids,
                                        const ReadOptions& options) const {
  State& state = state_.Get();
  std::shared_ptr<const RowAddressMap> addresses;
  {
    const std::lock_guard lock(state.mutex);
    addresses = state.addresses;
  }
  if (addresses == nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto fragments, IdsOfAllFragments(options));
    auto made = RowAddressMap::Make(fragments);
    if (!made.ok()) {
      return made.status().WithMessage(location(), ": ", made.status().message());
    }
    const std::lock_guard lock(state.mutex);
    if (state.addresses == nullptr) state.addresses = *std::move(made);
    addresses = state.addresses;
  }
  for (uint64_t& row_id : row_ids) {
    const auto address = addresses->Find(row_id);
    if (!address.has_value()) {
      return arrow::Status::IndexError("no row of ", location(), " at version ", version(),
                                       " has the row id ", row_id);
    }
    row_id = *address;
  }
  return arrow::Status::OK();
}

}  // namespace croupier::table
