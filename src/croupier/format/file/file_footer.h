#pragma once

#include <cstdint>
#include <span>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier::format {

/// The fixed tail of a Lance data file (format 2.x).
///
/// Source: lance-file.md, A.1. All offsets are absolute, in bytes; Parse has checked their order:
/// column metadata, column offset table, global buffer table, footer.
struct FileFooter {
  static constexpr int64_t kEncodedBytes = 40;

  int64_t column_metadata_start = 0;
  int64_t column_metadata_offsets_start = 0;
  int64_t global_buffer_offsets_start = 0;
  uint32_t num_global_buffers = 0;
  uint32_t num_columns = 0;
  uint16_t major_version = 0;
  uint16_t minor_version = 0;

  /// Parse the footer from the end of a file.
  ///
  /// \param tail the last bytes of the file; at least kEncodedBytes, extra bytes are ignored
  /// \param file_size_bytes size of the whole file, to check every offset against
  /// \return SerializationError if the magic is absent or an offset lies outside the file;
  ///         NotImplemented for a file version that cannot be read
  static arrow::Result<FileFooter> Parse(std::span<const uint8_t> tail, int64_t file_size_bytes);

  /// Whether the file is of format 2.0, whose footers mostly say 0.3.
  bool is_v2_0() const { return major_version == 0 || minor_version == 0; }
  /// Whether the file is of format 2.2 (else it is of 2.0 or 2.1).
  bool is_v2_2() const { return minor_version == 2; }
};

/// OK for the versions of data files that can be read (2.0, 2.1, 2.2), else NotImplemented that
/// names the version and those that can be read.
arrow::Status CheckFileVersion(uint32_t major_version, uint32_t minor_version);

}  // namespace croupier::format
