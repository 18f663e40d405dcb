#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/manifest/schema.h"
#include "croupier/format/page/leaf_path.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

/// What a leaf of a schema holds when it is written.
enum class WriteKind : uint8_t {
  kValues,       ///< values as they are, by LeafShape
  kJson,         ///< texts that become JSONB, or JSONB
  kEmptyStruct,  ///< nothing
  kBlobV1,       ///< where bytes are in the same file
  kBlobV2,       ///< where bytes are
};

/// One layer above a leaf that is written.
struct WriteLayer {
  PathLayer layer;
  int child = 0;  ///< which child of the layer's array is the way to the leaf
  bool is_nullable = true;
  std::string name;  ///< of the field, with those above it
};

/// A physical column of a file that is to be written: where its values are in a batch.
struct LeafPlan {
  std::string name;  ///< with the fields above it: "person.name"
  int32_t field_id = 0;
  int column = 0;                  ///< of the batch
  std::vector<WriteLayer> layers;  ///< outermost first
  WriteKind kind = WriteKind::kValues;
  LeafShape shape;  ///< of the values in pages
  bool is_nullable = true;
  std::vector<WireMapEntry> metadata;  ///< of the leaf's field
  std::string structural_encoding;     ///< what the column's field asks for; empty: nothing

  bool has_lists() const;
  /// Rows that pages count for a row of the table: the product of the fixed-size lists' dimensions.
  int64_t page_rows_per_row() const;
  /// The value of a key of the leaf's metadata, empty if there is none. The prefix
  /// "lance-encoding:" goes without saying.
  std::string_view Key(std::string_view key) const;
};

/// List the leaves of a table's columns, in the order of a file's columns.
///
/// \return NotImplemented, naming it, for a column that cannot be written
arrow::Result<std::vector<LeafPlan>> PlanLeaves(const std::vector<Field>& fields);

/// Check that a batch's columns are those of a table: the same names in the same order, and types
/// that are stored alike (views as plain strings, JSON as text or JSONB, blobs as bytes).
///
/// \return Invalid that names the first column that differs, with both types
arrow::Status CheckColumns(const std::vector<Field>& fields, const arrow::Schema& schema);

}  // namespace croupier::format
