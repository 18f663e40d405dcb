#include "croupier/table/filtered_scan.h"

#include <algorithm>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/expression/takeable.h"
#include "croupier/table/pool_of.h"
#include "croupier/table/row_filter.h"

namespace croupier::table {

namespace {

bool HasDictionary(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) return true;
  return std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HasDictionary(*field->type()); });
}

// Gives of each batch of a scan the rows that are kept.
class FilteredScan : public arrow::RecordBatchReader {
 public:
  static arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const TableSource& table,
                                                                       const ScanOptions& options) {
    ARROW_ASSIGN_OR_RAISE(auto filter,
                          RowFilter::Make(*table.schema(), *options.filter,
                                          [](std::span<const int> /*way*/) { return false; }));
    ARROW_ASSIGN_OR_RAISE(auto schema, ProjectSchema(*table.schema(), options.columns));
    std::shared_ptr<FilteredScan> scan(
        new FilteredScan(std::move(filter), std::move(schema), PoolOf(options)));
    ScanOptions scanned = options;
    scanned.filter.reset();
    scanned.batch_rows = kFilteredRows;
    for (const auto& name : scan->filter_.columns()) {
      auto found = std::find(scanned.columns.begin(), scanned.columns.end(), name);
      if (found == scanned.columns.end()) {
        found = scanned.columns.insert(scanned.columns.end(), name);
      }
      scan->filter_columns_.push_back(static_cast<int>(found - scanned.columns.begin()));
    }
    ARROW_ASSIGN_OR_RAISE(scan->rows_, table.Scan(scanned));
    return scan;
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (*batch == nullptr) return arrow::Status::OK();
    const int64_t num_rows = (*batch)->num_rows();
    arrow::ArrayVector inputs;
    for (const int column : filter_columns_) inputs.push_back((*batch)->column(column));
    ARROW_ASSIGN_OR_RAISE(const auto mask, filter_.Evaluate(inputs, num_rows, pool_));
    // Columns of the filter alone are behind those that are asked for.
    auto columns = (*batch)->columns();
    columns.resize(static_cast<size_t>(schema_->num_fields()));
    const int64_t num_kept = mask->true_count();
    if (columns.empty() || num_kept == num_rows) {
      *batch = arrow::RecordBatch::Make(schema_, num_kept, std::move(columns));
      return arrow::Status::OK();
    }
    arrow::compute::ExecContext context(pool_);
    context.set_use_threads(false);
    ARROW_ASSIGN_OR_RAISE(
        auto wanted, expression::Takeable(
                         arrow::RecordBatch::Make(schema_, num_rows, std::move(columns)), pool_));
    return arrow::compute::Filter(wanted, mask, arrow::compute::FilterOptions::Defaults(), &context)
        .Map([](const arrow::Datum& kept) { return kept.record_batch(); })
        .Value(batch);
  }

 private:
  FilteredScan(RowFilter filter, std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
      : filter_(std::move(filter)), schema_(std::move(schema)), pool_(pool) {}

  const RowFilter filter_;
  const std::shared_ptr<arrow::Schema> schema_;
  arrow::MemoryPool* const pool_;
  std::vector<int> filter_columns_;  // their places among the columns that are scanned
  std::shared_ptr<arrow::RecordBatchReader> rows_;
};

class JoinedBatches : public arrow::RecordBatchReader {
 public:
  JoinedBatches(std::shared_ptr<arrow::RecordBatchReader> rows, const ScanOptions& options)
      : batch_rows_(options.batch_rows), pool_(PoolOf(options)), rows_(std::move(rows)) {
    for (const auto& field : rows_->schema()->fields()) {
      can_join_ = can_join_ && !HasDictionary(*field->type());
    }
  }

  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = nullptr;
    while (!at_end_ && num_kept_ < (can_join_ ? batch_rows_ : 1)) ARROW_RETURN_NOT_OK(ReadMore());
    if (num_kept_ == 0) return arrow::Status::OK();
    const int64_t count = std::min(batch_rows_, can_join_ ? num_kept_ : kept_.front()->num_rows());
    arrow::RecordBatchVector pieces;
    for (int64_t missing = count; missing > 0;) {
      auto& first = kept_.front();
      const int64_t taken = std::min(missing, first->num_rows());
      pieces.push_back(first->Slice(0, taken));
      missing -= taken;
      if (taken == first->num_rows()) {
        kept_.pop_front();
      } else {
        first = first->Slice(taken);
      }
    }
    num_kept_ -= count;
    if (pieces.size() == 1) {
      *batch = std::move(pieces.front());
      return arrow::Status::OK();
    }
    return arrow::ConcatenateRecordBatches(pieces, pool_).Value(batch);
  }

 private:
  arrow::Status ReadMore() {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(rows_->ReadNext(&batch));
    at_end_ = batch == nullptr;
    if (at_end_ || batch->num_rows() == 0) return arrow::Status::OK();
    num_kept_ += batch->num_rows();
    kept_.push_back(std::move(batch));
    return arrow::Status::OK();
  }

  const int64_t batch_rows_;
  arrow::MemoryPool* const pool_;
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  // Dictionaries with nulls cannot be put together: batches that have some stay as they are.
  bool can_join_ = true;
  bool at_end_ = false;
  std::deque<std::shared_ptr<arrow::RecordBatch>> kept_;
  int64_t num_kept_ = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> JoinBatches(
    std::shared_ptr<arrow::RecordBatchReader> rows, const ScanOptions& options) {
  if (options.batch_rows <= 0) {
    return arrow::Status::Invalid("batch_rows must be positive: ", options.batch_rows);
  }
  return std::make_shared<JoinedBatches>(std::move(rows), options);
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ScanFiltered(const TableSource& table,
                                                                      const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto kept, FilteredScan::Open(table, options));
  return JoinBatches(std::move(kept), options);
}

arrow::Result<int64_t> CountFiltered(const TableSource& table, const Expression& filter,
                                     const ReadOptions& options) {
  ScanOptions scanned;
  static_cast<ReadOptions&>(scanned) = options;
  scanned.filter = filter;
  ARROW_ASSIGN_OR_RAISE(const auto rows, table.Scan(scanned));
  int64_t count = 0;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
    if (batch == nullptr) return count;
    count += batch->num_rows();
  }
}

}  // namespace croupier::table
