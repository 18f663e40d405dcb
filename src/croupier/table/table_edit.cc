#include "croupier/table_edit.h"

#include <algorithm>
#include <set>

#include <arrow/array/array_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/cast.h"

namespace croupier {

namespace {

using Source = std::shared_ptr<const TableSource>;

// The addresses of the rows that a filter keeps; of all rows without one.
arrow::Result<std::vector<uint64_t>> FindAddresses(const TableSource& table,
                                                   const std::optional<Expression>& where,
                                                   const WriteOptions& options) {
  ScanOptions scan;
  scan.columns = {kRowAddressColumn};
  scan.filter = where;
  scan.cancel = options.cancel;
  scan.pool = options.pool;
  ARROW_ASSIGN_OR_RAISE(const auto rows, table.Scan(scan));
  std::vector<uint64_t> addresses;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
    if (batch == nullptr) return addresses;
    const auto& column = static_cast<const arrow::UInt64Array&>(*batch->column(0));
    addresses.insert(addresses.end(), column.raw_values(), column.raw_values() + column.length());
  }
}

// The columns that an expression reads, in whole.
std::vector<std::string> InputsOf(const std::vector<const BoundExpression*>& expressions) {
  std::vector<std::string> inputs;
  for (const auto* expression : expressions) {
    for (const ColumnPath& path : expression->columns()) {
      if (std::find(inputs.begin(), inputs.end(), path.front()) == inputs.end()) {
        inputs.push_back(path.front());
      }
    }
  }
  return inputs;
}

// Rows of a table with some columns computed anew.
class UpdatedRows : public arrow::RecordBatchReader {
 public:
  struct Column {
    int number;  // in the schema
    BoundExpression value;
  };

  UpdatedRows(std::shared_ptr<arrow::RecordBatchReader> rows, std::vector<Column> columns,
              arrow::MemoryPool* pool)
      : rows_(std::move(rows)), columns_(std::move(columns)), pool_(pool) {}

  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (*batch == nullptr) return arrow::Status::OK();
    auto arrays = (*batch)->columns();
    for (const Column& column : columns_) {
      ARROW_ASSIGN_OR_RAISE(auto values, column.value.Evaluate(**batch, pool_));
      const auto& field = *schema()->field(column.number);
      ARROW_ASSIGN_OR_RAISE(arrays[static_cast<size_t>(column.number)],
                            Convert(std::move(values), field));
    }
    *batch = arrow::RecordBatch::Make(schema(), (*batch)->num_rows(), std::move(arrays));
    return arrow::Status::OK();
  }

