#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

/// A field of a table's schema with what is below it.
///
/// Source: lance-table.md, section 6.
struct Field {
  std::string name;
  int32_t id = 0;
  int32_t parent_id = 0;  ///< -1 for a column of the table
  std::string logical_type;
  bool nullable = false;
  std::vector<WireMapEntry> metadata;
  std::vector<Field> children;
  /// Marks of keys, which nobody enforces; kept for those who do. Positions are 0 where not said.
  bool is_primary_key = false;
  uint32_t primary_key_position = 0;
  uint32_t clustering_key_position = 0;

  /// The field as Arrow shows it: JSON as text (arrow.json), blobs as structs of descriptors. A
  /// logical type that is not known is shown as large_binary.
  std::shared_ptr<arrow::Field> arrow_field;

  /// The value of a metadata key; null if there is none.
  const std::string* FindMetadata(std::string_view key) const;
  /// Whether values are blobs (v1 or v2), read by descriptors.
  bool is_blob() const;
  /// Whether values are JSON, which files hold as JSONB (large_binary).
  bool is_json() const;
  /// Whether the members of a struct share one column.
  bool is_packed_struct() const;
  /// Whether the field has a column of its own in files of format 2.1 and 2.2.
  bool is_leaf() const;
  /// Whether arrow_field only stands in for a logical type that is not known.
  bool is_unknown = false;
  /// Whether data files have columns of the members of a struct that is marked as packed: a writer
  /// did not know the mark.
  bool members_have_columns = false;
};

/// Parse Field messages, in pre-order, into a forest.
///
/// \return SerializationError for malformed messages, a missing parent, duplicate ids or names
arrow::Result<std::vector<Field>> ParseFields(
    const std::vector<std::span<const uint8_t>>& messages);

/// Give a field and those below it their Arrow fields, from all else that they say.
///
/// \return SerializationError for wrong children; an unknown type is none
arrow::Status CompleteField(Field* field);

/// Find the Arrow type of a logical type without children ("timestamp:us:UTC").
///
/// \return NotImplemented if it is not known
arrow::Result<std::shared_ptr<arrow::DataType>> ParseLogicalType(std::string_view logical_type);

}  // namespace croupier::format
