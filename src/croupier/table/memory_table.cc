#include <algorithm>
#include <utility>

#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/arrow_kernels.h"
#include "croupier/expression/takeable.h"
#include "croupier/table.h"
#include "croupier/table/filtered_scan.h"
#include "croupier/table/find_column.h"
#include "croupier/table/pool_of.h"
#include "croupier/table/row_id_array.h"
#include "croupier/table/row_ids.h"
#include "croupier/table/system_columns.h"

namespace croupier {

namespace {

// Whether a system column is the number of the row: its id, address and offset are; its versions
// are that of the table.
bool IsRowNumber(const std::string& name) {
  return name == kRowIdColumn || name == kRowAddressColumn || name == kRowOffsetColumn;
}

// A system column of the rows [begin, begin + count).
arrow::Result<std::shared_ptr<arrow::Array>> SystemValues(const std::string& name, int64_t begin,
                                                          int64_t count, arrow::MemoryPool* pool) {
  arrow::UInt64Builder builder(pool);
  ARROW_RETURN_NOT_OK(builder.Reserve(count));
  const bool is_number = IsRowNumber(name);
  for (int64_t i = 0; i < count; ++i) {
    builder.UnsafeAppend(is_number ? static_cast<uint64_t>(begin + i) : 1);
  }
  return builder.Finish();
}

class MemoryScan : public arrow::RecordBatchReader {
 public:
  MemoryScan(std::shared_ptr<arrow::Table> rows, std::shared_ptr<arrow::Schema> schema,
             ScanOptions options)
      : rows_(std::move(rows)), schema_(std::move(schema)), options_(std::move(options)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(options_.cancel->Check());
    const int64_t num_rows = std::min(options_.batch_rows, rows_->num_rows() - next_row_);
    if (num_rows == 0) {
      *batch = nullptr;
      return arrow::Status::OK();
    }
    // Chunks of a column may end anywhere; a batch of this reader ends where the options say.
    ARROW_ASSIGN_OR_RAISE(
        auto rows,
        rows_->Slice(next_row_, num_rows)->CombineChunksToBatch(table::PoolOf(options_)));
    arrow::ArrayVector arrays;
    for (const auto& field : schema_->fields()) {
      auto array = rows->GetColumnByName(field->name());
      if (array == nullptr) {
        ARROW_ASSIGN_OR_RAISE(
            array, SystemValues(field->name(), next_row_, num_rows, table::PoolOf(options_)));
      }
      arrays.push_back(std::move(array));
    }
    next_row_ += num_rows;
    *batch = arrow::RecordBatch::Make(schema_, num_rows, std::move(arrays));
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Table> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  const ScanOptions options_;
  int64_t next_row_ = 0;
};

/// A table of Arrow arrays. All members are immutable, so any thread and any forked child may read.
class MemoryTable : public TableSource, public std::enable_shared_from_this<MemoryTable> {
 public:
  MemoryTable(const std::string& name, std::shared_ptr<arrow::Table> rows)
      : location_("memory://" + name), rows_(std::move(rows)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_->schema(); }
  uint64_t version() const override { return 1; }
  const std::string& location() const override { return location_; }
  arrow::Result<int64_t> CountRows() const override { return rows_->num_rows(); }
  bool has_row_offsets() const override { return true; }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override {
    if (options.filter.has_value()) return table::ScanFiltered(*this, options);
    if (options.batch_rows <= 0) {
      return arrow::Status::Invalid("batch_rows must be positive: ", options.batch_rows);
    }
    ARROW_ASSIGN_OR_RAISE(auto schema, ProjectSchema(*rows_->schema(), options.columns));
    ARROW_ASSIGN_OR_RAISE(auto columns, SelectStored(*schema));
    return std::make_shared<MemoryScan>(std::move(columns), std::move(schema), options);
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options) const override {
    ARROW_RETURN_NOT_OK(options.cancel->Check());
    ARROW_ASSIGN_OR_RAISE(auto schema, ProjectSchema(*rows_->schema(), columns));
    ARROW_ASSIGN_OR_RAISE(const auto stored, SelectStored(*schema));
    ARROW_ASSIGN_OR_RAISE(const auto indices,
                          table::MakeRowIdArray(row_ids, table::PoolOf(options)));
    for (const uint64_t row_id : row_ids) {
      if (row_id >= static_cast<uint64_t>(rows_->num_rows())) {
        return arrow::Status::IndexError("no row of ", location_, " has the row id ", row_id, " (",
                                         rows_->num_rows(), " rows)");
      }
    }
    ARROW_RETURN_NOT_OK(expression::CheckKernels());
    // One thread: a pool of Arrow's would be shared with the rest of the process.
    arrow::compute::ExecContext context(table::PoolOf(options));
    context.set_use_threads(false);
    arrow::ArrayVector arrays;
    for (const auto& field : schema->fields()) {
      ARROW_RETURN_NOT_OK(options.cancel->Check());
      const auto column = stored->GetColumnByName(field->name());
      if (column == nullptr && IsRowNumber(field->name())) {
        arrays.push_back(indices);
        continue;
      }
      if (column == nullptr) {
        ARROW_ASSIGN_OR_RAISE(
            auto values, SystemValues(field->name(), 0, indices->length(), table::PoolOf(options)));
        arrays.push_back(std::move(values));
        continue;
      }
      const auto taken = arrow::compute::Take(
          column, indices, arrow::compute::TakeOptions::NoBoundsCheck(), &context);
      if (!taken.ok()) {
        return taken.status().WithMessage("column '", field->name(), "' (",
                                          field->type()->ToString(),
                                          "): ", taken.status().message());
      }
      const auto& chunked = taken->chunked_array();
      if (chunked->num_chunks() == 1) {
        arrays.push_back(chunked->chunk(0));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto whole, arrow::Table::Make(arrow::schema({field}), {chunked})
                                              ->CombineChunksToBatch(table::PoolOf(options)));
        arrays.push_back(whole->column(0));
      }
    }
    return arrow::RecordBatch::Make(std::move(schema), static_cast<int64_t>(row_ids.size()),
                                    std::move(arrays));
  }

  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& /*options*/) const override {
    return std::make_shared<table::IdentityRowIds>(rows_->num_rows());
  }