 private:
  // As SQL casts; types that it does not know, as Arrow does where nothing is lost.
  static arrow::Result<std::shared_ptr<arrow::Array>> CastTo(
      const std::shared_ptr<arrow::Array>& values, const std::shared_ptr<arrow::DataType>& type,
      arrow::compute::ExecContext* context) {
    if (values->type_id() == arrow::Type::NA) {
      return arrow::MakeArrayOfNull(type, values->length(), context->memory_pool());
    }
    if (!expression::CanCast(*values->type(), *type)) {
      return arrow::compute::Cast(*values, type, arrow::compute::CastOptions::Safe(), context);
    }
    ARROW_ASSIGN_OR_RAISE(
        const auto cast,
        expression::CastValues(arrow::Datum(values), type, expression::CastMode::kError, context));
    return cast.make_array();
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Convert(std::shared_ptr<arrow::Array> values,
                                                       const arrow::Field& field) const {
    if (!values->type()->Equals(field.type())) {
      arrow::compute::ExecContext context(pool_ != nullptr ? pool_ : DefaultMemoryPool());
      context.set_use_threads(false);
      auto converted = CastTo(values, field.type(), &context);
      if (!converted.ok()) {
        return converted.status().WithMessage("column '", field.name(), "' (",
                                              field.type()->ToString(),
                                              "): ", converted.status().message());
      }
      values = *std::move(converted);
    }
    if (!field.nullable() && values->null_count() > 0) {
      return arrow::Status::Invalid("column '", field.name(), "' allows no nulls");
    }
    return values;
  }

  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  const std::vector<Column> columns_;
  arrow::MemoryPool* const pool_;
};

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ReadUpdated(
    const TableSource& table, const std::optional<Expression>& where,
    const std::vector<ColumnUpdate>& updates, const WriteOptions& options) {
  const auto& schema = table.schema();
  std::vector<UpdatedRows::Column> columns;
  for (const ColumnUpdate& update : updates) {
    ARROW_RETURN_NOT_OK(ProjectSchema(*schema, {update.column}).status());
    const int number = schema->GetFieldIndex(update.column);
    if (number < 0) {
      return arrow::Status::Invalid("column '", update.column,
                                    "' cannot be updated: give the whole column of the table");
    }
    for (const auto& other : columns) {
      if (other.number == number) {
        return arrow::Status::Invalid("column '", update.column, "' is updated twice");
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto bound, update.value.Bind(schema));
    columns.push_back({number, std::move(bound)});
  }
  ScanOptions scan;
  scan.columns = schema->field_names();
  scan.filter = where;
  scan.cancel = options.cancel;
  scan.pool = options.pool;
  ARROW_ASSIGN_OR_RAISE(auto rows, table.Scan(scan));
  return std::make_shared<UpdatedRows>(std::move(rows), std::move(columns), options.pool);
}

}  // namespace

arrow::Result<WriteResult> DeleteRows(TableWriter* writer, const Expression& where,
                                      const WriteOptions& options) {
  return writer->ChangeRows(
      [&](const Source& table) -> arrow::Result<RowChange> {
        RowChange change;
        ARROW_ASSIGN_OR_RAISE(change.removed, FindAddresses(*table, where, options));
        return change;
      },
      options);
}

arrow::Result<WriteResult> UpdateRows(TableWriter* writer, const std::optional<Expression>& where,
                                      const std::vector<ColumnUpdate>& updates,
                                      const WriteOptions& options) {
  if (updates.empty()) return arrow::Status::Invalid("an update names at least one column");
  return writer->ChangeRows(
      [&](const Source& table) -> arrow::Result<RowChange> {
        RowChange change;
        // Checked first, also where no row is updated.
        ARROW_ASSIGN_OR_RAISE(auto rows, ReadUpdated(*table, where, updates, options));
        ARROW_ASSIGN_OR_RAISE(change.removed, FindAddresses(*table, where, options));
        if (change.removed.empty()) return change;
        change.added = std::move(rows);
        change.num_updated = std::ssize(change.removed);
        return change;
      },
      options);
}

arrow::Result<NewColumns> ComputeColumns(
    const std::shared_ptr<arrow::Schema>& schema,
    const std::vector<std::pair<std::string, Expression>>& columns) {
  std::vector<BoundExpression> bound;
  for (const auto& [name, expression] : columns) {
    ARROW_ASSIGN_OR_RAISE(auto value, expression.Bind(schema));
    bound.push_back(std::move(value));
  }
  std::vector<const BoundExpression*> all;
  all.reserve(bound.size());
  for (const auto& value : bound) all.push_back(&value);
  NewColumns result;
  result.inputs = InputsOf(all);
  if (result.inputs.empty()) result.inputs.push_back(kRowAddressColumn);
  // Bound again, to the columns that are read alone.
  arrow::FieldVector inputs;
  for (const auto& name : result.inputs) {
    const auto field = schema->GetFieldByName(name);
    inputs.push_back(field != nullptr ? field : arrow::field(name, arrow::uint64(), false));
  }
  const auto input_schema = arrow::schema(std::move(inputs));
  std::set<std::string> names;
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, expression] = columns[i];
    if (!names.insert(name).second) {
      return arrow::Status::Invalid("two new columns have the name '", name, "'");
    }
    ARROW_ASSIGN_OR_RAISE(bound[i], expression.Bind(input_schema));
    fields.push_back(arrow::field(name, bound[i].type()));
  }
  result.schema = arrow::schema(std::move(fields));
  result.compute = [bound, output = result.schema](const std::shared_ptr<arrow::RecordBatch>& rows)
      -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    arrow::ArrayVector arrays;
    for (const auto& value : bound) {
      ARROW_ASSIGN_OR_RAISE(auto array, value.Evaluate(*rows));
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(output, rows->num_rows(), std::move(arrays));
  };
  return result;
}

}  // namespace croupier
