#include <algorithm>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/table.h"
#include "croupier/table/filtered_scan.h"
#include "croupier/table/pool_of.h"
#include "croupier/table/system_columns.h"

namespace croupier {

namespace {

// A column of the result: one of those that are read, or an expression over some of them.
struct Output {
  int read = -1;  // number among the columns that are read, for a column as it is
  std::shared_ptr<const BoundExpression> expression;
  std::vector<int> inputs;  // of the expression, among the columns that are read
};

struct Projection {
  std::shared_ptr<arrow::Schema> schema;  // of the result
  std::vector<std::string> read;          // columns of the base table
  std::vector<Output> outputs;

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Compute(const arrow::RecordBatch& batch,
                                                             arrow::MemoryPool* pool) const {
    arrow::ArrayVector arrays;
    for (const Output& output : outputs) {
      if (output.expression == nullptr) {
        arrays.push_back(batch.column(output.read));
        continue;
      }
      arrow::ArrayVector inputs;
      for (const int input : output.inputs) inputs.push_back(batch.column(input));
      const auto rows = arrow::RecordBatch::Make(output.expression->schema(), batch.num_rows(),
                                                 std::move(inputs));
      ARROW_ASSIGN_OR_RAISE(auto values, output.expression->Evaluate(*rows, pool));
      arrays.push_back(std::move(values));
    }
    return arrow::RecordBatch::Make(schema, batch.num_rows(), std::move(arrays));
  }
};

class ComputedScan : public arrow::RecordBatchReader {
 public:
  ComputedScan(std::shared_ptr<arrow::RecordBatchReader> rows, Projection projection,
               arrow::MemoryPool* pool)
      : rows_(std::move(rows)), projection_(std::move(projection)), pool_(pool) {}

  std::shared_ptr<arrow::Schema> schema() const override { return projection_.schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (*batch == nullptr) return arrow::Status::OK();
    return projection_.Compute(**batch, pool_).Value(batch);
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  const Projection projection_;
  arrow::MemoryPool* const pool_;
};

/// A table with more columns, which are computed when they are read. Immutable.
class ComputedTable : public TableSource {
 public:
  static arrow::Result<std::shared_ptr<const TableSource>> Make(
      std::shared_ptr<const TableSource> base, std::vector<ComputedColumn> columns) {
    auto table = std::make_shared<ComputedTable>(std::move(base));
    auto fields = table->base_->schema()->fields();
    const auto all = table::WithSystemColumns(*table->base_->schema());
    for (auto& column : columns) {
      if (all->GetFieldIndex(column.name) >= 0 || table->Find(column.name) != nullptr) {
        return arrow::Status::Invalid("there is a column '", column.name, "' already");
      }
      ARROW_ASSIGN_OR_RAISE(auto bound, column.expression.BindToInputs(all));
      Column made{std::move(column.name), bound.schema()->field_names(), nullptr};
      fields.push_back(arrow::field(made.name, bound.type()));
      made.expression = std::make_shared<const BoundExpression>(std::move(bound));
      table->columns_.push_back(std::move(made));
    }
    table->schema_ = arrow::schema(std::move(fields), table->base_->schema()->metadata());
    return table;
  }

  explicit ComputedTable(std::shared_ptr<const TableSource> base) : base_(std::move(base)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  uint64_t version() const override { return base_->version(); }
  const std::string& branch() const override { return base_->branch(); }
  const std::string& location() const override { return base_->location(); }
  std::string identity() const override { return base_->identity(); }
  bool has_row_offsets() const override { return base_->has_row_offsets(); }
  arrow::Result<int64_t> CountRows() const override { return base_->CountRows(); }
  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& options) const override {
    return base_->RowIds(options);
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override {
    if (options.filter.has_value()) return table::ScanFiltered(*this, options);
    ARROW_ASSIGN_OR_RAISE(auto projection, Project(options.columns));
    ScanOptions scan = options;
    scan.columns = projection.read;
    ARROW_ASSIGN_OR_RAISE(auto rows, base_->Scan(scan));
    return std::make_shared<ComputedScan>(std::move(rows), std::move(projection),
                                          table::PoolOf(options));
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options) const override {
    ARROW_ASSIGN_OR_RAISE(const auto projection, Project(columns));
    ARROW_ASSIGN_OR_RAISE(const auto rows, base_->Take(row_ids, projection.read, options));
    return projection.Compute(*rows, table::PoolOf(options));
  }

  arrow::Result<std::vector<std::shared_ptr<const BlobFile>>> TakeBlobs(
      std::span<const uint64_t> row_ids, const std::string& column,
      const ReadOptions& options) const override {
    return base_->TakeBlobs(row_ids, column, options);
  }

 private:
  struct Column {
    std::string name;
    std::vector<std::string> inputs;
    std::shared_ptr<const BoundExpression> expression;
  };

  const Column* Find(const std::string& name) const {
    const auto found = std::find_if(columns_.begin(), columns_.end(),
                                    [&](const Column& column) { return column.name == name; });
    return found == columns_.end() ? nullptr : &*found;
  }

  arrow::Result<Projection> Project(const std::vector<std::string>& names) const {
    Projection projection;
    ARROW_ASSIGN_OR_RAISE(projection.schema, ProjectSchema(*schema_, names));
    const auto read = [&](const std::string& name) {
      const auto found = std::find(projection.read.begin(), projection.read.end(), name);
      if (found != projection.read.end()) return static_cast<int>(found - projection.read.begin());
      projection.read.push_back(name);
      return static_cast<int>(projection.read.size()) - 1;
    };
    for (const auto& name : names) {
      Output output;
      if (const Column* column = Find(name)) {
        output.expression = column->expression;
        for (const auto& input : column->inputs) output.inputs.push_back(read(input));
      } else {
        output.read = read(name);
      }
      projection.outputs.push_back(std::move(output));
    }
    // Expressions of literals: something must say how many rows there are.
    if (projection.read.empty() && !names.empty()) projection.read.emplace_back(kRowIdColumn);
    return projection;
  }

  const std::shared_ptr<const TableSource> base_;
  std::vector<Column> columns_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

arrow::Result<std::shared_ptr<const TableSource>> WithComputedColumns(
    std::shared_ptr<const TableSource> base, std::vector<ComputedColumn> columns) {
  return ComputedTable::Make(std::move(base), std::move(columns));
}

}  // namespace croupier
