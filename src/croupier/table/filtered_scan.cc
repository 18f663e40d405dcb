#include "croupier/table/filtered_scan.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/expression.h"
#include "croupier/expression/takeable.h"
#include "croupier/table/pool_of.h"
#include "croupier/table/system_columns.h"

namespace croupier::table {

namespace {

// Rows that are looked at together; small batches are asked for by loaders, and filters cost by
// call.
constexpr int64_t kMinScannedRows = 8192;

bool HasDictionary(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) return true;
  return std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HasDictionary(*field->type()); });
}

// A filter that is bound to no other columns than it reads.
struct NarrowFilter {
  BoundExpression filter;
  std::vector<std::string> columns;

  static arrow::Result<NarrowFilter> Make(const arrow::Schema& schema, const Expression& filter) {
    const auto all = WithSystemColumns(schema);
    ARROW_ASSIGN_OR_RAISE(auto bound, filter.BindFilter(all));
    std::vector<std::string> columns;
    arrow::FieldVector fields;
    for (const ColumnPath& path : bound.columns()) {
      if (std::find(columns.begin(), columns.end(), path.front()) != columns.end()) continue;
      columns.push_back(path.front());
      fields.push_back(all->GetFieldByName(path.front()));
    }
    if (columns.empty()) {
      // A filter of literals: something must say how many rows there are.
      columns.push_back(kRowIdColumn);
      fields.push_back(all->GetFieldByName(kRowIdColumn));
    }
    ARROW_ASSIGN_OR_RAISE(bound, filter.BindFilter(arrow::schema(std::move(fields))));
    return NarrowFilter{std::move(bound), std::move(columns)};
  }

  // Which rows of a batch are kept; its columns are found by number.
  arrow::Result<std::shared_ptr<arrow::BooleanArray>> Evaluate(const arrow::RecordBatch& batch,
                                                               const std::vector<int>& numbers,
                                                               arrow::MemoryPool* pool) const {
    arrow::ArrayVector arrays;
    for (const int number : numbers) arrays.push_back(batch.column(number));
    const auto inputs =
        arrow::RecordBatch::Make(filter.schema(), batch.num_rows(), std::move(arrays));
    return filter.EvaluateFilter(*inputs, pool);
  }
};

class FilteredScan : public arrow::RecordBatchReader {
 public:
  static arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const TableSource& table,
                                                                       const ScanOptions& options) {
    if (options.batch_rows <= 0) {
      return arrow::Status::Invalid("batch_rows must be positive: ", options.batch_rows);
    }
    std::shared_ptr<FilteredScan> scan(new FilteredScan(options));
    ARROW_ASSIGN_OR_RAISE(auto narrow, NarrowFilter::Make(*table.schema(), *options.filter));
    scan->filter_ = std::move(narrow);
    ScanOptions scanned = options;
    scanned.filter.reset();
    scanned.batch_rows = std::max(options.batch_rows, kMinScannedRows);
    for (const auto& name : scan->filter_->columns) {
      auto found = std::find(scanned.columns.begin(), scanned.columns.end(), name);
      if (found == scanned.columns.end()) {
        found = scanned.columns.insert(scanned.columns.end(), name);
      }
      scan->filter_columns_.push_back(static_cast<int>(found - scanned.columns.begin()));
    }
    ARROW_ASSIGN_OR_RAISE(scan->schema_, ProjectSchema(*table.schema(), options.columns));
    const auto& fields = scan->schema_->fields();
    scan->can_join_ = std::none_of(fields.begin(), fields.end(),
                                   [](const auto& field) { return HasDictionary(*field->type()); });
    ARROW_ASSIGN_OR_RAISE(scan->rows_, table.Scan(scanned));
    return scan;
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = nullptr;
    while (!at_end_ && num_kept_ < (can_join_ ? batch_rows_ : 1)) ARROW_RETURN_NOT_OK(ReadMore());
    if (num_kept_ == 0) return arrow::Status::OK();
    const int64_t count = std::min(batch_rows_, can_join_ ? num_kept_ : kept_.front()->num_rows());
    std::vector<std::shared_ptr<arrow::RecordBatch>> pieces;
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
  explicit FilteredScan(const ScanOptions& options)
      : batch_rows_(options.batch_rows), pool_(PoolOf(options)) {}

  arrow::Status ReadMore() {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(rows_->ReadNext(&batch));
    if (batch == nullptr) {
      at_end_ = true;
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto mask, filter_->Evaluate(*batch, filter_columns_, pool_));
    const int64_t count = mask->true_count();
    if (count == 0) return arrow::Status::OK();
    num_kept_ += count;
    if (schema_->num_fields() == 0) {
      kept_.push_back(arrow::RecordBatch::Make(schema_, count, arrow::ArrayVector()));
      return arrow::Status::OK();
    }
    // Columns of the filter alone are behind those that are asked for.
    const auto& columns = batch->columns();
    auto wanted = arrow::RecordBatch::Make(
        schema_, batch->num_rows(),
        arrow::ArrayVector(columns.begin(), columns.begin() + schema_->num_fields()));
    if (count < batch->num_rows()) {
      arrow::compute::ExecContext context(pool_);
      context.set_use_threads(false);
      ARROW_ASSIGN_OR_RAISE(wanted, expression::Takeable(std::move(wanted), pool_));
      ARROW_ASSIGN_OR_RAISE(const auto filtered,
                            arrow::compute::Filter(
                                wanted, mask, arrow::compute::FilterOptions::Defaults(), &context));
      wanted = filtered.record_batch();
    }
    kept_.push_back(std::move(wanted));
    return arrow::Status::OK();
  }

  const int64_t batch_rows_;
  arrow::MemoryPool* const pool_;
  std::optional<NarrowFilter> filter_;
  std::vector<int> filter_columns_;  // their places among the columns that are scanned
  std::shared_ptr<arrow::Schema> schema_;
  // Dictionaries with nulls cannot be put together: batches that have some stay as they are.
  bool can_join_ = true;
  std::shared_ptr<arrow::RecordBatchReader> rows_;
  bool at_end_ = false;
  std::deque<std::shared_ptr<arrow::RecordBatch>> kept_;
  int64_t num_kept_ = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ScanFiltered(const TableSource& table,
                                                                      const ScanOptions& options) {
  return FilteredScan::Open(table, options);
}

arrow::Result<int64_t> CountFiltered(const TableSource& table, const Expression& filter,
                                     const ReadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto narrow, NarrowFilter::Make(*table.schema(), filter));
  ScanOptions scanned;
  static_cast<ReadOptions&>(scanned) = options;
  scanned.columns = narrow.columns;
  std::vector<int> numbers(narrow.columns.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  ARROW_ASSIGN_OR_RAISE(const auto rows, table.Scan(scanned));
  int64_t count = 0;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
    if (batch == nullptr) return count;
    ARROW_ASSIGN_OR_RAISE(const auto mask, narrow.Evaluate(*batch, numbers, PoolOf(options)));
    count += mask->true_count();
  }
}

}  // namespace croupier::table
