#include "croupier/format/write/chunk_encoder.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <arrow/util/bitmap_ops.h>

#include "croupier/format/encoding/bitpacking.h"
#include "croupier/format/encoding/byte_stream_split.h"
#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/encoding/rle.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/kernel/bit_unpack.h"

namespace croupier::format {

namespace {

constexpr int64_t kMaxItems = 4096;
// Of fixed-width values; a chunk with its header is below 8 KiB.
constexpr int64_t kMaxFlatBytes = 8186;
constexpr int64_t kMaxWordBytes = 8192;

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
    // As many words of 64 bits as if they were packed: half of them are twice the chunks to find.
    if (RowBytes(kBitpackedBlockValues) == kMaxWordBytes) items_per_chunk_ = kBitpackedBlockValues;
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

template <typename Word>
class RunChunks : public ChunkEncoder {
 public:
  RunChunks(const uint8_t* values, int64_t num_values) : values_(values), num_values_(num_values) {}

  EncodingPtr encoding() const override {
    return MakeEncoding(RleEncoding{MakeFlat(sizeof(Word) * 8), MakeFlat(8)});
  }
  size_t num_buffers() const override { return 2; }
  int64_t ItemsOf(int64_t first) const override {
    const int64_t left = num_values_ - first;
    int64_t count = kMaxItems;
    while (count > 2 && RunBytes(first, std::min(count, left)) >= kMaxFlatBytes) count /= 2;
    return std::min(count, left);
  }
  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    const uint8_t* values = At(first);
    const auto num_runs = static_cast<size_t>(CountRuns<Word>(values, count));
    run_values_.resize(num_runs * sizeof(Word));
    lengths_.resize(num_runs);
    EncodeRle<Word>(values, count, run_values_.data(), lengths_.data());
    out->Begin()->Append(run_values_.data(), run_values_.size());
    out->Begin()->Append(lengths_.data(), lengths_.size());
    return arrow::Status::OK();
  }

 private:
  const uint8_t* At(int64_t value) const {
    return values_ + static_cast<size_t>(value) * sizeof(Word);
  }
  int64_t RunBytes(int64_t first, int64_t count) const {
    return CountRuns<Word>(At(first), count) * static_cast<int64_t>(sizeof(Word) + 1);
  }

  const uint8_t* values_;
  int64_t num_values_;
  std::vector<uint8_t> run_values_;
  std::vector<uint8_t> lengths_;
};

class ByteStreamChunks : public ChunkEncoder {
 public:
  ByteStreamChunks(const uint8_t* values, int64_t num_values, int64_t word_bits)
      : values_(values), num_values_(num_values), value_bytes_(word_bits / 8) {}

  EncodingPtr encoding() const override {
    return MakeEncoding(ByteStreamSplitEncoding{MakeFlat(static_cast<uint64_t>(value_bytes_ * 8))});
  }
  int64_t ItemsOf(int64_t first) const override {
    return std::min(4096 / value_bytes_, num_values_ - first);
  }
  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    uint8_t* streams = out->Begin()->Grow(static_cast<size_t>(count * value_bytes_));
    EncodeByteStreamSplit(value_bytes_, values_ + first * value_bytes_, count, streams);
    return arrow::Status::OK();
  }

 private:
  const uint8_t* values_;
  int64_t num_values_;
  int64_t value_bytes_;
};

// Another encoder, whose chunks become something else.
class WrappedChunks : public ChunkEncoder {
 public:
  explicit WrappedChunks(ChunkEncoderPtr inner) : inner_(std::move(inner)) {}

  size_t num_buffers() const override { return inner_->num_buffers(); }
  int64_t ItemsOf(int64_t first) const override { return inner_->ItemsOf(first); }
  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    return inner_->Encode(first, count, out);
  }

 protected:
  ChunkEncoder& inner() const { return *inner_; }

 private:
  ChunkEncoderPtr inner_;
};

class CompressedChunks : public WrappedChunks {
 public:
  CompressedChunks(ChunkEncoderPtr inner, std::unique_ptr<GeneralCompressor> compressor,
                   arrow::MemoryPool* pool)
      : WrappedChunks(std::move(inner)), compressor_(std::move(compressor)), raw_(pool) {}

  EncodingPtr encoding() const override {
    return MakeEncoding(GeneralEncoding{compressor_->scheme(), inner().encoding()});
  }
  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    raw_.Clear();
    ChunkBuffers raw(&raw_);
    ARROW_RETURN_NOT_OK(inner().Encode(first, count, &raw));
    raw.End();
    size_t begin = 0;
    for (size_t i = 0; i < raw.sizes().size(); ++i) {
      const size_t size = raw.sizes()[i];
      const Bytes bytes = raw_.bytes().subspan(begin, size);
      OutputBytes* to = out->Begin();
      if (i == 0) {
        ARROW_RETURN_NOT_OK(compressor_->Append(bytes, to));
      } else {
        to->Append(bytes.data(), bytes.size());
      }
      begin += (size + 7) / 8 * 8;
    }
    return arrow::Status::OK();
  }

 private:
  std::unique_ptr<GeneralCompressor> compressor_;
  OutputBytes raw_;
};

class FsstChunks : public WrappedChunks {
 public:
  FsstChunks(ChunkEncoderPtr inner, std::string symbol_table)
      : WrappedChunks(std::move(inner)), symbol_table_(std::move(symbol_table)) {}

  EncodingPtr encoding() const override {
    return MakeEncoding(FsstEncoding{symbol_table_, inner().encoding()});
  }

 private:
  std::string symbol_table_;
};

// Makes an encoder of words of 8, 16, 32 or 64 bits.
template <template <typename> class Chunks>
ChunkEncoderPtr MakeWordChunks(const uint8_t* values, int64_t num_values, int64_t word_bits) {
  switch (word_bits) {
    case 8:
      return std::make_unique<Chunks<uint8_t>>(values, num_values);
    case 16:
      return std::make_unique<Chunks<uint16_t>>(values, num_values);
    case 32:
      return std::make_unique<Chunks<uint32_t>>(values, num_values);
    default:
      return std::make_unique<Chunks<uint64_t>>(values, num_values);
  }
}

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
  return MakeWordChunks<BitpackedChunks>(values, num_values, word_bits);
}

ChunkEncoderPtr MakeRunChunks(const uint8_t* values, int64_t num_values, int64_t word_bits) {
  return MakeWordChunks<RunChunks>(values, num_values, word_bits);
}

ChunkEncoderPtr MakeByteStreamChunks(const uint8_t* values, int64_t num_values, int64_t word_bits) {
  return std::make_unique<ByteStreamChunks>(values, num_values, word_bits);
}

ChunkEncoderPtr MakeCompressedChunks(ChunkEncoderPtr inner,
                                     std::unique_ptr<GeneralCompressor> compressor,
                                     arrow::MemoryPool* pool) {
  return std::make_unique<CompressedChunks>(std::move(inner), std::move(compressor), pool);
}

ChunkEncoderPtr MakeFsstChunks(ChunkEncoderPtr inner, std::string symbol_table) {
  return std::make_unique<FsstChunks>(std::move(inner), std::move(symbol_table));
}

}  // namespace croupier::format
