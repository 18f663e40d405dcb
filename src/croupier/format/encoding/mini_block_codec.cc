#include "croupier/format/encoding/mini_block_codec.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/util/bit_util.h>

#include "croupier/format/encoding/bitpacking.h"
#include "croupier/format/encoding/byte_stream_split.h"
#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/general_compression.h"
#include "croupier/format/encoding/packed_struct.h"
#include "croupier/format/encoding/rle.h"
#include "croupier/format/encoding/variable.h"

namespace croupier::format {

namespace {

// Bits of values that a chunk may have without bytes in the file.
constexpr int64_t kMaxImpliedItemBits = int64_t{64} << 23;

using CodecPtr = std::unique_ptr<MiniBlockCodec>;

arrow::Status CannotRead(const CompressiveEncoding& encoding, const char* place) {
  return arrow::Status::NotImplemented("cannot read the encoding ", Describe(encoding), " ", place,
                                       " yet");
}

arrow::Status WrongWidth(const char* encoding, int64_t bits, int64_t wanted_bits) {
  return arrow::Status::SerializationError(encoding, ": values of ", bits, " bits in a column of ",
                                           wanted_bits);
}

// A bitmap from one byte a value.
arrow::Result<std::shared_ptr<arrow::Buffer>> NarrowToBits(Bytes bytes, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(std::ssize(bytes), pool));
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != 0) arrow::bit_util::SetBit(bits->mutable_data(), static_cast<int64_t>(i));
  }
  return bits;
}

class FlatCodec : public MiniBlockCodec {
 public:
  FlatCodec(int64_t bits, bool widened_booleans)
      : bits_(bits), widened_booleans_(widened_booleans) {}

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    const Bytes bytes = buffers[0];
    if (std::ssize(bytes) != BytesForValues(num_values, bits_)) {
      return arrow::Status::SerializationError("flat: ", num_values, " values of ", bits_,
                                               " bits in ", bytes.size(), " bytes");
    }
    ValueBlock block;
    block.num_values = num_values;
    if (widened_booleans_) {
      ARROW_ASSIGN_OR_RAISE(block.data, NarrowToBits(bytes, pool));
    } else {
      ARROW_ASSIGN_OR_RAISE(block.data, CopyBytes(bytes, pool));
    }
    return block;
  }

 private:
  const int64_t bits_;
  const bool widened_booleans_;
};

class InlineBitpackingCodec : public MiniBlockCodec {
 public:
  explicit InlineBitpackingCodec(int64_t bits) : bits_(bits) {}
  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    return DecodeInlineBitpacking(bits_, buffers[0], num_values, pool);
  }

 private:
  const int64_t bits_;
};

class VariableCodec : public MiniBlockCodec {
 public:
  explicit VariableCodec(int64_t offset_bits) : offset_bits_(offset_bits) {}
  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          LocateMiniBlockValues(offset_bits_, buffers[0], num_values));
    return CopyVariable(values, offset_bits_, num_values, pool);
  }

 private:
  const int64_t offset_bits_;
};

class FsstCodec : public MiniBlockCodec {
 public:
  FsstCodec(FsstSymbolTable table, CodecPtr inner, int64_t offset_bits)
      : table_(table), inner_(std::move(inner)), offset_bits_(offset_bits) {}

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(auto codes, inner_->Decode(buffers, num_values, pool));
    return offset_bits_ == 32 ? Expand<int32_t>(codes, pool) : Expand<int64_t>(codes, pool);
  }

 private:
  template <typename Offset>
  arrow::Result<ValueBlock> Expand(const ValueBlock& codes, arrow::MemoryPool* pool) const {
    const auto* code_offsets = reinterpret_cast<const Offset*>(codes.offsets->data());
    ARROW_ASSIGN_OR_RAISE(auto offsets, arrow::AllocateBuffer(codes.offsets->size(), pool));
    auto* out = reinterpret_cast<Offset*>(offsets->mutable_data());
    const auto value = [&](int64_t i) {
      return Bytes(codes.data->data() + code_offsets[i],
                   static_cast<size_t>(code_offsets[i + 1] - code_offsets[i]));
    };
    int64_t total = 0;
    for (int64_t i = 0; i < codes.num_values; ++i) {
      out[i] = static_cast<Offset>(total);
      ARROW_ASSIGN_OR_RAISE(const int64_t size, table_.DecodedSize(value(i)));
      total += size;
    }
    // A chunk is at most 2 GiB and a code gives at most 8 bytes.
    if (sizeof(Offset) == 4 && total > INT32_MAX) {
      return arrow::Status::CapacityError("fsst: a chunk of ", total, " bytes");
    }
    out[codes.num_values] = static_cast<Offset>(total);
    ARROW_ASSIGN_OR_RAISE(
        auto data, arrow::AllocateResizableBuffer(total + FsstSymbolTable::kSlackBytes, pool));
    uint8_t* end = data->mutable_data();
    for (int64_t i = 0; i < codes.num_values; ++i) end = table_.Decode(value(i), end);
    ARROW_RETURN_NOT_OK(data->Resize(total, /*shrink_to_fit=*/false));
    return ValueBlock{codes.num_values, std::move(data), std::move(offsets), {}};
  }

  const FsstSymbolTable table_;
  const CodecPtr inner_;
  const int64_t offset_bits_;
};

