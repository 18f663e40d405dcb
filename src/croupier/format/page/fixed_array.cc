#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"
#include "croupier/format/kernel/bit_unpack.h"
#include "croupier/format/page/array_values.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

namespace {

// Values that take no bytes of the file must not make memory of any size.
constexpr int64_t kMaxImpliedRowBits = int64_t{1} << 26;

// Unpack a stream of bits, the lowest first; each value has 1 to 64 of them.
template <typename Word>
void UnpackStream(Bytes bytes, int width, bool is_signed, int64_t num_values, Word* values) {
  constexpr int kWordBits = sizeof(Word) * 8;
  const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  for (int64_t i = 0; i < num_values; ++i) {
    const auto bit = static_cast<size_t>(i) * static_cast<size_t>(width);
    const size_t byte = bit / 8;
    // A value lies in at most 9 bytes.
    uint64_t low = 0;
    std::memcpy(&low, bytes.data() + byte, std::min<size_t>(8, bytes.size() - byte));
    uint64_t value = low >> (bit % 8);
    if (bit % 8 != 0 && byte + 8 < bytes.size()) {
      value |= uint64_t{bytes[byte + 8]} << (64 - bit % 8);
    }
    value &= mask;
    if (is_signed && width < kWordBits && (value >> (width - 1) & 1) != 0) value |= ~mask;
    values[i] = static_cast<Word>(value);
  }
}

// Unpack blocks of 1024 values, of which the last is padded.
template <typename Word>
void UnpackBlocks(Bytes bytes, int width, int64_t num_values, Word* values) {
  const uint8_t* block = bytes.data();
  for (; num_values >= kBitpackedBlockValues; num_values -= kBitpackedBlockValues) {
    UnpackBits(block, width, values);
    block += BitpackedBlockBytes(width);
    values += kBitpackedBlockValues;
  }
  if (num_values == 0) return;
  std::array<Word, kBitpackedBlockValues> rest;
  UnpackBits(block, width, rest.data());
  std::memcpy(values, rest.data(), static_cast<size_t>(num_values) * sizeof(Word));
}

/// Fixed-width values and fixed-size lists of such, with nulls at every level.
class FixedArrayValues : public ArrayValues {
 public:
  arrow::Status Open(const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type,
                     int64_t num_rows, const ArrayBuffers& buffers) {
    type_ = type;
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::OfStored(*type));
    if (shape_.kind != LeafShape::Kind::kFixed) return CannotGive(encoding);
    if (num_rows > INT64_MAX / 16 / shape_.row_bits()) {
      return arrow::Status::SerializationError(num_rows, " rows of the type ", type->ToString());
    }
    const ArrayEncoding* level = &encoding;
    int64_t num_items = num_rows;
    for (size_t depth = 0;; ++depth) {
      level = &level->WithoutNoNulls();
      auto& validity = validity_.emplace_back();
      if (const auto* nullable = level->As<NullableArray>()) {
        if (nullable->values == nullptr) return OpenNothing(depth);
        ARROW_ASSIGN_OR_RAISE(validity, OpenValidity(*nullable->validity, num_items, buffers));
        memory_bytes_ += validity->size();
        level = &nullable->values->WithoutNoNulls();
      }
      if (depth == shape_.dimensions.size()) break;
      const auto* list = level->As<FixedSizeListArray>();
      if (list == nullptr || list->dimension != shape_.dimensions[depth]) {
        return CannotGive(encoding);
      }
      num_items *= list->dimension;
      level = list->items.get();
    }
    has_item_validity_ = std::any_of(validity_.begin() + 1, validity_.end(),
                                     [](const auto& bitmap) { return bitmap != nullptr; });
    return OpenItems(*level, num_items, buffers);
  }

  int64_t memory_bytes() const override { return memory_bytes_; }
  int64_t mean_row_bits() const override { return shape_.row_bits(); }
  int64_t row_alignment() const override {
    return is_fast_lanes_ ? kBitpackedBlockValues : is_flat() && shape_.item_bits != 1 ? 1 : 8;
  }

  ByteRange DataRange(int64_t begin, int64_t end) const override {
    if (is_fast_lanes_) {
      const auto bytes_before = [this](int64_t row) {
        const int64_t num_blocks =
            (row * shape_.items_per_row + kBitpackedBlockValues - 1) / kBitpackedBlockValues;
        return num_blocks * BitpackedBlockBytes(stored_bits_);
      };
      return {data_.offset_bytes + bytes_before(begin), bytes_before(end) - bytes_before(begin)};
    }
    const int64_t row_bits = stored_bits_ * shape_.items_per_row;
    const int64_t offset_bytes = begin * row_bits / 8;
    return {data_.offset_bytes + offset_bytes,
            BytesForValues(end * shape_.items_per_row, stored_bits_) - offset_bytes};
  }

