#include <algorithm>
#include <utility>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/table.h"
#include "croupier/table/filtered_scan.h"
#include "croupier/table/find_column.h"
#include "croupier/table/system_columns.h"

namespace croupier {

namespace {

// Row ids that were listed by a scan.
class ListedRowIds : public RowIdIndex {
 public:
  explicit ListedRowIds(std::vector<uint64_t> row_ids) : row_ids_(std::move(row_ids)) {}

  int64_t num_rows() const override { return static_cast<int64_t>(row_ids_.size()); }

  void Lookup(std::span<uint64_t> ranks_to_row_ids) const override {
    for (uint64_t& value : ranks_to_row_ids) value = row_ids_[value];
  }

 private:
  std::vector<uint64_t> row_ids_;
};

// A field as a column of its own: null also where a struct above it is.
std::shared_ptr<arrow::Field> FieldAt(const arrow::Schema& schema, const std::vector<int>& way,
                                      const std::string& name) {
  auto field = schema.field(way[0]);
  bool nullable = field->nullable();
  for (size_t i = 1; i < way.size(); ++i) {
    field = field->type()->field(way[i]);
    nullable |= field->nullable();
  }
  return field->WithName(name)->WithNullable(nullable);
}

// Made when the library is loaded: see ProcessLocal.
const std::string& main_branch = *new std::string();

}  // namespace

arrow::Result<int64_t> TableSource::CountRowsWhere(const Expression& filter,
                                                   const ReadOptions& options) const {
  return table::CountFiltered(*this, filter, options);
}

const std::string& TableSource::branch() const { return main_branch; }

arrow::Result<std::shared_ptr<arrow::RecordBatch>> TableSource::TakeOffsets(
    std::span<const uint64_t> offsets, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto index, RowIds(options));
  ARROW_RETURN_NOT_OK(table::CheckOffsets(offsets, index->num_rows(), location()));
  std::vector<uint64_t> row_ids(offsets.begin(), offsets.end());
  index->Lookup(row_ids);
  return Take(row_ids, columns, options);
}

arrow::Result<TableDescription> TableSource::Describe(DescriptionDetail /*detail*/,
                                                      const ReadOptions& /*options*/) const {
  TableDescription table;
  table.location = location();
  table.branch = branch();
  table.version = version();
  ARROW_ASSIGN_OR_RAISE(table.num_rows, CountRows());
  return table;
}

arrow::Result<std::shared_ptr<const TableSource>> TableSource::Checkout(
    const VersionRef& /*ref*/, const ReadOptions& /*options*/) const {
  return arrow::Status::NotImplemented(location(), ": no other version of it can be opened");
}

arrow::Result<std::vector<TableVersion>> TableSource::ListVersions(
    const ReadOptions& /*options*/) const {
  return std::vector<TableVersion>{{version(), 0, {}}};
}

arrow::Result<std::vector<TableTag>> TableSource::ListTags(const ReadOptions& /*options*/) const {
  return std::vector<TableTag>();
}

arrow::Result<std::vector<TableBranch>> TableSource::ListBranches(
    const ReadOptions& /*options*/) const {
  return std::vector<TableBranch>();
}

arrow::Result<std::vector<std::shared_ptr<const BlobFile>>> TableSource::TakeBlobs(
    std::span<const uint64_t> /*row_ids*/, const std::string& column,
    const ReadOptions& /*options*/) const {
  ARROW_RETURN_NOT_OK(ProjectSchema(*schema(), {column}).status());
  return arrow::Status::TypeError("column '", column, "' of ", location(), " holds no blobs");
}

arrow::Result<std::shared_ptr<const RowIdIndex>> TableSource::RowIds(
    const ReadOptions& options) const {
  ScanOptions scan_options;
  static_cast<ReadOptions&>(scan_options) = options;
  scan_options.columns = {kRowIdColumn};
  ARROW_ASSIGN_OR_RAISE(auto reader, Scan(scan_options));
  std::vector<uint64_t> row_ids;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) break;
    if (batch->num_columns() != 1 || batch->column(0)->type_id() != arrow::Type::UINT64) {
      return arrow::Status::TypeError("row ids must be one uint64 column: ",
                                      batch->schema()->ToString());
    }
    const auto& ids = static_cast<const arrow::UInt64Array&>(*batch->column(0));
    row_ids.insert(row_ids.end(), ids.raw_values(), ids.raw_values() + ids.length());
  }
  // A scan of a remote table may come in any order; storage order is that of the ids.
  std::sort(row_ids.begin(), row_ids.end());
  return std::make_shared<ListedRowIds>(std::move(row_ids));
}

arrow::Result<std::shared_ptr<arrow::Schema>> ProjectSchema(
    const arrow::Schema& schema, const std::vector<std::string>& columns) {
  arrow::FieldVector fields;
  for (const auto& name : columns) {
    if (std::count(columns.begin(), columns.end(), name) > 1) {
      return arrow::Status::Invalid("a column is asked for twice: '", name, "'");
    }
    if (table::SystemColumnOf(schema, name).has_value()) {
      fields.push_back(arrow::field(name, arrow::uint64()));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto way, table::FindColumn(schema, name));
    fields.push_back(FieldAt(schema, way, name));
  }
  return arrow::schema(std::move(fields), schema.metadata());
}

}  // namespace croupier