class RleCodec : public MiniBlockCodec {
 public:
  explicit RleCodec(int64_t bits) : bits_(bits) {}
  int num_buffers() const override { return 2; }
  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    return DecodeRle(bits_, buffers[0], buffers[1], num_values, pool);
  }

 private:
  const int64_t bits_;
};

class ByteStreamSplitCodec : public MiniBlockCodec {
 public:
  explicit ByteStreamSplitCodec(int64_t bits) : bits_(bits) {}
  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    return DecodeByteStreamSplit(bits_, buffers[0], num_values, pool);
  }

 private:
  const int64_t bits_;
};

// Compression of the first buffer of every chunk; the others (lengths of runs) are left alone.
class GeneralCodec : public MiniBlockCodec {
 public:
  GeneralCodec(CompressionScheme scheme, CodecPtr inner)
      : scheme_(scheme), inner_(std::move(inner)) {}
  int num_buffers() const override { return inner_->num_buffers(); }
  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(const auto first, Decompress(scheme_, buffers[0], pool));
    std::vector<Bytes> decompressed(buffers.begin(), buffers.end());
    decompressed[0] = {first->data(), static_cast<size_t>(first->size())};
    return inner_->Decode(decompressed, num_values, pool);
  }

 private:
  const CompressionScheme scheme_;
  const CodecPtr inner_;
};

// Fixed-size lists: a bitmap of the items of each dimension that has one, then the items.
class FixedSizeListCodec : public MiniBlockCodec {
 public:
  struct Dimension {
    int64_t items_per_row = 0;  // of this dimension and those outside it
    bool has_validity = false;
  };
  // \param null_dimension the one whose items are all null, if any
  FixedSizeListCodec(std::vector<Dimension> dimensions, int64_t item_bits,
                     std::optional<size_t> null_dimension)
      : dimensions_(std::move(dimensions)), item_bits_(item_bits), null_dimension_(null_dimension) {
    for (const auto& dimension : dimensions_) num_buffers_ += dimension.has_validity;
  }
  int num_buffers() const override { return num_buffers_; }

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    ValueBlock block;
    block.num_values = num_values;
    size_t next_buffer = 0;
    for (const auto& dimension : dimensions_) {
      auto& validity = block.item_validity.emplace_back();
      if (!dimension.has_validity) continue;
      const Bytes bytes = buffers[next_buffer++];
      ARROW_RETURN_NOT_OK(CheckSize(bytes, num_values * dimension.items_per_row, 1));
      ARROW_ASSIGN_OR_RAISE(validity, CopyBytes(bytes, pool));
    }
    const int64_t num_items = num_values * dimensions_.back().items_per_row;
    if (null_dimension_.has_value()) {
      // No bytes of the file vouch for this memory.
      if (num_items > kMaxImpliedItemBits / item_bits_) {
        return arrow::Status::CapacityError("fixed size list: a chunk of ", num_items,
                                            " null items");
      }
      ARROW_ASSIGN_OR_RAISE(auto zeros, arrow::AllocateEmptyBitmap(num_items * item_bits_, pool));
      block.data = std::move(zeros);
      ARROW_ASSIGN_OR_RAISE(block.item_validity[*null_dimension_],
                            arrow::AllocateEmptyBitmap(
                                num_values * dimensions_[*null_dimension_].items_per_row, pool));
      return block;
    }
    const Bytes bytes = buffers[next_buffer];
    ARROW_RETURN_NOT_OK(CheckSize(bytes, num_items, item_bits_));
    ARROW_ASSIGN_OR_RAISE(block.data, CopyBytes(bytes, pool));
    return block;
  }

 private:
  static arrow::Status CheckSize(Bytes bytes, int64_t num_values, int64_t bits) {
    if (std::ssize(bytes) == BytesForValues(num_values, bits)) return arrow::Status::OK();
    return arrow::Status::SerializationError("fixed size list: ", num_values, " items of ", bits,
                                             " bits in ", bytes.size(), " bytes");
  }

  const std::vector<Dimension> dimensions_;
  const int64_t item_bits_;
  const std::optional<size_t> null_dimension_;
  int num_buffers_ = 1;
};

