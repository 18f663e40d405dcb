#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/output_bytes.h"
#include "croupier/format/write/chunk_encoder.h"
#include "croupier/format/write/encoding_keys.h"
#include "croupier/format/write/leaf_values.h"

namespace croupier::format {

/// Whether values are words that integers are packed in: of 8, 16, 32 or 64 bits.
bool IsWord(const LeafShape& shape);

/// Bytes of the longest value; of the only one there is, if values are of a fixed width.
int64_t LongestValue(const LeafValues& values);

/// Bytes that values take in the smallest form that a page may choose, without a dictionary.
int64_t PlainBytes(const LeafValues& values);

/// Choose how the fixed-width values of a mini-block page are encoded.
ChunkEncoderPtr ChooseFixedChunks(const LeafValues& values, const EncodingKeys& keys);

/// Wrap an encoder in the compression that a column asks for, if that makes chunks smaller.
arrow::Result<ChunkEncoderPtr> CompressChunks(ChunkEncoderPtr chunks, int64_t num_values,
                                              const EncodingKeys& keys, arrow::MemoryPool* pool);

/// Whether a column's values may be compressed by FSST: it asks for that, or for nothing, and they
/// are strings, of which not all are tiny.
bool WantsFsst(const LeafValues& values, const EncodingKeys& keys);
/// Part of the bytes that FSST must save.
double MinFsstSaving(const EncodingKeys& keys);

/// Strings of a page, compressed one by one by symbols that are learned from them.
class FsstStrings {
 public:
  explicit FsstStrings(arrow::MemoryPool* pool) : data_(pool), offsets_(pool) {}

  /// Compress variable-width values.
  ///
  /// \param min_saving part of their bytes that must be saved
  /// \return whether that much is; else nothing is kept
  bool Encode(const LeafValues& values, double min_saving);

  /// The compressed values. Borrows from this.
  LeafValues values() const;
  const std::string& symbol_table() const { return symbol_table_; }

 private:
  const LeafShape* shape_ = nullptr;
  int64_t num_values_ = 0;
  OutputBytes data_;
  OutputBytes offsets_;
  std::string symbol_table_;
};

}  // namespace croupier::format
