#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <arrow/result.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/write/leaf_plan.h"

namespace croupier::format {

/// What the metadata of a leaf's field asks of its pages.
///
/// Keys begin with "lance-encoding:". Source: lance-encodings.md, section 17.
struct EncodingKeys {
  /// compression: none (no encoding at all), fsst, lz4, zstd.
  enum class Compression : uint8_t { kAutomatic, kNone, kFsst, kGeneral };
  /// bss: whether bytes of numbers are split into streams before they are compressed.
  enum class ByteStreams : uint8_t { kAutomatic, kOff, kOn };

  Compression compression = Compression::kAutomatic;
  CompressionScheme scheme = CompressionScheme::kZstd;  ///< of kGeneral
  std::optional<int> compression_level;
  std::optional<double> rle_threshold;  ///< runs must be fewer than this part of the values
  ByteStreams byte_streams = ByteStreams::kAutomatic;
  int64_t minichunk_bytes = 4096;
  int64_t dictionary_divisor = 2;
  double dictionary_size_ratio = 0.8;
  int64_t dictionary_max_bytes = int64_t{1} << 20;
  /// How the items of dictionaries are compressed; none: not at all. From format 2.2 on.
  std::optional<CompressionScheme> dictionary_scheme = CompressionScheme::kLz4;
  std::optional<int> dictionary_level;
  /// Blobs of at most so many bytes lie in the data file; of at most so many, several in a file
  /// beside it, which has at most so many; larger ones in files of their own.
  int64_t blob_inline_bytes = int64_t{64} << 10;
  int64_t blob_dedicated_bytes = int64_t{4} << 20;
  int64_t blob_pack_file_bytes = int64_t{1} << 30;
  /// structural-encoding of the column: whether values lie in chunks or in records.
  std::optional<bool> wants_records;

  /// \return Invalid, naming column and key, for a value that a key does not have
  static arrow::Result<EncodingKeys> Of(const LeafPlan& plan);
};

}  // namespace croupier::format
