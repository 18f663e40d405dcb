#include "croupier/permutation/selected_rows.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>

namespace croupier::permutation {

namespace {

constexpr int64_t kBatchRows = 65536;

arrow::Status UnknownRow(const TableSource& base) {
  return arrow::Status::Invalid(
      base.location(), " gives rows that it does not have, gives rows twice, or leaves rows out");
}

}  // namespace

SelectedRows::SelectedRows(std::shared_ptr<const TableSource> base,
                           std::optional<Expression> filter, std::optional<RowKeys> keys,
                           const ReadOptions& options)
    : base_(std::move(base)),
      filter_(std::move(filter)),
      keys_(std::move(keys)),
      options_(options) {}

arrow::Status SelectedRows::Scan(const char* number_column, const Visit& visit) const {
  ScanOptions scan;
  static_cast<ReadOptions&>(scan) = options_;
  scan.filter = filter_;
  scan.batch_rows = kBatchRows;
  if (keys_.has_value()) scan.columns = keys_->columns;
  auto number = std::find(scan.columns.begin(), scan.columns.end(), number_column);
  if (number == scan.columns.end()) {
    number = scan.columns.insert(scan.columns.end(), number_column);
  }
  const auto number_index = static_cast<int>(number - scan.columns.begin());
  ARROW_ASSIGN_OR_RAISE(const auto reader, base_->Scan(scan));
  std::vector<uint64_t> keys;
  while (true) {
    ARROW_RETURN_NOT_OK(options_.cancel->Check());
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) return arrow::Status::OK();
    const auto& rows = batch->column(number_index);
    if (rows->type_id() != arrow::Type::UINT64 || rows->null_count() > 0) {
      return arrow::Status::TypeError("column '", number_column, "' of ", base_->location(),
                                      " must be uint64 without nulls");
    }
    keys.resize(static_cast<size_t>(batch->num_rows()));  // of zeros, where nothing computes them
    if (keys_.has_value()) ARROW_RETURN_NOT_OK(keys_->compute(*batch, keys));
    const auto* numbers = static_cast<const arrow::UInt64Array&>(*rows).raw_values();
    ARROW_RETURN_NOT_OK(visit({numbers, keys.size()}, keys));
  }
}

arrow::Status SelectedRows::ForEach(const Visit& visit) const {
  // A column of that name hides the one that is meant.
  const bool is_hidden = base_->schema()->GetFieldIndex(kRowOffsetColumn) >= 0;
  if (!base_->has_row_offsets() || is_hidden) return ForEachUnordered(visit);
  ARROW_ASSIGN_OR_RAISE(const int64_t num_rows, base_->CountRows());
  uint64_t next = 0;
  return Scan(kRowOffsetColumn,
              [&](std::span<const uint64_t> ranks, std::span<const uint64_t> keys) {
                for (const uint64_t rank : ranks) {
                  if (rank < next) return UnknownRow(*base_);
                  next = rank + 1;
                }
                if (next > static_cast<uint64_t>(num_rows)) return UnknownRow(*base_);
                return visit(ranks, keys);
              });
}

arrow::Status SelectedRows::ForEachUnordered(const Visit& visit) const {
  std::vector<uint64_t> ids;
  std::vector<uint64_t> keys;
  ARROW_RETURN_NOT_OK(Scan(
      kRowIdColumn, [&](std::span<const uint64_t> some_ids, std::span<const uint64_t> some_keys) {
        ids.insert(ids.end(), some_ids.begin(), some_ids.end());
        if (keys_.has_value()) keys.insert(keys.end(), some_keys.begin(), some_keys.end());
        return arrow::Status::OK();
      }));
  std::vector<uint64_t> order(ids.size());
  std::iota(order.begin(), order.end(), uint64_t{0});
  std::sort(order.begin(), order.end(), [&](uint64_t a, uint64_t b) { return ids[a] < ids[b]; });
  // All ids of the table, ascending, beside those that were selected.
  ARROW_ASSIGN_OR_RAISE(const auto all, base_->RowIds(options_));
  const auto num_rows = static_cast<uint64_t>(all->num_rows());
  ARROW_ASSIGN_OR_RAISE(const int64_t num_counted, base_->CountRows());
  if (all->num_rows() != num_counted) return UnknownRow(*base_);
  std::vector<uint64_t> some;
  std::vector<uint64_t> ranks;
  std::vector<uint64_t> some_keys;
  size_t next = 0;
  for (uint64_t begin = 0; begin < num_rows; begin += kBatchRows) {
    ARROW_RETURN_NOT_OK(options_.cancel->Check());
    some.resize(std::min<uint64_t>(kBatchRows, num_rows - begin));
    std::iota(some.begin(), some.end(), begin);
    all->Lookup(some);
    ranks.clear();
    some_keys.clear();
    for (size_t i = 0; i < some.size() && next < order.size(); ++i) {
      if (ids[order[next]] != some[i]) continue;
      ranks.push_back(begin + i);
      some_keys.push_back(keys_.has_value() ? keys[order[next]] : 0);
      ++next;
    }
    if (!ranks.empty()) ARROW_RETURN_NOT_OK(visit(ranks, some_keys));
  }
  return next == order.size() ? arrow::Status::OK() : UnknownRow(*base_);
}

}  // namespace croupier::permutation
