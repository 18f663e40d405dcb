#include "croupier/table/row_ids.h"

#include <algorithm>
#include <utility>

#include <arrow/status.h>

namespace croupier::table {

namespace {

// A run costs as much as this many rows by themselves.
constexpr uint64_t kMinRunRows = 4;
constexpr size_t kBlockRows = 256;
// The row numbers of a table have this many bits.
constexpr int kRowBits = 40;

arrow::Status IdOccursTwice(uint64_t row_id) {
  return arrow::Status::SerializationError("two live rows have the row id ", row_id);
}

}  // namespace

LanceRowIds::LanceRowIds(const std::vector<FragmentIds>& fragments) {
  for (const auto& fragment : fragments) {
    const int64_t num_deleted =
        fragment.deletions != nullptr ? fragment.deletions->num_deleted() : 0;
    if (fragment.num_physical_rows == num_deleted) continue;
    first_ranks_.push_back(num_rows_);
    fragments_.push_back(fragment);
    num_rows_ += fragment.num_physical_rows - num_deleted;
  }
}

LanceRowIds::Place LanceRowIds::Locate(uint64_t rank) const {
  const auto after =
      std::upper_bound(first_ranks_.begin(), first_ranks_.end(), static_cast<int64_t>(rank));
  const auto i = static_cast<size_t>(after - first_ranks_.begin()) - 1;
  const FragmentIds& fragment = fragments_[i];
  auto offset = static_cast<uint32_t>(rank - static_cast<uint64_t>(first_ranks_[i]));
  if (fragment.deletions != nullptr) offset = fragment.deletions->Select(offset);
  return {&fragment, offset};
}

void LanceRowIds::Lookup(std::span<uint64_t> ranks_to_row_ids) const {
  for (uint64_t& value : ranks_to_row_ids) {
    const auto [fragment, offset] = Locate(value);
    value = fragment->row_ids != nullptr ? fragment->row_ids->At(offset)
                                         : RowAddress(fragment->id, offset);
  }
}

void LanceRowIds::LookupAddresses(std::span<uint64_t> ranks_to_addresses) const {
  for (uint64_t& value : ranks_to_addresses) {
    const auto [fragment, offset] = Locate(value);
    value = RowAddress(fragment->id, offset);
  }
}

uint64_t LanceRowIds::RankOf(uint64_t fragment_id, uint32_t offset) const {
  const auto fragment =
      std::lower_bound(fragments_.begin(), fragments_.end(), fragment_id,
                       [](const FragmentIds& a, uint64_t id) { return a.id < id; });
  const auto first_rank = first_ranks_[static_cast<size_t>(fragment - fragments_.begin())];
  uint64_t rank = static_cast<uint64_t>(first_rank) + offset;
  if (fragment->deletions != nullptr) {
    const auto& runs = fragment->deletions->runs();
    const size_t next = fragment->deletions->FirstRunEndingAfter(offset);
    rank -= next < runs.size() ? runs[next].num_deleted_before
                               : static_cast<uint64_t>(fragment->deletions->num_deleted());
  }
  return rank;
}

arrow::Result<std::shared_ptr<const RowAddressMap>> RowAddressMap::Make(
    std::span<const FragmentIds> fragments) {
  auto map = std::make_shared<RowAddressMap>();
  std::vector<Row> rows;
  for (const auto& fragment : fragments) {
    map->fragment_ids_.push_back(fragment.id);
    map->first_rows_.push_back(map->num_rows_);
    map->AddFragment(fragment, &rows);
    map->num_rows_ += static_cast<uint64_t>(fragment.num_physical_rows);
  }
  ARROW_RETURN_NOT_OK(map->SortRuns());
  ARROW_RETURN_NOT_OK(map->CompressRows(std::move(rows)));
  return map;
}

// The live rows of a fragment, cut where ids do not follow each other and at deleted rows.
void RowAddressMap::AddFragment(const FragmentIds& fragment, std::vector<Row>* rows) {
  const auto& pieces = fragment.row_ids->pieces();
  const auto& scattered = fragment.row_ids->scattered();
  size_t deleted_run = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto end = static_cast<uint64_t>(fragment.row_ids->end_row(i));
    for (uint64_t begin = pieces[i].first_row; begin < end;) {
      uint64_t live_end = end;
      if (fragment.deletions != nullptr) {
        const auto& deleted = fragment.deletions->runs();
        while (deleted_run < deleted.size() && deleted[deleted_run].end <= begin) ++deleted_run;
        if (deleted_run < deleted.size()) {
          if (deleted[deleted_run].begin <= begin) {
            begin = deleted[deleted_run].end;
            continue;
          }
          live_end = std::min<uint64_t>(end, deleted[deleted_run].begin);
        }
      }
      const uint64_t place = pieces[i].first + (begin - pieces[i].first_row);
      if (pieces[i].is_scattered) {
        for (uint64_t k = 0; k < live_end - begin; ++k) {
          rows->push_back({scattered[place + k], num_rows_ + begin + k});
        }
      } else {
        AddLiveRows(place, num_rows_ + begin, live_end - begin, rows);
      }
      begin = live_end;
    }
  }
}

