#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

/// Decodes the values of one mini-block chunk. Made once a page; immutable, any number of threads.
class MiniBlockCodec {
 public:
  virtual ~MiniBlockCodec() = default;

  /// Value buffers of a chunk.
  virtual int num_buffers() const { return 1; }

  /// Decode a chunk.
  ///
  /// \param buffers num_buffers() of them
  /// \return SerializationError if the buffers do not hold num_values values
  virtual arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                           arrow::MemoryPool* pool) const = 0;

  /// Make the codec of an encoding.
  ///
  /// \param shape of the values; of dictionary indices: fixed-width
  /// \return NotImplemented, describing it, for an encoding that cannot be read in this place;
  ///         SerializationError for one that cannot give such values
  static arrow::Result<std::unique_ptr<MiniBlockCodec>> Make(const CompressiveEncoding& encoding,
                                                             const LeafShape& shape);
};

/// Decode a block: levels of a chunk, items of a dictionary.
///
/// \param kind of the values wanted; a variable-width block gives offsets of kind.bits
arrow::Result<ValueBlock> DecodeBlock(const CompressiveEncoding& encoding, ValueKind kind,
                                      Bytes bytes, int64_t num_values, arrow::MemoryPool* pool);

/// Bits of the values of a Flat encoding; SerializationError for any other encoding.
arrow::Result<int64_t> FlatBits(const EncodingPtr& encoding);

}  // namespace croupier::format
