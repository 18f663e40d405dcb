#include "croupier/table/row_change.h"

#include <algorithm>
#include <random>
#include <utility>

#include <arrow/record_batch.h>

#include "croupier/format/manifest/deletion_vector.h"
#include "croupier/format/manifest/row_id_sequence.h"
#include "croupier/table/row_ids.h"

namespace croupier::table {

namespace {

using format::DeletionVector;
using format::ManifestDraft;
using Operation = format::Transaction::Operation;

uint64_t RandomId() {
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

std::string ToText(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

arrow::Status RowsChange::Prepare(const VersionFile& base) {
  base_version_ = base.version();
  deletions_.clear();
  removed_fragments_.clear();
  added_.clear();
  kept_ = {};
  num_rows_added_ = num_rows_removed_ = 0;
  ARROW_ASSIGN_OR_RAISE(const auto table, context().Open(base));
  ARROW_ASSIGN_OR_RAISE(auto change, compute_(table));
  depends_on_other_rows_ = change.depends_on_other_rows;
  const auto num_updated = static_cast<uint64_t>(change.num_updated);
  if (num_updated > change.removed.size()) {
    return arrow::Status::Invalid("more rows are updated than removed: ", num_updated, " of ",
                                  change.removed.size());
  }
  if (base.file.manifest->has_stable_row_ids()) {
    ARROW_RETURN_NOT_OK(
        KeepLineage(*table, std::span(change.removed).first(static_cast<size_t>(num_updated))));
  }
  if (change.added != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto place, PlaceFor(*base.file.manifest));
    ARROW_ASSIGN_OR_RAISE(
        added_, WriteRows(place, base.file.manifest->fields, change.added.get(), options()));
    num_rows_added_ = NumRowsOf(added_);
  }
  if (num_rows_added_ < change.num_updated) {
    return arrow::Status::Invalid("more rows are updated than added: ", change.num_updated, " of ",
                                  num_rows_added_);
  }
  return RemoveRows(*table, std::move(change.removed));
}

arrow::Status RowsChange::KeepLineage(const LanceTable& table,
                                      std::span<const uint64_t> addresses) {
  LanceTable::Lineage lineage;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const uint64_t fragment_id = addresses[i] >> 32;
    const auto offset = static_cast<uint32_t>(addresses[i]);
    if (i == 0 || lineage.ids.id != fragment_id) {
      ARROW_ASSIGN_OR_RAISE(lineage, table.LineageOf(fragment_id, {options().cancel}));
    }
    if (offset >= lineage.ids.num_physical_rows) {
      return arrow::Status::IndexError("no row of ", table.location(), " has the address ",
                                       addresses[i]);
    }
    kept_.row_ids.push_back(lineage.ids.row_ids->At(offset));
    uint64_t created_at = 0;
    lineage.created_at->Read(offset, {&created_at, 1});
    kept_.created_at.push_back(created_at);
  }
  return arrow::Status::OK();
}

arrow::Status RowsChange::RemoveRows(const LanceTable& table, std::vector<uint64_t> addresses) {
  std::ranges::sort(addresses);
  const auto no_row = [&](uint64_t address) {
    return arrow::Status::IndexError("no live row of ", table.location(), " at version ",
                                     table.version(), " has the address ", address);
  };
  std::vector<uint32_t> offsets;
  for (size_t begin = 0; begin < addresses.size();) {
    const uint64_t fragment_id = addresses[begin] >> 32;
    const auto lineage = table.LineageOf(fragment_id, {options().cancel});
    if (lineage.status().IsIndexError()) return no_row(addresses[begin]);
    ARROW_RETURN_NOT_OK(lineage.status());
    const auto& ids = lineage->ids;
    offsets.clear();
    size_t end = begin;
    for (; end < addresses.size() && addresses[end] >> 32 == fragment_id; ++end) {
      const auto offset = static_cast<uint32_t>(addresses[end]);
      const bool is_live = offset < ids.num_physical_rows &&
                           (ids.deletions == nullptr || !ids.deletions->Contains(offset));
      if (!is_live) return no_row(addresses[end]);
      if (end > begin && addresses[end] == addresses[end - 1]) {
        return arrow::Status::Invalid("a row is removed twice: the address ", addresses[end]);
      }
      offsets.push_back(offset);
    }
    begin = end;
    num_rows_removed_ += std::ssize(offsets);
    ARROW_ASSIGN_OR_RAISE(auto deleted, DeletionVector::FromSorted(offsets, ids.num_physical_rows));
    if (ids.deletions != nullptr) deleted = DeletionVector::Union(*ids.deletions, *deleted);
    if (deleted->num_deleted() == ids.num_physical_rows) {
      removed_fragments_.push_back(fragment_id);
      continue;
    }
    format::DeletionFile file;
    file.type = format::DeletionFile::Type::kBitmap;
    file.read_version = base_version_;
    file.id = RandomId();
    file.num_deleted_rows = static_cast<uint64_t>(deleted->num_deleted());
    const std::string path =
        LanceDataset::PathOf(context().branch) + "_deletions/" + file.Name(fragment_id);
    ARROW_ASSIGN_OR_RAISE(auto writer, files()->Begin(path));
    ARROW_RETURN_NOT_OK(writer->Append(deleted->WriteBitmap()));
    ARROW_RETURN_NOT_OK(writer->Close());
    deletions_.emplace(fragment_id, file);
  }
  return arrow::Status::OK();
}

bool RowsChange::is_empty() const {
  return deletions_.empty() && removed_fragments_.empty() && added_.empty();
}

Operation RowsChange::operation() const {
  if (added_.empty()) return Operation::kDelete;
  const bool removes = !deletions_.empty() || !removed_fragments_.empty();
  return removes ? Operation::kUpdate : Operation::kAppend;
}

std::vector<uint64_t> RowsChange::changed_fragments() const {
  auto ids = removed_fragments_;
  for (const auto& [id, file] : deletions_) ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

// Rows are new versions of those before them as long as there are such, then new ones.
arrow::Status RowsChange::GiveLineage(ManifestDraft* draft,
                                      std::vector<format::Fragment>* fragments) const {
  size_t next = 0;
  for (auto& fragment : *fragments) {
    const auto num_rows = static_cast<size_t>(fragment.num_physical_rows);
    const size_t num_kept = std::min(num_rows, kept_.row_ids.size() - next);
    format::RowIdSequenceBuilder row_ids;
    format::RowVersionSequence created_at;
    if (num_kept > 0) {
      ARROW_RETURN_NOT_OK(row_ids.Append(std::span(kept_.row_ids).subspan(next, num_kept)));
      created_at.Append(std::span(kept_.created_at).subspan(next, num_kept));
      next += num_kept;
    }
    const size_t num_new = num_rows - num_kept;
    if (num_new > 0) {
      row_ids.Append(draft->TakeRowIds(num_new), num_new);
      created_at.Append(std::vector<uint64_t>(num_new, draft->version()));
    }
    fragment.row_ids = ToText(row_ids.Finish()->Write());
    fragment.created_at_versions = ToText(created_at.Write());
  }
  return arrow::Status::OK();
}

arrow::Result<format::WireWriter> RowsChange::Apply(ManifestDraft* draft) {
  std::vector<ManifestDraft::Message> updated;
  for (const auto& [id, file] : deletions_) {
    const auto* fragment = draft->FindFragment(id);
    if (fragment == nullptr) return arrow::Status::Invalid("the fragment ", id, " is gone");
    ARROW_ASSIGN_OR_RAISE(auto message, format::ReplaceDeletionFile(fragment->message, file));
    updated.push_back(message);
    ARROW_RETURN_NOT_OK(draft->ReplaceFragment(std::move(message)));
  }
  draft->RemoveFragments({removed_fragments_.begin(), removed_fragments_.end()});
  auto added = added_;
  if (draft->has_stable_row_ids()) ARROW_RETURN_NOT_OK(GiveLineage(draft, &added));
  std::vector<ManifestDraft::Message> new_fragments;
  for (const auto& fragment : added) new_fragments.push_back(fragment.Write().bytes());
  ARROW_RETURN_NOT_OK(draft->AppendFragments(std::move(added)));
  switch (operation()) {
    case Operation::kAppend:
      return format::transaction_body::Append(new_fragments);
    case Operation::kDelete:
      return format::transaction_body::Delete(updated, removed_fragments_, "");
    default:
      return format::transaction_body::Update(removed_fragments_, updated, new_fragments);
  }
}

}  // namespace croupier::table
