#include "croupier/table/compaction.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/record_batch.h>

#include "croupier/format/manifest/row_id_sequence.h"

namespace croupier::table {

namespace {

// Rows that are read at a time, and bytes of their blobs, if there are several rows.
constexpr int64_t kBatchRows = 16 << 10;
constexpr uint64_t kBatchBlobBytes = 64 << 20;

std::string ToText(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

bool HasBlobs(const std::vector<format::Field>& fields) {
  return std::ranges::any_of(fields, [](const format::Field& field) {
    return field.is_blob() || HasBlobs(field.children);
  });
}

// Columns of blobs; NotImplemented for blobs inside of other columns.
arrow::Result<std::vector<std::string>> BlobColumns(const format::Manifest& manifest,
                                                    const std::string& location) {
  std::vector<std::string> columns;
  for (const auto& field : manifest.fields) {
    if (field.is_blob()) {
      columns.push_back(field.name);
    } else if (HasBlobs(field.children)) {
      return arrow::Status::NotImplemented(location, ": cannot compact a table with blobs in the ",
                                           "column '", field.name, "'; compact it with Lance");
    }
  }
  return columns;
}

std::span<const uint64_t> NumbersOf(const arrow::RecordBatch& batch, int column) {
  return {static_cast<const arrow::UInt64Array&>(*batch.column(column)).raw_values(),
          static_cast<size_t>(batch.num_rows())};
}

// What stays with rows that move, in a table with stable row ids.
struct MovedLineage {
  format::RowIdSequenceBuilder row_ids;
  format::RowVersionSequence created_at;
  format::RowVersionSequence last_updated_at;

  // \param batch with the three columns at its end
  arrow::Status Append(const arrow::RecordBatch& batch) {
    const int first = batch.num_columns() - 3;
    ARROW_RETURN_NOT_OK(row_ids.Append(NumbersOf(batch, first)));
    created_at.Append(NumbersOf(batch, first + 1));
    last_updated_at.Append(NumbersOf(batch, first + 2));
    return arrow::Status::OK();
  }
};

// Add the sizes of a column's blobs to those of the rows; blobs of files elsewhere stay there.
void AddBlobSizes(const arrow::ArrayData& descriptors, std::vector<uint64_t>* sizes) {
  const bool is_v2 = descriptors.child_data.size() == kNumDescriptorMembersV2;
  const auto* blob_sizes = descriptors.child_data[is_v2 ? 2 : 1]->GetValues<uint64_t>(1);
  for (size_t row = 0; row < sizes->size(); ++row) {
    const auto index = static_cast<int64_t>(row);
    if (descriptors.IsNull(index)) continue;
    if (is_v2 && IsExternalBlob(descriptors, index)) continue;
    // Hostile sizes are found when the blobs are read.
    (*sizes)[row] += std::min(blob_sizes[index], kBatchBlobBytes);
  }
}

}  // namespace

// The rows of a version as they are written again.
class RowsToRewrite {
 public:
  static arrow::Result<RowsToRewrite> Open(const ChangeContext& context, const VersionFile& base,
                                           std::vector<std::string> blob_columns) {
    RowsToRewrite rows;
    ARROW_ASSIGN_OR_RAISE(rows.table_, context.Open(base, BlobHandling::kSources));
    if (!blob_columns.empty()) {
      ARROW_ASSIGN_OR_RAISE(rows.descriptors_, context.Open(base, BlobHandling::kDescriptors));
    }
    rows.blob_columns_ = std::move(blob_columns);
    return rows;
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(std::span<const uint64_t> ranks,
                                                          const std::vector<std::string>& columns,
                                                          const ReadOptions& read) const {
    return table_->TakeOffsets(ranks, columns, read);
  }

  // Cut ranks into parts whose blobs memory may hold at once: where each part ends.
  arrow::Result<std::vector<size_t>> Cut(std::span<const uint64_t> ranks,
                                         const ReadOptions& read) const {
    if (blob_columns_.empty()) return std::vector<size_t>{ranks.size()};
    ARROW_ASSIGN_OR_RAISE(const auto batch, descriptors_->TakeOffsets(ranks, blob_columns_, read));
    std::vector<uint64_t> sizes(ranks.size());
    for (const auto& column : batch->columns()) AddBlobSizes(*column->data(), &sizes);
    std::vector<size_t> ends;
    uint64_t total = 0;
    for (size_t row = 0; row < sizes.size(); ++row) {
      if (total > 0 && total + sizes[row] > kBatchBlobBytes) {
        ends.push_back(row);
        total = 0;
      }
      total += sizes[row];
    }
    ends.push_back(sizes.size());
    return ends;
  }

 private:
  std::shared_ptr<const LanceTable> table_;
  std::shared_ptr<const LanceTable> descriptors_;  // null without blobs
  std::vector<std::string> blob_columns_;
};

std::vector<CompactChange::Group> CompactChange::Plan(
    const format::Manifest& manifest, const std::vector<int64_t>& first_ranks) const {
  std::vector<Group> groups;
  Group group;
  bool has_deletions = false;
  const auto end_group = [&] {
    if (group.end - group.begin > 1 || has_deletions) groups.push_back(group);
    has_deletions = false;
    group.begin = group.end;
  };
  for (size_t i = 0; i < manifest.fragments.size(); ++i) {
    const int64_t num_physical = manifest.fragments[i].num_physical_rows;
    const int64_t num_live = first_ranks[i + 1] - first_ranks[i];
    const double deleted_share = num_physical == 0 ? 0
                                                   : static_cast<double>(num_physical - num_live) /
                                                         static_cast<double>(num_physical);
    const bool is_holey = deleted_share > compact_.max_deleted_share;
    if (!is_holey && num_live >= compact_.target_rows_per_fragment) {
      end_group();
      group.begin = group.end = i + 1;
      continue;
    }
    const bool has_room =
        group.begin != group.end &&
        first_ranks[i + 1] - first_ranks[group.begin] <= compact_.target_rows_per_fragment;
    if (!has_room) {
      end_group();
      group.begin = i;
    }
    group.end = i + 1;
    group.first_rank = first_ranks[group.begin];
    group.end_rank = first_ranks[group.end];
    has_deletions = has_deletions || is_holey;
  }
  end_group();
  return groups;
}

arrow::Status CompactChange::Prepare(const VersionFile& base) {
  replaced_.clear();
  added_.clear();
  if (compact_.target_rows_per_fragment <= 0) {
    return arrow::Status::Invalid("a fragment must have room for rows: ",
                                  compact_.target_rows_per_fragment);
  }
  const auto& manifest = *base.file.manifest;
  ARROW_ASSIGN_OR_RAISE(const auto table, context().Open(base));
  ARROW_ASSIGN_OR_RAISE(const auto first_ranks, table->FirstRanks({options().cancel}));
  const auto groups = Plan(manifest, first_ranks);
  if (groups.empty()) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto blob_columns, BlobColumns(manifest, context().dataset->location()));
  ARROW_ASSIGN_OR_RAISE(const auto place, PlaceFor(manifest));
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        RowsToRewrite::Open(context(), base, std::move(blob_columns)));
  for (const Group& group : groups) {
    ARROW_RETURN_NOT_OK(Rewrite(rows, manifest, place, group));
  }
  num_rows_added_ = num_rows_removed_ = NumRowsOf(added_);
  return arrow::Status::OK();
}

arrow::Status CompactChange::Rewrite(const RowsToRewrite& rows, const format::Manifest& manifest,
                                     const DataPlace& place, const Group& group) {
  for (size_t i = group.begin; i < group.end; ++i) replaced_.insert(manifest.fragments[i].id);
  std::vector<std::string> columns;
  columns.reserve(manifest.fields.size() + 3);
  for (const auto& field : manifest.fields) columns.push_back(field.name);
  const bool has_lineage = manifest.has_stable_row_ids();
  if (has_lineage) {
    for (const char* column :
         {kRowIdColumn, kRowCreatedAtVersionColumn, kRowLastUpdatedAtVersionColumn}) {
      columns.emplace_back(column);
    }
  }
  std::vector<int> stored(manifest.fields.size());
  std::iota(stored.begin(), stored.end(), 0);
  MovedLineage lineage;
  FragmentWriter writer(place, manifest.fields, options());
  const ReadOptions read{options().cancel, options().pool};
  std::vector<uint64_t> ranks;
  for (int64_t begin = group.first_rank; begin < group.end_rank; begin += kBatchRows) {
    ranks.resize(static_cast<size_t>(std::min(kBatchRows, group.end_rank - begin)));
    std::iota(ranks.begin(), ranks.end(), static_cast<uint64_t>(begin));
    ARROW_ASSIGN_OR_RAISE(const auto ends, rows.Cut(ranks, read));
    size_t first = 0;
    for (const size_t last : ends) {
      const auto part = std::span(ranks).subspan(first, last - first);
      ARROW_ASSIGN_OR_RAISE(auto batch, rows.Take(part, columns, read));
      if (has_lineage) {
        ARROW_RETURN_NOT_OK(lineage.Append(*batch));
        ARROW_ASSIGN_OR_RAISE(batch, batch->SelectColumns(stored));
      }
      ARROW_RETURN_NOT_OK(writer.Write(batch));
      first = last;
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto fragments, writer.Finish());
  if (has_lineage && !fragments.empty()) {
    const auto row_ids = lineage.row_ids.Finish();
    uint32_t first = 0;
    for (auto& fragment : fragments) {
      const auto num_rows = static_cast<size_t>(fragment.num_physical_rows);
      std::vector<uint64_t> numbers(num_rows);
      row_ids->Read(first, numbers);
      format::RowIdSequenceBuilder own_ids;
      ARROW_RETURN_NOT_OK(own_ids.Append(numbers));
      fragment.row_ids = ToText(own_ids.Finish()->Write());
      for (const auto& [from, to] :
           {std::pair{&lineage.created_at, &fragment.created_at_versions},
            std::pair{&lineage.last_updated_at, &fragment.last_updated_at_versions}}) {
        from->Read(first, numbers);
        format::RowVersionSequence own;
        own.Append(numbers);
        *to = ToText(own.Write());
      }
      first += static_cast<uint32_t>(num_rows);
    }
  }
  std::ranges::move(fragments, std::back_inserter(added_));
  return arrow::Status::OK();
}

arrow::Result<format::WireWriter> CompactChange::Apply(format::ManifestDraft* draft) {
  std::vector<format::ManifestDraft::Message> old_fragments;
  for (const uint64_t id : replaced_) {
    const auto* fragment = draft->FindFragment(id);
    if (fragment == nullptr) return arrow::Status::Invalid("the fragment ", id, " is gone");
    old_fragments.push_back(fragment->message);
  }
  ARROW_RETURN_NOT_OK(draft->UncoverFragments(replaced_));
  draft->RemoveFragments(replaced_);
  const size_t num_kept = draft->fragments().size();
  ARROW_RETURN_NOT_OK(draft->AppendFragments(added_));
  std::vector<format::ManifestDraft::Message> new_fragments;
  for (size_t i = num_kept; i < draft->fragments().size(); ++i) {
    new_fragments.push_back(draft->fragments()[i].message);
  }
  return format::transaction_body::Rewrite(old_fragments, new_fragments);
}

}  // namespace croupier::table
