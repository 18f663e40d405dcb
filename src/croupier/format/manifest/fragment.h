#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/wire/wire_writer.h"

namespace croupier::format {

/// A data file of a fragment: some columns of its rows.
struct DataFile {
  std::string path;  ///< relative to `data/`, checked not to lead out of it
  std::vector<int32_t> fields;
  std::vector<int32_t> column_indices;  ///< parallel to fields; may be longer or empty
  uint32_t major_version = 0;
  uint32_t minor_version = 0;
  std::optional<int64_t> size_bytes;
  std::optional<uint32_t> base_id;  ///< absent: below the root of this table

  WireWriter Write() const;
};

/// Field ids of hidden columns that hold the lineage of rows, as fields of a data file.
inline constexpr int32_t kRowIdField = -3;
inline constexpr int32_t kCreatedAtVersionField = -4;
inline constexpr int32_t kLastUpdatedAtVersionField = -5;
constexpr bool IsLineageField(int32_t field_id) {
  return field_id <= kRowIdField && field_id >= kLastUpdatedAtVersionField;
}

/// The file that lists the deleted rows of a fragment.
struct DeletionFile {
  enum class Type : uint8_t { kArrow = 0, kBitmap = 1 };
  Type type = Type::kArrow;
  uint64_t read_version = 0;
  uint64_t id = 0;
  uint64_t num_deleted_rows = 0;    ///< 0: not known
  std::optional<uint32_t> base_id;  ///< absent: below the root of this table

  /// The name below `_deletions/`.
  std::string Name(uint64_t fragment_id) const;
  WireWriter Write() const;
};

/// Rows whose columns lie in the same data files.
struct Fragment {
  uint64_t id = 0;  ///< below 2^32
  std::vector<DataFile> files;
  std::optional<DeletionFile> deletion_file;
  int64_t num_physical_rows = 0;  ///< deleted ones included, below 2^32; 0: not known

  // With stable row ids: the message of a sequence, or a hidden column of one of the files.
  std::optional<std::string> row_ids;                   ///< RowIdSequence
  std::optional<std::string> created_at_versions;       ///< RowDatasetVersionSequence
  std::optional<std::string> last_updated_at_versions;  ///< RowDatasetVersionSequence
  /// Whether the message says that some of these are hidden columns of its files.
  bool has_lineage_columns = false;

  /// Parse a DataFragment message.
  ///
  /// \return SerializationError for malformed bytes; NotImplemented for an unknown kind of deletion
  ///         file
  static arrow::Result<Fragment> Parse(std::span<const uint8_t> message);

  /// Write all that this struct knows: the message of a new fragment.
  WireWriter Write() const;
};

// Changes of the message of a fragment. All that they do not name stays as it is, also what this
// library does not know. SerializationError for malformed bytes.

arrow::Result<std::vector<uint8_t>> ReplaceDeletionFile(std::span<const uint8_t> fragment,
                                                        const DeletionFile& file);
arrow::Result<std::vector<uint8_t>> AppendDataFile(std::span<const uint8_t> fragment,
                                                   const DataFile& file);
/// Remove the data files for which `is_removed` says so.
arrow::Result<std::vector<uint8_t>> RemoveDataFiles(
    std::span<const uint8_t> fragment, const std::function<bool(const DataFile&)>& is_removed);
/// \param versions a RowDatasetVersionSequence message
arrow::Result<std::vector<uint8_t>> ReplaceLastUpdatedVersions(std::span<const uint8_t> fragment,
                                                               std::span<const uint8_t> versions);

}  // namespace croupier::format
