#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <arrow/result.h>
#include <arrow/type_fwd.h>
#include <arrow/util/type_fwd.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// State worth keeping from value to value: a zstd context costs 12 µs to make. Not thread-safe.
class DecompressionState {
 public:
  DecompressionState();
  ~DecompressionState();

  /// Decompress a zstd frame that states its content size, which is that of the destination.
  arrow::Status DecompressZstd(Bytes frame, uint8_t* destination, int64_t size_bytes);
  /// Decompress in one go, without what is kept.
  static arrow::Status DecompressOnce(CompressionScheme scheme, Bytes content, uint8_t* destination,
                                      int64_t size_bytes);

 private:
  std::shared_ptr<arrow::util::Decompressor> zstd_;
};

/// One buffer or value under `general` compression, looked at but not yet decompressed.
///
///     lz4:  u32 raw size, one LZ4 block (no frame)
///     zstd: u64 raw size, one zstd frame; or a bare frame (old writers)
///
/// Incompressible bytes make zstd frames of raw blocks: those are copied, without the codec.
/// Source: lance-encodings.md, section 13; RFC 8878, section 3.1.1.
class CompressedBytes {
 public:
  /// Look at the framing. Borrows the bytes.
  ///
  /// \return SerializationError if the framing is malformed, or states a size that the frame cannot
  /// have
  static arrow::Result<CompressedBytes> Parse(CompressionScheme scheme, Bytes bytes);

  /// Size after decompression, in bytes: bounded by what the compressed bytes can hold.
  int64_t raw_size_bytes() const { return raw_size_bytes_; }

  /// Decompress into raw_size_bytes() bytes.
  ///
  /// \param state kept between values; null for one value alone
  /// \return SerializationError if the content is malformed
  arrow::Status DecompressInto(uint8_t* destination, DecompressionState* state = nullptr) const;

 private:
  CompressionScheme scheme_ = CompressionScheme::kZstd;
  Bytes content_;            // the LZ4 block or the whole zstd frame
  Bytes zstd_blocks_;        // the blocks of the frame
  bool needs_codec_ = true;  // false: all blocks are raw or runs
  bool frame_states_size_ = false;
  int64_t raw_size_bytes_ = 0;
};

/// Decompress a whole buffer.
arrow::Result<std::shared_ptr<arrow::Buffer>> Decompress(CompressionScheme scheme, Bytes bytes,
                                                         arrow::MemoryPool* pool);

/// Compresses buffers and values, framed as CompressedBytes reads them. Not thread-safe.
class GeneralCompressor {
 public:
  /// \param level of the codec; none: its default
  /// \return Invalid for a level that the codec does not have
  static arrow::Result<std::unique_ptr<GeneralCompressor>> Make(CompressionScheme scheme,
                                                                std::optional<int> level);
  ~GeneralCompressor();

  CompressionScheme scheme() const { return scheme_; }
  /// Append the compressed form of some bytes.
  arrow::Status Append(Bytes bytes, OutputBytes* out);

 private:
  GeneralCompressor(CompressionScheme scheme, std::unique_ptr<arrow::util::Codec> codec);

  CompressionScheme scheme_;
  std::unique_ptr<arrow::util::Codec> codec_;
};

}  // namespace croupier::format
