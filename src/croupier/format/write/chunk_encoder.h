#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/general_compression.h"
#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/write/leaf_values.h"

namespace croupier::format {

/// The value buffers of a chunk, one behind the other, each padded to eight bytes.
class ChunkBuffers {
 public:
  explicit ChunkBuffers(OutputBytes* out) : out_(out) {}

  /// Begin a buffer: what is appended from now on is in it.
  OutputBytes* Begin() {
    End();
    begin_ = out_->size();
    is_open_ = true;
    return out_;
  }
  /// End the last buffer.
  void End() {
    if (!is_open_) return;
    sizes_.push_back(out_->size() - begin_);
    out_->PadTo(8);
    is_open_ = false;
  }
  const std::vector<size_t>& sizes() const { return sizes_; }
  void Clear() { sizes_.clear(); }

 private:
  OutputBytes* out_;
  size_t begin_ = 0;
  bool is_open_ = false;
  std::vector<size_t> sizes_;
};

/// Encodes the values of a mini-block page, chunk by chunk.
///
/// Source: lance-encodings.md, sections 6, 10 and 17.
class ChunkEncoder {
 public:
  virtual ~ChunkEncoder() = default;

  virtual EncodingPtr encoding() const = 0;
  virtual size_t num_buffers() const { return 1; }
  /// Items of the chunk that begins with value `first`: a power of two from 2 to 4096, or all that
  /// are left.
  virtual int64_t ItemsOf(int64_t first) const = 0;
  /// Encode values [first, first + count), which ItemsOf gave, into num_buffers() buffers.
  virtual arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) = 0;
};

using ChunkEncoderPtr = std::unique_ptr<ChunkEncoder>;

/// The encoding of fixed-width values as they are, or of vectors of them.
EncodingPtr MakeFlatEncoding(const LeafValues& values);

/// Make an encoder of values as they are; those of fixed-size lists with the nulls among their
/// items.
ChunkEncoderPtr MakeFlatChunks(const LeafValues& values);
/// Make an encoder of variable-width values as they are.
///
/// \param max_chunk_bytes of a chunk of more than two values
ChunkEncoderPtr MakeVariableChunks(const LeafValues& values, int64_t max_chunk_bytes);
/// Make an encoder of integers that packs their bits.
///
/// \param word_bits of a value: 8, 16, 32 or 64
ChunkEncoderPtr MakeBitpackedChunks(const uint8_t* values, int64_t num_values, int64_t word_bits);

/// Make an encoder of runs of equal words.
ChunkEncoderPtr MakeRunChunks(const uint8_t* values, int64_t num_values, int64_t word_bits);
/// Make an encoder that splits words of 32 or 64 bits into streams of their bytes.
ChunkEncoderPtr MakeByteStreamChunks(const uint8_t* values, int64_t num_values, int64_t word_bits);
/// Make an encoder that compresses what another one gives: the first buffer of each chunk.
ChunkEncoderPtr MakeCompressedChunks(ChunkEncoderPtr inner,
                                     std::unique_ptr<GeneralCompressor> compressor,
                                     arrow::MemoryPool* pool);
/// Make an encoder that says of another one's values that they are compressed by FSST.
ChunkEncoderPtr MakeFsstChunks(ChunkEncoderPtr inner, std::string symbol_table);

}  // namespace croupier::format