void RowAddressMap::AddLiveRows(uint64_t first_id, uint64_t first_row, uint64_t count,
                                std::vector<Row>* rows) {
  if (!runs_.empty() && first_id == runs_.back().first_id + runs_.back().count &&
      first_row == runs_.back().first_row + runs_.back().count) {
    runs_.back().count += count;
  } else if (count >= kMinRunRows) {
    runs_.push_back({first_id, first_row, count});
  } else {
    for (uint64_t k = 0; k < count; ++k) rows->push_back({first_id + k, first_row + k});
  }
}

arrow::Status RowAddressMap::SortRuns() {
  std::sort(runs_.begin(), runs_.end(),
            [](const Run& a, const Run& b) { return a.first_id < b.first_id; });
  for (size_t i = 1; i < runs_.size(); ++i) {
    if (runs_[i].first_id - runs_[i - 1].first_id < runs_[i - 1].count) {
      return IdOccursTwice(runs_[i].first_id);
    }
  }
  return arrow::Status::OK();
}

arrow::Status RowAddressMap::CompressRows(std::vector<Row> rows) {
  if (rows.empty()) return arrow::Status::OK();
  if (num_rows_ > uint64_t{1} << kRowBits) {
    return arrow::Status::CapacityError("a table of more than 2^", kRowBits,
                                        " rows cannot be read by row ids that do not follow each "
                                        "other: it has ",
                                        num_rows_);
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
  id_offsets_.reserve(rows.size());
  rows_low_.reserve(rows.size());
  const bool has_high = num_rows_ > UINT32_MAX;
  if (has_high) rows_high_.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint64_t id = rows[i].id;
    if ((i > 0 && rows[i - 1].id == id) || RunOf(id) != nullptr) return IdOccursTwice(id);
    if (blocks_.empty() || id - blocks_.back().first_id > UINT32_MAX ||
        i - blocks_.back().first_entry == kBlockRows) {
      blocks_.push_back({id, i});
    }
    id_offsets_.push_back(static_cast<uint32_t>(id - blocks_.back().first_id));
    rows_low_.push_back(static_cast<uint32_t>(rows[i].row));
    if (has_high) rows_high_.push_back(static_cast<uint8_t>(rows[i].row >> 32));
  }
  return arrow::Status::OK();
}

const RowAddressMap::Run* RowAddressMap::RunOf(uint64_t row_id) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), row_id,
                       [](uint64_t id, const Run& run) { return id < run.first_id; });
  if (after == runs_.begin()) return nullptr;
  const Run& run = *(after - 1);
  return row_id - run.first_id < run.count ? &run : nullptr;
}

uint64_t RowAddressMap::AddressOf(uint64_t row) const {
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  const auto i = static_cast<size_t>(after - first_rows_.begin()) - 1;
  return RowAddress(fragment_ids_[i], static_cast<uint32_t>(row - first_rows_[i]));
}

std::optional<uint64_t> RowAddressMap::Find(uint64_t row_id) const {
  if (const Run* run = RunOf(row_id)) {
    return AddressOf(run->first_row + (row_id - run->first_id));
  }
  const auto after =
      std::upper_bound(blocks_.begin(), blocks_.end(), row_id,
                       [](uint64_t id, const Block& block) { return id < block.first_id; });
  if (after == blocks_.begin()) return std::nullopt;
  const Block& block = *(after - 1);
  const uint64_t offset = row_id - block.first_id;
  const auto begin = id_offsets_.begin() + static_cast<std::ptrdiff_t>(block.first_entry);
  const auto end = after == blocks_.end()
                       ? id_offsets_.end()
                       : id_offsets_.begin() + static_cast<std::ptrdiff_t>(after->first_entry);
  const auto found = std::lower_bound(begin, end, offset);
  if (found == end || *found != offset) return std::nullopt;
  const auto entry = static_cast<size_t>(found - id_offsets_.begin());
  uint64_t row = rows_low_[entry];
  if (!rows_high_.empty()) row |= uint64_t{rows_high_[entry]} << 32;
  return AddressOf(row);
}

}  // namespace croupier::table
