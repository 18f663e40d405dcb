#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/format/encoding/value_block.h"
#include "croupier/format/write/leaf_values.h"

namespace croupier::format {

/// Writes the fixed-width value of a record: of each dimension with nulls a bitmap of its items,
/// filled up to whole bytes; then the items. A boolean is a byte.
///
/// Source: lance-encodings.md, section 10, FixedSizeList.
class FixedRecordWriter {
 public:
  /// \param values must outlive this
  explicit FixedRecordWriter(const LeafValues& values);

  size_t num_bytes() const { return num_bytes_; }
  /// Whether a record is nothing but the bytes that Arrow has for the value.
  bool is_plain() const { return bitmaps_.empty() && !is_bool_; }

  /// Write a value; gives its end.
  uint8_t* Write(int64_t value, uint8_t* to) const {
    for (const auto& [bits, items] : bitmaps_) {
      const auto size = static_cast<size_t>(BytesForValues(items, 1));
      std::memset(to, 0, size);
      arrow::internal::CopyBitmap(bits, value * items, items, to, 0);
      to += size;
    }
    if (is_bool_) {
      *to = arrow::bit_util::GetBit(values_.data, value) ? 1 : 0;
    } else {
      std::memcpy(to, values_.data + static_cast<size_t>(value) * row_bytes_, row_bytes_);
    }
    return to + row_bytes_;
  }

 private:
  struct Bitmap {
    const uint8_t* bits;
    int64_t items_per_row;
  };

  const LeafValues& values_;
  std::vector<Bitmap> bitmaps_;
  bool is_bool_ = false;
  size_t row_bytes_ = 0;
  size_t num_bytes_ = 0;
};

/// The encoding of such records.
EncodingPtr MakeFixedRecordEncoding(const LeafValues& values);

}  // namespace croupier::format
