#include "croupier/format/write/chunk_encoder.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <arrow/util/bitmap_ops.h>

#include "croupier/format/encoding/bitpacking.h"
#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/kernel/bit_unpack.h"

namespace croupier::format {

namespace {

constexpr int64_t kMaxItems = 4096;
// Of fixed-width values; a chunk with its header is below 8 KiB.
constexpr int64_t kMaxFlatBytes = 8186;

// Values of a fixed width, and vectors of them.
class FlatChunks : public ChunkEncoder {
 public:
  explicit FlatChunks(const LeafValues& values) : values_(values) {
    const LeafShape& shape = *values.shape;
    int64_t items = 1;
    for (size_t i = 0; i < shape.dimensions.size(); ++i) {
      items *= shape.dimensions[i];
      if (values.item_validity[i] != nullptr) bitmaps_.push_back({values.item_validity[i], items});
    }
    items_per_chunk_ = kMaxItems;
    while (items_per_chunk_ > 2 && RowBytes(items_per_chunk_) >= kMaxFlatBytes) {
      items_per_chunk_ /= 2;
    }
  }

  EncodingPtr encoding() const override { return MakeFlatEncoding(values_); }
  size_t num_buffers() const override { return bitmaps_.size() + 1; }
  int64_t ItemsOf(int64_t first) const override {
    return std::min(items_per_chunk_, values_.num_values - first);
  }

  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    for (const auto& [bitmap, items] : bitmaps_)
      AppendBits(bitmap, first * items, count * items, out->Begin());
    const int64_t row_bits = values_.shape->row_bits();
    if (row_bits % 8 != 0) {
      AppendBits(values_.data, first * row_bits, count * row_bits, out->Begin());
    } else {
      out->Begin()->Append(values_.data + first * (row_bits / 8),
                           static_cast<size_t>(count * (row_bits / 8)));
    }
    return arrow::Status::OK();
  }

 private:
  struct Bitmap {
    const uint8_t* bits;
    int64_t items_per_row;
  };

  static void AppendBits(const uint8_t* bits, int64_t begin, int64_t count, OutputBytes* out) {
    const auto size = static_cast<size_t>(BytesForValues(count, 1));
    uint8_t* to = out->Grow(size);
    std::memset(to, 0, size);
    arrow::internal::CopyBitmap(bits, begin, count, to, 0);
  }

  int64_t RowBytes(int64_t num_rows) const {
    int64_t size = BytesForValues(num_rows, values_.shape->row_bits());
    for (const auto& bitmap : bitmaps_) size += BytesForValues(num_rows, bitmap.items_per_row);
    return size;
  }

  LeafValues values_;
  std::vector<Bitmap> bitmaps_;
  int64_t items_per_chunk_ = 0;
};

template <typename Offset>
class VariableChunks : public ChunkEncoder {
 public:
  VariableChunks(const LeafValues& values, int64_t max_chunk_bytes)
      : values_(values), max_chunk_bytes_(max_chunk_bytes) {}

  EncodingPtr encoding() const override {
    return MakeEncoding(VariableEncoding{MakeFlat(sizeof(Offset) * 8)});
  }

  int64_t ItemsOf(int64_t first) const override {
    const int64_t left = values_.num_values - first;
    int64_t count = 2;
    while (count < kMaxItems && count < left) {
      const int64_t end = std::min(left, count * 2);
      if (ChunkBytes(first, end) > max_chunk_bytes_) break;
      count *= 2;
    }
    return std::min(count, left);
  }

  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    OutputBytes* bytes = out->Begin();
    const size_t begin = bytes->size();
    const auto num_offsets = static_cast<size_t>(count + 1);
    const auto table_bytes = static_cast<int64_t>(num_offsets * sizeof(Offset));
    const int64_t from = values_.offset(first);
    uint8_t* table = bytes->Grow(num_offsets * sizeof(Offset));
    const uint8_t* offsets = values_.offsets + static_cast<size_t>(first) * sizeof(Offset);
    for (size_t i = 0; i < num_offsets; ++i) {
      Offset offset;
      std::memcpy(&offset, offsets + i * sizeof(Offset), sizeof(Offset));
      offset = static_cast<Offset>(offset - from + table_bytes);
      std::memcpy(table + i * sizeof(Offset), &offset, sizeof(Offset));
    }
    bytes->Append(values_.data + from, static_cast<size_t>(values_.SizeOf(first, first + count)));
    bytes->AppendZeros((begin - bytes->size()) & (sizeof(Offset) - 1));
    return arrow::Status::OK();
  }

 private:
  int64_t ChunkBytes(int64_t first, int64_t count) const {
    return (count + 1) * static_cast<int64_t>(sizeof(Offset)) +
           values_.SizeOf(first, first + count);
  }

  LeafValues values_;
  int64_t max_chunk_bytes_;
};

template <typename Word>
class BitpackedChunks : public ChunkEncoder {
 public:
  BitpackedChunks(const uint8_t* values, int64_t num_values)
      : values_(values), num_values_(num_values) {}

  EncodingPtr encoding() const override {
    return MakeEncoding(InlineBitpackingEncoding{sizeof(Word) * 8});
  }
  int64_t ItemsOf(int64_t first) const override {
    return std::min(kBitpackedBlockValues, num_values_ - first);
  }
  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    EncodeInlineBitpacking<Word>(values_ + static_cast<size_t>(first) * sizeof(Word), count,
                                 out->Begin());
    return arrow::Status::OK();
  }

 private:
  const uint8_t* values_;
  int64_t num_values_;
};

}  // namespace

EncodingPtr MakeFlatEncoding(const LeafValues& values) {
  const LeafShape& shape = *values.shape;
  EncodingPtr encoding = MakeFlat(static_cast<uint64_t>(shape.item_bits));
  for (size_t i = shape.dimensions.size(); i-- > 0;) {
    encoding = MakeEncoding(FixedSizeListEncoding{static_cast<uint64_t>(shape.dimensions[i]),
                                                  values.item_validity[i] != nullptr,
                                                  std::move(encoding)});
  }
  return encoding;
}

ChunkEncoderPtr MakeFlatChunks(const LeafValues& values) {
  return std::make_unique<FlatChunks>(values);
}

ChunkEncoderPtr MakeVariableChunks(const LeafValues& values, int64_t max_chunk_bytes) {
  if (values.shape->offset_bits == 64) {
    return std::make_unique<VariableChunks<int64_t>>(values, max_chunk_bytes);
  }
  return std::make_unique<VariableChunks<int32_t>>(values, max_chunk_bytes);
}

ChunkEncoderPtr MakeBitpackedChunks(const uint8_t* values, int64_t num_values, int64_t word_bits) {
  switch (word_bits) {
    case 8:
      return std::make_unique<BitpackedChunks<uint8_t>>(values, num_values);
    case 16:
      return std::make_unique<BitpackedChunks<uint16_t>>(values, num_values);
    case 32:
      return std::make_unique<BitpackedChunks<uint32_t>>(values, num_values);
    default:
      return std::make_unique<BitpackedChunks<uint64_t>>(values, num_values);
  }
}

}  // namespace croupier::format
