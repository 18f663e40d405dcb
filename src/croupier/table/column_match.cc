#include "croupier/table/column_match.h"

#include <set>
#include <string>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/manifest/schema_writer.h"

namespace croupier::table {

namespace {

using format::Field;

bool IsBinary(const arrow::DataType& type) {
  return type.id() == arrow::Type::BINARY || type.id() == arrow::Type::LARGE_BINARY ||
         type.id() == arrow::Type::BINARY_VIEW;
}

// Whether values of both are stored alike. Names below lists and maps are those of a writer.
bool AreStoredAlike(const Field& table, const Field& rows) {
  if (table.is_blob() && rows.is_blob()) return true;
  if (table.logical_type != rows.logical_type || table.children.size() != rows.children.size()) {
    return false;
  }
  for (size_t i = 0; i < table.children.size(); ++i) {
    const bool has_names = table.logical_type == "struct";
    if (has_names && table.children[i].name != rows.children[i].name) return false;
    if (!AreStoredAlike(table.children[i], rows.children[i])) return false;
  }
  return true;
}

arrow::Status CheckType(const Field& table, const arrow::Field& rows) {
  // Blobs are bytes, marked or not.
  if (table.is_blob() && IsBinary(*rows.type())) return arrow::Status::OK();
  int32_t next_id = 0;
  ARROW_ASSIGN_OR_RAISE(const auto field, format::MakeField(rows, -1, &next_id));
  if (AreStoredAlike(table, field)) return arrow::Status::OK();
  return arrow::Status::TypeError("the column '", table.name, "' has the type ",
                                  table.arrow_field->type()->ToString(), ", the rows have ",
                                  rows.type()->ToString());
}

std::string ListOf(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "'" : ", '") + name + "'";
  return list;
}

}  // namespace

std::shared_ptr<arrow::RecordBatch> ColumnMatch::Select(const arrow::RecordBatch& batch) const {
  arrow::FieldVector selected;
  arrow::ArrayVector arrays;
  for (const int column : columns) {
    selected.push_back(batch.schema()->field(column));
    arrays.push_back(batch.column(column));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(selected)), batch.num_rows(),
                                  std::move(arrays));
}

arrow::Result<ColumnMatch> MatchColumns(const std::vector<Field>& table_fields,
                                        const arrow::Schema& rows) {
  ColumnMatch match;
  std::vector<std::string> missing;
  std::set<std::string> known;
  for (const Field& field : table_fields) {
    known.insert(field.name);
    const auto places = rows.GetAllFieldIndices(field.name);
    if (places.size() > 1) {
      return arrow::Status::Invalid("the rows have several columns of the name '", field.name, "'");
    }
    const bool is_there =
        !places.empty() &&
        (rows.field(places[0])->type()->id() != arrow::Type::NA || field.logical_type == "null");
    if (!is_there) {
      if (!field.nullable) missing.push_back(field.name);
      continue;
    }
    ARROW_RETURN_NOT_OK(CheckType(field, *rows.field(places[0])));
    match.fields.push_back(field);
    match.columns.push_back(places[0]);
  }
  std::vector<std::string> unknown;
  for (const auto& field : rows.fields()) {
    if (!known.contains(field->name())) unknown.push_back(field->name());
  }
  if (!unknown.empty()) {
    return arrow::Status::Invalid("the table has no column ", ListOf(unknown),
                                  "; its columns are: ", ListOf({known.begin(), known.end()}));
  }
  if (!missing.empty()) {
    return arrow::Status::Invalid("the rows lack the column ", ListOf(missing),
                                  ", which cannot be null");
  }
  if (match.fields.empty()) {
    return arrow::Status::Invalid("the rows have none of the columns of the table: ",
                                  ListOf({known.begin(), known.end()}));
  }
  return match;
}

}  // namespace croupier::table
