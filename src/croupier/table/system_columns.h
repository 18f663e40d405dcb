#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <arrow/status.h>
#include <arrow/type_fwd.h>

namespace croupier::table {

/// A column that every table has beside those of its schema (see table.h).
enum class SystemColumn : uint8_t {
  kRowId,
  kRowAddress,
  kRowOffset,
  kCreatedAtVersion,
  kLastUpdatedAtVersion,
};

/// Find the system column that a name means; nothing if a column of the schema has the name.
std::optional<SystemColumn> SystemColumnOf(const arrow::Schema& schema, const std::string& name);

/// Add the system columns to a schema, behind its own: what expressions may name.
std::shared_ptr<arrow::Schema> WithSystemColumns(const arrow::Schema& schema);

/// Refuse columns of new tables, and new columns, that would hide those of the system: Invalid.
arrow::Status CheckColumnNames(const arrow::Schema& schema);

/// Check that offsets are below the number of rows; IndexError names the first that is not.
arrow::Status CheckOffsets(std::span<const uint64_t> offsets, int64_t num_rows,
                           const std::string& location);

}  // namespace croupier::table
