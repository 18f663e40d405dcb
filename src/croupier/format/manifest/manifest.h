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

#include "croupier/base/byte_range.h"
#include "croupier/format/manifest/fragment.h"
#include "croupier/format/manifest/schema.h"

namespace croupier::format {

/// A directory outside of the table in which some of its files lie.
struct BasePath {
  uint32_t id = 0;
  bool is_dataset_root = false;  ///< whether files lie in `data/`, `_deletions/` … below it
  std::string path;              ///< absolute, or a URI; not checked
};

/// How much a version holds. Sums that overflow stay at their maximum.
struct ManifestSummary {
  uint64_t version = 0;
  int64_t timestamp_us = 0;  ///< since the epoch, UTC; 0: not known
  uint64_t num_fragments = 0;
  uint64_t num_data_files = 0;
  uint64_t num_deletion_files = 0;
  uint64_t num_physical_rows = 0;
  uint64_t num_deleted_rows = 0;
  uint64_t data_file_bytes = 0;
};

/// Feature flags of a manifest. Source: lance-table.md, section 10.
inline constexpr uint64_t kFlagStableRowIds = uint64_t{1} << 1;
inline constexpr uint64_t kFlagMixedFileVersions = uint64_t{1} << 8;
/// List flags for people: "1, 1024".
std::string NumbersOfFlags(uint64_t flags);

/// One version of a table: its schema and its fragments.
///
/// Source: lance-table.md, sections 4 to 7.
struct Manifest {
  uint64_t version = 0;
  int64_t timestamp_us = 0;               ///< of the commit, since the epoch, UTC; 0: not known
  std::vector<Field> fields;              ///< top-level, with what is below them
  std::shared_ptr<arrow::Schema> schema;  ///< of `fields`, with the schema's metadata
  std::vector<Fragment> fragments;        ///< by id, ascending
  std::vector<BasePath> base_paths;       ///< ids are distinct
  uint64_t reader_feature_flags = 0;
  uint64_t writer_feature_flags = 0;
  std::string data_format_version;    ///< "2.2"; empty if the manifest does not say
  std::optional<std::string> branch;  ///< absent on the main branch
  std::string writer_version;         ///< for people: "lance 14.0.2"

  bool has_stable_row_ids() const { return (reader_feature_flags & kFlagStableRowIds) != 0; }
  /// Whether data files of formats other than `data_format_version` may be among the others.
  bool may_mix_formats() const { return (reader_feature_flags & kFlagMixedFileVersions) != 0; }

  /// Find the Manifest message in a manifest file.
  ///
  /// \param tail the last bytes of the file: the last kFooterBytes at least, if there are as many
  /// \return SerializationError if the footer is malformed, or the message is not where it says
  static arrow::Result<ByteRange> MessageRange(std::span<const uint8_t> tail,
                                               int64_t file_size_bytes);
  static constexpr int64_t kFooterBytes = 16;

  /// Parse a Manifest message with the length in front of it: the bytes of MessageRange.
  ///
  /// \return SerializationError for malformed bytes; NotImplemented for reader feature flags or a
  ///         data format that cannot be read, naming them
  static arrow::Result<std::shared_ptr<const Manifest>> Parse(std::span<const uint8_t> bytes);

  /// Count what the message lists, without reading its schema; the bytes and errors as for Parse.
  static arrow::Result<ManifestSummary> Summarize(std::span<const uint8_t> bytes);
};

}  // namespace croupier::format
