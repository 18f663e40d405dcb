#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/manifest/schema.h"

namespace croupier::format {

/// A data file of a fragment: some columns of its rows.
struct DataFile {
  std::string path;  ///< relative to `data/`, checked not to lead out of it
  std::vector<int32_t> fields;
  std::vector<int32_t> column_indices;  ///< parallel to fields; may be longer or empty
  uint32_t major_version = 0;
  uint32_t minor_version = 0;
  std::optional<int64_t> size_bytes;
  std::optional<uint32_t> base_id;
};

/// The file that lists the deleted rows of a fragment.
struct DeletionFile {
  enum class Type : uint8_t { kArrow = 0, kBitmap = 1 };
  Type type = Type::kArrow;
  uint64_t read_version = 0;
  uint64_t id = 0;
  uint64_t num_deleted_rows = 0;  ///< 0: not known
  std::optional<uint32_t> base_id;

  /// The path below the root of the table.
  std::string Path(uint64_t fragment_id) const;
};

/// Rows whose columns lie in the same data files.
struct Fragment {
  uint64_t id = 0;  ///< below 2^32
  std::vector<DataFile> files;
  std::optional<DeletionFile> deletion_file;
  int64_t num_physical_rows = 0;  ///< deleted ones included, below 2^32; 0: not known
  std::string row_ids;            ///< RowIdSequence message, with stable row ids
};

/// Feature flags of a manifest. Source: lance-table.md, section 10.
inline constexpr uint64_t kFlagStableRowIds = 2;

/// One version of a table: its schema and its fragments.
///
/// Source: lance-table.md, sections 4 to 7.
struct Manifest {
  uint64_t version = 0;
  std::vector<Field> fields;              ///< top-level, with what is below them
  std::shared_ptr<arrow::Schema> schema;  ///< of `fields`, with the schema's metadata
  std::vector<Fragment> fragments;        ///< by id, ascending
  uint64_t reader_feature_flags = 0;
  uint64_t writer_feature_flags = 0;
  std::string data_format_version;    ///< "2.2"; empty if the manifest does not say
  std::optional<std::string> branch;  ///< absent on the main branch
  std::string writer_version;         ///< for people: "lance 14.0.2"

  bool has_stable_row_ids() const { return (reader_feature_flags & kFlagStableRowIds) != 0; }

  /// Parse a manifest file.
  ///
  /// \return SerializationError for malformed bytes; NotImplemented for reader feature flags or a
  ///         data format that cannot be read, naming them
  static arrow::Result<std::shared_ptr<const Manifest>> Parse(std::span<const uint8_t> file);
};

}  // namespace croupier::format
