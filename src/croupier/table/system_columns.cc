#include "croupier/table/system_columns.h"

#include <utility>

#include <arrow/type.h>

#include "croupier/table.h"

namespace croupier::table {

namespace {

constexpr const char* kNames[] = {kRowIdColumn, kRowAddressColumn, kRowOffsetColumn,
                                  kRowCreatedAtVersionColumn, kRowLastUpdatedAtVersionColumn};

}  // namespace

std::optional<SystemColumn> SystemColumnOf(const arrow::Schema& schema, const std::string& name) {
  if (name == kRowIdColumn) return SystemColumn::kRowId;
  // Every other name is looked for in vain; few begin like these.
  if (!name.starts_with("_row")) return std::nullopt;
  std::optional<SystemColumn> column;
  if (name == kRowAddressColumn) column = SystemColumn::kRowAddress;
  if (name == kRowOffsetColumn) column = SystemColumn::kRowOffset;
  if (name == kRowCreatedAtVersionColumn) column = SystemColumn::kCreatedAtVersion;
  if (name == kRowLastUpdatedAtVersionColumn) column = SystemColumn::kLastUpdatedAtVersion;
  return column.has_value() && schema.GetFieldIndex(name) < 0 ? column : std::nullopt;
}

std::shared_ptr<arrow::Schema> WithSystemColumns(const arrow::Schema& schema) {
  auto fields = schema.fields();
  for (const char* name : kNames) {
    if (schema.GetFieldIndex(name) < 0) {
      fields.push_back(arrow::field(name, arrow::uint64(), /*nullable=*/false));
    }
  }
  return arrow::schema(std::move(fields));
}

arrow::Status CheckColumnNames(const arrow::Schema& schema) {
  for (const char* name : kNames) {
    if (!schema.GetAllFieldIndices(name).empty()) {
      return arrow::Status::Invalid("a column cannot have the name '", name,
                                    "': every table has one of that name");
    }
  }
  return arrow::Status::OK();
}

arrow::Status CheckOffsets(std::span<const uint64_t> offsets, int64_t num_rows,
                           const std::string& location) {
  for (const uint64_t offset : offsets) {
    if (offset < static_cast<uint64_t>(num_rows)) continue;
    return arrow::Status::IndexError("offset out of range: ", offset, " of ", num_rows, " rows of ",
                                     location);
  }
  return arrow::Status::OK();
}

}  // namespace croupier::table