arrow::Result<CodecPtr> MakeFixedSizeList(const FixedSizeListEncoding& outermost,
                                          const LeafShape& shape) {
  std::vector<FixedSizeListCodec::Dimension> dimensions;
  int64_t items_per_row = 1;
  const FixedSizeListEncoding* list = &outermost;
  const CompressiveEncoding* items = nullptr;
  while (list != nullptr) {
    if (dimensions.size() == shape.dimensions.size() ||
        list->items_per_value != static_cast<uint64_t>(shape.dimensions[dimensions.size()])) {
      return arrow::Status::SerializationError("fixed size list: ", list->items_per_value,
                                               " items, the type has other dimensions");
    }
    items_per_row *= shape.dimensions[dimensions.size()];
    dimensions.push_back({items_per_row, list->has_validity});
    items = list->values.get();
    list = items->As<FixedSizeListEncoding>();
  }
  const auto* constant = items->As<ConstantEncoding>();
  std::optional<size_t> null_dimension;
  if (constant != nullptr && !constant->value.has_value()) {
    // Items that are lists and all null have nothing below them.
    null_dimension = dimensions.size() - 1;
    while (dimensions.size() < shape.dimensions.size()) {
      items_per_row *= shape.dimensions[dimensions.size()];
      dimensions.push_back({items_per_row, false});
    }
  }
  if (dimensions.size() != shape.dimensions.size()) {
    return arrow::Status::SerializationError("fixed size list: ", dimensions.size(),
                                             " dimensions, the type has ", shape.dimensions.size());
  }
  if (!null_dimension.has_value()) {
    const auto* flat = items->As<FlatEncoding>();
    if (flat == nullptr) return CannotRead(*items, "in a fixed-size list");
    if (flat->bits_per_value != static_cast<uint64_t>(shape.item_bits)) {
      return WrongWidth("fixed size list", static_cast<int64_t>(flat->bits_per_value),
                        shape.item_bits);
    }
  }
  return std::make_unique<FixedSizeListCodec>(std::move(dimensions), shape.item_bits,
                                              null_dimension);
}

// Rows of packed structs, member by member.
class PackedStructCodec : public MiniBlockCodec {
 public:
  explicit PackedStructCodec(const LeafShape& shape) : shape_(shape) {}
  arrow::Result<ValueBlock> Decode(std::span<const Bytes> buffers, int64_t num_values,
                                   arrow::MemoryPool* pool) const override {
    return UnpackStruct(shape_, buffers[0], num_values, pool);
  }

 private:
  const LeafShape shape_;
};

// Makes the codec of each kind of encoding: the table of the mini-block codecs.
struct Maker {
  const CompressiveEncoding& encoding;
  const LeafShape& shape;

