#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/permutation.h"
#include "croupier/table/filtered_scan.h"
#include "croupier/table/row_ids.h"
#include "croupier/table/system_columns.h"

namespace croupier {

namespace {

constexpr char kSplitIdColumn[] = "split_id";
constexpr char kRowIdOfBaseColumn[] = "row_id";

std::shared_ptr<arrow::Array> ToArray(std::vector<uint64_t> numbers) {
  const auto length = std::ssize(numbers);
  return std::make_shared<arrow::UInt64Array>(length,
                                              arrow::Buffer::FromVector(std::move(numbers)));
}

// The rows (row_id, split_id) of a permutation, computed when they are read. A row's id is its
// place: splits are one behind another.
class PermutationRows : public TableSource, public std::enable_shared_from_this<PermutationRows> {
 public:
  PermutationRows(std::shared_ptr<const PermutationTable> table,
                  std::shared_ptr<const TableSource> base)
      : location_("permutation:" + table->order_id()),
        table_(std::move(table)),
        base_(std::move(base)) {
    uint64_t end = 0;
    for (int64_t split = 0; split < table_->num_splits(); ++split) {
      ends_.push_back(end += static_cast<uint64_t>(table_->split_num_rows(split)));
    }
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return table_->schema(); }
  uint64_t version() const override { return 1; }
  const std::string& location() const override { return location_; }
  arrow::Result<int64_t> CountRows() const override { return table_->num_rows(); }
  bool has_row_offsets() const override { return true; }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override;

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options) const override {
    ARROW_RETURN_NOT_OK(options.cancel->Check());
    ARROW_ASSIGN_OR_RAISE(const auto projected, ProjectSchema(*schema(), columns));
    ARROW_RETURN_NOT_OK(table::CheckOffsets(row_ids, table_->num_rows(), location_));
    arrow::ArrayVector arrays;
    for (const auto& name : columns) {
      std::vector<uint64_t> numbers(row_ids.begin(), row_ids.end());
      if (name == kRowIdOfBaseColumn) {
        ARROW_RETURN_NOT_OK(MapToRowIds(numbers, options));
      } else if (name == kSplitIdColumn) {
        for (uint64_t& number : numbers) number = SplitOf(number);
      } else if (name == kRowCreatedAtVersionColumn || name == kRowLastUpdatedAtVersionColumn) {
        std::fill(numbers.begin(), numbers.end(), version());
      }
      arrays.push_back(ToArray(std::move(numbers)));
    }
    return arrow::RecordBatch::Make(projected, std::ssize(row_ids), std::move(arrays));
  }

  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& /*options*/) const override {
    return std::make_shared<table::IdentityRowIds>(table_->num_rows());
  }

 private:
  uint64_t SplitOf(uint64_t place) const {
    return static_cast<uint64_t>(std::upper_bound(ends_.begin(), ends_.end(), place) -
                                 ends_.begin());
  }

  // Runs of one split are mapped together.
  arrow::Status MapToRowIds(std::span<uint64_t> places, const ReadOptions& options) const {
    for (size_t begin = 0; begin < places.size();) {
      const uint64_t split = SplitOf(places[begin]);
      const uint64_t first = split == 0 ? 0 : ends_[split - 1];
      size_t end = begin;
      while (end < places.size() && places[end] >= first && places[end] < ends_[split]) {
        places[end++] -= first;
      }
      ARROW_RETURN_NOT_OK(
          table_->MapPositions(static_cast<int64_t>(split), places.subspan(begin, end - begin)));
      begin = end;
    }
    if (table_->maps_to_row_ids()) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto row_ids, base_->RowIds(options));
    if (row_ids->num_rows() != table_->spec().num_base_rows) {
      return arrow::Status::Invalid("the permutation was built for ", table_->spec().num_base_rows,
                                    " rows, ", base_->location(), " has ", row_ids->num_rows());
    }
    row_ids->Lookup(places);
    return arrow::Status::OK();
  }

  const std::string location_;
  const std::shared_ptr<const PermutationTable> table_;
  const std::shared_ptr<const TableSource> base_;
  std::vector<uint64_t> ends_;  // of each split
};

class PermutationScan : public arrow::RecordBatchReader {
 public:
  PermutationScan(std::shared_ptr<const TableSource> rows, std::shared_ptr<arrow::Schema> schema,
                  ScanOptions options, int64_t num_rows)
      : rows_(std::move(rows)),
        schema_(std::move(schema)),
        options_(std::move(options)),
        num_rows_(num_rows) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = nullptr;
    const int64_t count = std::min(options_.batch_rows, num_rows_ - next_);
    if (count == 0) return arrow::Status::OK();
    std::vector<uint64_t> places(static_cast<size_t>(count));
    std::iota(places.begin(), places.end(), static_cast<uint64_t>(next_));
    ARROW_ASSIGN_OR_RAISE(*batch, rows_->Take(places, options_.columns, options_));
    next_ += count;
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<const TableSource> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  const ScanOptions options_;
  const int64_t num_rows_;
  int64_t next_ = 0;
};

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> PermutationRows::Scan(
    const ScanOptions& options) const {
  if (options.filter.has_value()) return table::ScanFiltered(*this, options);
  if (options.batch_rows <= 0) {
    return arrow::Status::Invalid("batch_rows must be positive: ", options.batch_rows);
  }
  ARROW_ASSIGN_OR_RAISE(auto projected, ProjectSchema(*schema(), options.columns));
  return std::make_shared<PermutationScan>(shared_from_this(), std::move(projected), options,
                                           table_->num_rows());
}

}  // namespace

arrow::Result<std::shared_ptr<const TableSource>> PermutationTable::AsTable(
    std::shared_ptr<const TableSource> base) const {
  ARROW_RETURN_NOT_OK(CheckBase(*base));
  return std::make_shared<PermutationRows>(shared_from_this(), std::move(base));
}

}  // namespace croupier
