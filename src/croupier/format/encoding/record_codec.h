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

/// Decodes the values of full-zip records, many at a time. Made once a page; immutable, any number
/// of threads.
class RecordCodec {
 public:
  virtual ~RecordCodec() = default;

  /// Bytes of a value if all have the same, else 0.
  virtual int64_t value_bytes() const { return 0; }
  /// Whether a value is nothing but the fixed-width bytes that Arrow has for it.
  virtual bool is_plain() const { return false; }

  /// Decode values.
  ///
  /// \param values of each record: value_bytes() if that is not 0; without control word and length.
  ///        One whose data() is null is a null: it becomes zeros or an empty value
  /// \return SerializationError for malformed values
  virtual arrow::Result<ValueBlock> Decode(std::span<const Bytes> values,
                                           arrow::MemoryPool* pool) const = 0;

  /// Make the codec of records of a fixed width: flat, fixed_size_list, packed_struct.
  ///
  /// \return NotImplemented, describing it, for an encoding that cannot be read in this place;
  ///         SerializationError for one that cannot give such values
  static arrow::Result<std::unique_ptr<RecordCodec>> MakeFixed(const CompressiveEncoding& encoding,
                                                               const LeafShape& shape);
  /// Make the codec of records of their own widths: variable, fsst, general,
  /// variable_packed_struct.
  static arrow::Result<std::unique_ptr<RecordCodec>> MakeVariable(
      const CompressiveEncoding& encoding, const LeafShape& shape);
};

}  // namespace croupier::format