  arrow::Result<std::shared_ptr<const TableSource>> Checkout(
      const VersionRef& ref, const ReadOptions& /*options*/) const override {
    if (!ref.tag.empty()) {
      return arrow::Status::KeyError(location_, ": no tag named '", ref.tag,
                                     "'; a table in memory has none");
    }
    if (ref.branch.has_value() && !ref.branch->empty() && *ref.branch != "main") {
      return arrow::Status::KeyError(location_, ": no branch named '", *ref.branch,
                                     "'; a table in memory has none");
    }
    if (ref.version.value_or(version()) != version()) {
      return VersionNotFound(location_, branch(), *ref.version, {version()});
    }
    return shared_from_this();
  }

 private:
  // The columns of the selection that the table stores: all but system columns.
  arrow::Result<std::shared_ptr<arrow::Table>> SelectStored(const arrow::Schema& selection) const {
    arrow::FieldVector fields;
    std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
    for (const auto& field : selection.fields()) {
      if (table::SystemColumnOf(*rows_->schema(), field->name()).has_value()) continue;
      ARROW_ASSIGN_OR_RAISE(auto way, table::FindColumn(*rows_->schema(), field->name()));
      fields.push_back(field);
      if (way.size() == 1) {
        columns.push_back(rows_->column(way[0]));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto member, arrow::FieldPath(std::move(way)).GetFlattened(*rows_));
        columns.push_back(std::move(member));
      }
    }
    return arrow::Table::Make(arrow::schema(std::move(fields)), std::move(columns),
                              rows_->num_rows());
  }

  const std::string location_;
  const std::shared_ptr<arrow::Table> rows_;
};

}  // namespace

arrow::Result<std::shared_ptr<const TableSource>> MakeMemoryTable(
    const std::string& name, std::shared_ptr<arrow::Table> rows) {
  ARROW_RETURN_NOT_OK(rows->Validate());
  for (const auto& field_name : rows->schema()->field_names()) {
    if (rows->schema()->GetAllFieldIndices(field_name).size() > 1) {
      return arrow::Status::Invalid("two columns have the name '", field_name, "'");
    }
    if (field_name == kRowIdColumn) {
      return arrow::Status::Invalid("a column cannot have the name '", kRowIdColumn,
                                    "': that is the row id of every table");
    }
  }
  for (int i = 0; i < rows->num_columns(); ++i) {
    const auto column = rows->column(i);
    ARROW_ASSIGN_OR_RAISE(auto takeable, expression::Takeable(column, DefaultMemoryPool()));
    if (takeable == column) continue;
    ARROW_ASSIGN_OR_RAISE(rows, rows->SetColumn(i, rows->field(i), std::move(takeable)));
  }
  return std::make_shared<MemoryTable>(name, std::move(rows));
}

}  // namespace croupier
