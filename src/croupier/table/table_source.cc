#include <algorithm>
#include <utility>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/table.h"

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

std::string JoinNames(const std::vector<std::string>& names) {
  std::string joined;
  for (const auto& name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

}  // namespace

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
    if (name == kRowIdColumn) {
      fields.push_back(arrow::field(kRowIdColumn, arrow::uint64()));
      continue;
    }
    auto field = schema.GetFieldByName(name);
    if (field == nullptr) {
      return arrow::Status::KeyError("no column named '", name,
                                     "'; the columns are: ", JoinNames(schema.field_names()));
    }
    fields.push_back(std::move(field));
  }
  return arrow::schema(std::move(fields), schema.metadata());
}

}  // namespace croupier