  bool is_variable() const { return shape.kind == LeafShape::Kind::kVariable; }
  bool is_plain_fixed() const {
    return shape.kind == LeafShape::Kind::kFixed && shape.dimensions.empty();
  }
  arrow::Status WrongKind() const {
    return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                             " cannot give values of the column's type");
  }

  arrow::Result<CodecPtr> operator()(const FlatEncoding& flat) const {
    if (!is_plain_fixed()) return WrongKind();
    const bool widened = shape.item_bits == 1 && flat.bits_per_value == 8;
    if (!widened && flat.bits_per_value != static_cast<uint64_t>(shape.item_bits)) {
      return WrongWidth("flat", static_cast<int64_t>(flat.bits_per_value), shape.item_bits);
    }
    return std::make_unique<FlatCodec>(static_cast<int64_t>(flat.bits_per_value), widened);
  }
  arrow::Result<CodecPtr> operator()(const InlineBitpackingEncoding& packed) const {
    if (!is_plain_fixed()) return WrongKind();
    if (packed.uncompressed_bits_per_value != static_cast<uint64_t>(shape.item_bits)) {
      return WrongWidth("inline bit packing",
                        static_cast<int64_t>(packed.uncompressed_bits_per_value), shape.item_bits);
    }
    return std::make_unique<InlineBitpackingCodec>(shape.item_bits);
  }
  arrow::Result<CodecPtr> operator()(const VariableEncoding& variable) const {
    if (!is_variable()) return WrongKind();
    ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(variable.offsets));
    if (bits != shape.offset_bits) return WrongWidth("variable offsets", bits, shape.offset_bits);
    return std::make_unique<VariableCodec>(bits);
  }
  arrow::Result<CodecPtr> operator()(const FsstEncoding& fsst) const {
    if (!is_variable()) return WrongKind();
    ARROW_ASSIGN_OR_RAISE(auto table, FsstSymbolTable::Parse(fsst.symbol_table));
    ARROW_ASSIGN_OR_RAISE(auto inner, MiniBlockCodec::Make(*fsst.values, shape));
    return std::make_unique<FsstCodec>(table, std::move(inner), shape.offset_bits);
  }
  arrow::Result<CodecPtr> operator()(const RleEncoding& rle) const {
    if (!is_plain_fixed()) return WrongKind();
    ARROW_ASSIGN_OR_RAISE(const int64_t value_bits, FlatBits(rle.values));
    ARROW_ASSIGN_OR_RAISE(const int64_t length_bits, FlatBits(rle.run_lengths));
    if (value_bits != shape.item_bits) return WrongWidth("rle", value_bits, shape.item_bits);
    if (length_bits != 8 ||
        (value_bits != 8 && value_bits != 16 && value_bits != 32 && value_bits != 64)) {
      return CannotRead(encoding, "in a mini-block page");
    }
    return std::make_unique<RleCodec>(value_bits);
  }
  arrow::Result<CodecPtr> operator()(const ByteStreamSplitEncoding& split) const {
    if (!is_plain_fixed()) return WrongKind();
    ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(split.values));
    if (bits != shape.item_bits) return WrongWidth("byte stream split", bits, shape.item_bits);
    return std::make_unique<ByteStreamSplitCodec>(bits);
  }
  arrow::Result<CodecPtr> operator()(const GeneralEncoding& general) const {
    ARROW_ASSIGN_OR_RAISE(auto inner, MiniBlockCodec::Make(*general.values, shape));
    return std::make_unique<GeneralCodec>(general.scheme, std::move(inner));
  }
  arrow::Result<CodecPtr> operator()(const FixedSizeListEncoding& list) const {
    if (shape.kind != LeafShape::Kind::kFixed || shape.dimensions.empty()) return WrongKind();
    return MakeFixedSizeList(list, shape);
  }
  arrow::Result<CodecPtr> operator()(const PackedStructEncoding& packed) const {
    if (shape.kind != LeafShape::Kind::kPacked) return WrongKind();
    ARROW_ASSIGN_OR_RAISE(const int64_t row_bytes, CheckPackedStruct(packed, shape));
    ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(packed.values));
    if (bits != row_bytes * 8) return WrongWidth("packed struct", bits, row_bytes * 8);
    return std::make_unique<PackedStructCodec>(shape);
  }
  template <typename Other>
  arrow::Result<CodecPtr> operator()(const Other&) const {
    return CannotRead(encoding, "in a mini-block page");
  }
};

// Decodes each kind of encoding in block position.
struct BlockDecoder {
  const CompressiveEncoding& encoding;
  ValueKind kind;
  Bytes bytes;
  int64_t num_values;
  arrow::MemoryPool* pool;