  bool are_wide() const override {
    return is_flat() && row_alignment() == 1 && shape_.row_bits() >= kWideRowBits;
  }
  int64_t plain_row_bytes() const override {
    return is_flat() && shape_.item_bits != 1 && validity_[0] == nullptr && !has_item_validity_
               ? shape_.row_bits() / 8
               : 0;
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> Decode(int64_t begin, int64_t end, Bytes bytes,
                                                          arrow::MemoryPool* pool) const override {
    const int64_t num_rows = end - begin;
    ValueBlock block;
    block.num_values = num_rows;
    if (std::ssize(bytes) != DataRange(begin, end).size_bytes) {
      return arrow::Status::SerializationError("values are cut off: ", bytes.size(), " bytes of ",
                                               DataRange(begin, end).size_bytes);
    }
    ARROW_ASSIGN_OR_RAISE(block.data, DecodeItems(num_rows * shape_.items_per_row, bytes, pool));
    int64_t items_per_row = 1;
    for (size_t depth = 1; depth < validity_.size(); ++depth) {
      items_per_row *= shape_.dimensions[depth - 1];
      auto& validity = block.item_validity.emplace_back();
      if (depth == nothing_depth_) {
        ARROW_ASSIGN_OR_RAISE(validity, arrow::AllocateEmptyBitmap(num_rows * items_per_row, pool));
      } else {
        ARROW_ASSIGN_OR_RAISE(validity, SliceValidity(validity_[depth], begin * items_per_row,
                                                      num_rows * items_per_row, pool));
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto row_validity, SliceValidity(validity_[0], begin, num_rows, pool));
    const int64_t null_count = row_validity == nullptr ? 0 : arrow::kUnknownNullCount;
    return MakeLeafArray(type_, shape_, std::move(block), {std::move(row_validity), null_count});
  }

  arrow::Status Append(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    if (has_item_validity_) return ArrayValues::Append(first_row, bytes, runs, assembler);
    const int64_t row_bytes = shape_.row_bits() / 8;
    for (const RowRun& run : runs) {
      const auto begin = static_cast<uint64_t>((run.row - first_row) * row_bytes);
      const auto size = static_cast<uint64_t>(run.count * row_bytes);
      if (begin > bytes.size() || size > bytes.size() - begin) {
        return arrow::Status::SerializationError("values are cut off");
      }
      const Bytes values = bytes.subspan(begin, size);
      // Runs of equal validity.
      for (uint32_t i = 0; i < run.count;) {
        const bool is_valid = IsValid(run.row + i);
        uint32_t stop = i + 1;
        while (stop < run.count && IsValid(run.row + stop) == is_valid) ++stop;
        if (is_valid) {
          std::memcpy(assembler->FillInPlace(run.slot + i, stop - i), values.data() + i * row_bytes,
                      static_cast<size_t>((stop - i) * row_bytes));
        } else {
          const RowRun nulls{run.row + i, run.slot + i, stop - i};
          ARROW_RETURN_NOT_OK(assembler->AppendNulls({&nulls, 1}));
        }
        i = stop;
      }
    }
    return arrow::Status::OK();
  }

 private:
  bool is_flat() const { return nothing_depth_ == 0 && !is_packed_; }
  bool IsValid(int64_t row) const {
    return validity_[0] == nullptr || arrow::bit_util::GetBit(validity_[0]->data(), row);
  }

  arrow::Status CannotGive(const ArrayEncoding& encoding) const {
    return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                             " cannot give values of the type ", type_->ToString());
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> OpenValidity(const ArrayEncoding& encoding,
                                                             int64_t num_items,
                                                             const ArrayBuffers& buffers) {
    ARROW_ASSIGN_OR_RAISE(const ByteRange range, LocateFlat(encoding, 1, num_items, buffers));
    ARROW_ASSIGN_OR_RAISE(const Bytes bytes, buffers.Slice(range));
    return CopyBytes(bytes, DefaultMemoryPool());
  }

  // All items of a dimension are null, and nothing is stored below them.
  arrow::Status OpenNothing(size_t depth) {
    if (depth == 0 || shape_.row_bits() > kMaxImpliedRowBits) {
      return arrow::Status::NotImplemented("cannot read nothing but nulls of the type ",
                                           type_->ToString(), " in this place");
    }
    nothing_depth_ = depth;
    has_item_validity_ = true;
    validity_.resize(shape_.dimensions.size() + 1);
    stored_bits_ = 0;
    return arrow::Status::OK();
  }

  arrow::Status OpenItems(const ArrayEncoding& encoding, int64_t num_items,
                          const ArrayBuffers& buffers) {
    stored_bits_ = shape_.item_bits;
    if (const auto* binary = encoding.As<FixedSizeBinaryArray>()) {
      if (shape_.item_bits != int64_t{binary->byte_width} * 8) return CannotGive(encoding);
      const auto* bytes = binary->bytes->WithoutNoNulls().As<FlatArray>();
      const bool is_by_byte = bytes != nullptr && bytes->bits_per_value == 8;
      ARROW_ASSIGN_OR_RAISE(
          data_, is_by_byte ? LocateFlat(*binary->bytes, 8, num_items * binary->byte_width, buffers)
                            : LocateFlat(*binary->bytes, shape_.item_bits, num_items, buffers));
      return arrow::Status::OK();
    }
    if (const auto* packed = encoding.As<BitpackedArray>()) {
      return OpenPacked(encoding, *packed, num_items, buffers);
    }
    return LocateFlat(encoding, shape_.item_bits, num_items, buffers).Value(&data_);
  }

  arrow::Status OpenPacked(const ArrayEncoding& encoding, const BitpackedArray& packed,
                           int64_t num_items, const ArrayBuffers& buffers) {
    const int64_t bits = shape_.item_bits;
    const uint64_t width = packed.compressed_bits_per_value;
    if ((bits != 8 && bits != 16 && bits != 32 && bits != 64) ||
        packed.uncompressed_bits_per_value != static_cast<uint64_t>(bits) ||
        width > static_cast<uint64_t>(bits)) {
      return CannotGive(encoding);
    }
    if (width == 0 && shape_.row_bits() > kMaxImpliedRowBits) return CannotGive(encoding);
    stored_bits_ = static_cast<int64_t>(width);
    is_packed_ = true;
    is_fast_lanes_ = packed.is_fast_lanes;
    is_signed_ = packed.is_signed;
    ARROW_ASSIGN_OR_RAISE(data_, buffers.Range(packed.buffer));
    const int64_t num_stored = is_fast_lanes_ ? (num_items + kBitpackedBlockValues - 1) /
                                                    kBitpackedBlockValues * kBitpackedBlockValues
                                              : num_items;
    if (width > 0 && num_stored > data_.size_bytes * 8 / stored_bits_) {
      return arrow::Status::SerializationError(num_stored, " values of ", width, " bits in ",
                                               data_.size_bytes, " bytes");
    }
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> DecodeItems(int64_t num_items, Bytes bytes,
                                                            arrow::MemoryPool* pool) const {
    if (is_flat()) return CopyBytes(bytes, pool);
    ARROW_ASSIGN_OR_RAISE(auto buffer,
                          arrow::AllocateBuffer(BytesForValues(num_items, shape_.item_bits), pool));
    if (stored_bits_ == 0) {
      std::memset(buffer->mutable_data(), 0, static_cast<size_t>(buffer->size()));
      return buffer;
    }
    const auto unpack = [&](auto word) {
      using Word = decltype(word);
      auto* values = reinterpret_cast<Word*>(buffer->mutable_data());
      const int width = static_cast<int>(stored_bits_);
      if (is_fast_lanes_) {
        UnpackBlocks(bytes, width, num_items, values);
      } else {
        UnpackStream(bytes, width, is_signed_, num_items, values);
      }
    };
    switch (shape_.item_bits) {
      case 8:
        unpack(uint8_t{});
        break;
      case 16:
        unpack(uint16_t{});
        break;
      case 32:
        unpack(uint32_t{});
        break;
      default:
        unpack(uint64_t{});
        break;
    }
    return buffer;
  }

  std::shared_ptr<arrow::DataType> type_;
  LeafShape shape_;
  // Of the rows, then of the items of each dimension; null where all are valid.
  std::vector<std::shared_ptr<arrow::Buffer>> validity_;
  bool has_item_validity_ = false;
  size_t nothing_depth_ = 0;  // the dimension whose items are all null, or 0
  int64_t stored_bits_ = 0;   // of an item
  bool is_packed_ = false;
  bool is_fast_lanes_ = false;
  bool is_signed_ = false;
  ByteRange data_;
  int64_t memory_bytes_ = 0;
};

}  // namespace

arrow::Result<std::unique_ptr<const ArrayValues>> OpenFixedArray(
    const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers) {
  auto values = std::make_unique<FixedArrayValues>();
  ARROW_RETURN_NOT_OK(values->Open(encoding, type, num_rows, buffers));
  return values;
}

}  // namespace croupier::format