  arrow::Status CheckFixed(uint64_t bits) const {
    if (kind.is_variable || bits != static_cast<uint64_t>(kind.bits)) {
      return arrow::Status::SerializationError("a block of the encoding ", Describe(encoding),
                                               " where values of ", kind.bits, " bits are wanted");
    }
    return arrow::Status::OK();
  }

  arrow::Result<ValueBlock> operator()(const FlatEncoding& flat) const {
    ARROW_RETURN_NOT_OK(CheckFixed(flat.bits_per_value));
    return FlatCodec(kind.bits, false).Decode({&bytes, 1}, num_values, pool);
  }
  arrow::Result<ValueBlock> operator()(const InlineBitpackingEncoding& packed) const {
    ARROW_RETURN_NOT_OK(CheckFixed(packed.uncompressed_bits_per_value));
    return DecodeInlineBitpacking(kind.bits, bytes, num_values, pool);
  }
  arrow::Result<ValueBlock> operator()(const OutOfLineBitpackingEncoding& packed) const {
    ARROW_RETURN_NOT_OK(CheckFixed(packed.uncompressed_bits_per_value));
    ARROW_ASSIGN_OR_RAISE(const int64_t width, FlatBits(packed.values));
    return DecodeOutOfLineBitpacking(kind.bits, width, bytes, num_values, pool);
  }
  arrow::Result<ValueBlock> operator()(const RleEncoding& rle) const {
    ARROW_ASSIGN_OR_RAISE(const int64_t value_bits, FlatBits(rle.values));
    ARROW_RETURN_NOT_OK(CheckFixed(static_cast<uint64_t>(value_bits)));
    ARROW_ASSIGN_OR_RAISE(const int64_t length_bits, FlatBits(rle.run_lengths));
    if (length_bits != 8) return CannotRead(encoding, "in a block");
    if (bytes.size() < 8) return arrow::Status::SerializationError("rle: a block without its size");
    uint64_t value_bytes = 0;
    std::memcpy(&value_bytes, bytes.data(), 8);
    if (value_bytes > bytes.size() - 8) {
      return arrow::Status::SerializationError("rle: ", value_bytes,
                                               " bytes of values in a block of ", bytes.size());
    }
    return DecodeRle(value_bits, bytes.subspan(8, static_cast<size_t>(value_bytes)),
                     bytes.subspan(8 + static_cast<size_t>(value_bytes)), num_values, pool);
  }
  arrow::Result<ValueBlock> operator()(const VariableEncoding&) const {
    if (!kind.is_variable) return CheckFixed(0);
    int64_t offset_bits = 0;
    ARROW_ASSIGN_OR_RAISE(const auto values, LocateBlockValues(bytes, num_values, &offset_bits));
    if (offset_bits != kind.bits) return WrongWidth("variable offsets", offset_bits, kind.bits);
    return CopyVariable(values, offset_bits, num_values, pool);
  }
  arrow::Result<ValueBlock> operator()(const GeneralEncoding& general) const {
    ARROW_ASSIGN_OR_RAISE(const auto raw, Decompress(general.scheme, bytes, pool));
    return DecodeBlock(*general.values, kind, {raw->data(), static_cast<size_t>(raw->size())},
                       num_values, pool);
  }
  template <typename Other>
  arrow::Result<ValueBlock> operator()(const Other&) const {
    return CannotRead(encoding, "in a block");
  }
};

}  // namespace

arrow::Result<int64_t> FlatBits(const EncodingPtr& encoding) {
  const auto* flat = encoding->As<FlatEncoding>();
  if (flat == nullptr || flat->bits_per_value > INT32_MAX) {
    return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                             " where a flat one belongs");
  }
  return static_cast<int64_t>(flat->bits_per_value);
}

arrow::Result<CodecPtr> MiniBlockCodec::Make(const CompressiveEncoding& encoding,
                                             const LeafShape& shape) {
  return std::visit(Maker{encoding, shape}, encoding.kind);
}

arrow::Result<ValueBlock> DecodeBlock(const CompressiveEncoding& encoding, ValueKind kind,
                                      Bytes bytes, int64_t num_values, arrow::MemoryPool* pool) {
  return std::visit(BlockDecoder{encoding, kind, bytes, num_values, pool}, encoding.kind);
}

}  // namespace croupier::format
