#include "croupier/format/encoding/record_codec.h"

#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/general_compression.h"
#include "croupier/format/encoding/mini_block_codec.h"
#include "croupier/format/encoding/packed_struct.h"

namespace croupier::format {

namespace {

// Bits of values that records may have without bytes in the file.
constexpr int64_t kMaxImpliedItemBits = int64_t{64} << 23;

using CodecPtr = std::unique_ptr<RecordCodec>;

arrow::Status CannotRead(const CompressiveEncoding& encoding) {
  return arrow::Status::NotImplemented("cannot read the encoding ", Describe(encoding),
                                       " in a full-zip page yet");
}

arrow::Status WrongKind(const CompressiveEncoding& encoding) {
  return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                           " cannot give values of the column's type");
}

// Plain values, booleans of a byte, and fixed-size lists: for each dimension that has one, a bitmap
// of its items, filled up to whole bytes; then the innermost items.
class FixedCodec : public RecordCodec {
 public:
  explicit FixedCodec(const LeafShape& shape) : shape_(shape) {}

  arrow::Status Open(const CompressiveEncoding& encoding) {
    // A boolean is a byte in a record.
    const bool widened = shape_.item_bits == 1 && shape_.dimensions.empty();
    is_plain_ = shape_.item_bits != 1;
    const CompressiveEncoding* items = &encoding;
    int64_t items_per_row = 1;
    for (const int64_t dimension : shape_.dimensions) {
      // Items that are lists and all null have nothing below them.
      if (!dimensions_.empty() && IsAllNull(*items)) {
        items_per_row *= dimension;
        dimensions_.push_back({items_per_row, 0});
        continue;
      }
      null_dimension_ = dimensions_.size();
      const auto* list = items->As<FixedSizeListEncoding>();
      if (list == nullptr || list->items_per_value != static_cast<uint64_t>(dimension)) {
        return WrongKind(encoding);
      }
      items_per_row *= dimension;
      dimensions_.push_back({items_per_row, list->has_validity ? (items_per_row + 7) / 8 : 0});
      value_bytes_ += dimensions_.back().validity_bytes;
      if (list->has_validity) is_plain_ = false;
      items = list->values.get();
    }
    if (!shape_.dimensions.empty() && IsAllNull(*items)) {
      all_items_null_ = true;
      is_plain_ = false;
      return arrow::Status::OK();
    }
    const auto* flat = items->As<FlatEncoding>();
    if (flat == nullptr) return CannotRead(encoding);
    const int64_t stored_bits = widened ? 8 : shape_.item_bits;
    if (flat->bits_per_value != static_cast<uint64_t>(stored_bits)) {
      return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                               " for items of ", stored_bits, " bits");
    }
    if (stored_bits * items_per_row % 8 != 0) return CannotRead(encoding);
    value_bytes_ += stored_bits * items_per_row / 8;
    return arrow::Status::OK();
  }

  int64_t value_bytes() const override { return value_bytes_; }
  bool is_plain() const override { return is_plain_; }

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> values,
                                   arrow::MemoryPool* pool) const override {
    const int64_t num_values = std::ssize(values);
    // No bytes of the file vouch for the memory of null items.
    if (all_items_null_ && num_values > kMaxImpliedItemBits / shape_.row_bits()) {
      return arrow::Status::CapacityError("records of ", num_values * shape_.items_per_row,
                                          " null items");
    }
    ValueBlock block;
    block.num_values = num_values;
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> data,
        arrow::AllocateEmptyBitmap(num_values * shape_.items_per_row * shape_.item_bits, pool));
    for (size_t depth = 0; depth < dimensions_.size(); ++depth) {
      auto& validity = block.item_validity.emplace_back();
      if (dimensions_[depth].validity_bytes > 0 || (depth == null_dimension_ && all_items_null_)) {
        ARROW_ASSIGN_OR_RAISE(validity, arrow::AllocateEmptyBitmap(
                                            num_values * dimensions_[depth].items_per_row, pool));
      }
    }
    for (int64_t i = 0; i < num_values; ++i) {
      const uint8_t* value = values[static_cast<size_t>(i)].data();
      if (value == nullptr) continue;
      for (size_t depth = 0; depth < dimensions_.size(); ++depth) {
        const auto& dimension = dimensions_[depth];
        if (dimension.validity_bytes == 0) continue;
        arrow::internal::CopyBitmap(value, 0, dimension.items_per_row,
                                    block.item_validity[depth]->mutable_data(),
                                    i * dimension.items_per_row);
        value += dimension.validity_bytes;
      }
      if (all_items_null_) continue;
      if (shape_.item_bits != 1) {
        const int64_t row_bytes = shape_.row_bits() / 8;
        std::memcpy(data->mutable_data() + i * row_bytes, value, static_cast<size_t>(row_bytes));
      } else if (shape_.dimensions.empty()) {
        arrow::bit_util::SetBitTo(data->mutable_data(), i, *value != 0);
      } else {
        arrow::internal::CopyBitmap(value, 0, shape_.items_per_row, data->mutable_data(),
                                    i * shape_.items_per_row);
      }
    }
    block.data = std::move(data);
    return block;
  }

 private:
  static bool IsAllNull(const CompressiveEncoding& encoding) {
    const auto* constant = encoding.As<ConstantEncoding>();
    return constant != nullptr && !constant->value.has_value();
  }

  struct Dimension {
    int64_t items_per_row = 0;   // of this dimension and those outside it
    int64_t validity_bytes = 0;  // 0: all are valid
  };

  const LeafShape shape_;
  std::vector<Dimension> dimensions_;
  bool all_items_null_ = false;
  size_t null_dimension_ = 0;  // whose items they are
  bool is_plain_ = false;
  int64_t value_bytes_ = 0;
};

class PackedCodec : public RecordCodec {
 public:
  PackedCodec(const LeafShape& shape, int64_t row_bytes) : shape_(shape), row_bytes_(row_bytes) {}
  int64_t value_bytes() const override { return row_bytes_; }

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> values,
                                   arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(auto rows, arrow::AllocateBuffer(std::ssize(values) * row_bytes_, pool));
    uint8_t* row = rows->mutable_data();
    for (const Bytes value : values) {
      if (value.data() == nullptr) {
        std::memset(row, 0, static_cast<size_t>(row_bytes_));
      } else {
        std::memcpy(row, value.data(), static_cast<size_t>(row_bytes_));
      }
      row += row_bytes_;
    }
    return UnpackStruct(shape_, {rows->data(), static_cast<size_t>(rows->size())},
                        std::ssize(values), pool);
  }

 private:
  const LeafShape shape_;
  const int64_t row_bytes_;
};

// Strings and binary values: as they are, or each coded by itself.
class VariableCodec : public RecordCodec {
 public:
  explicit VariableCodec(int64_t offset_bits) : offset_bits_(offset_bits) {}

  arrow::Status Open(const CompressiveEncoding& encoding) {
    const CompressiveEncoding* inner = &encoding;
    if (const auto* general = encoding.As<GeneralEncoding>()) {
      compression_ = general->scheme;
      inner = general->values.get();
    } else if (const auto* fsst = encoding.As<FsstEncoding>()) {
      ARROW_ASSIGN_OR_RAISE(fsst_, FsstSymbolTable::Parse(fsst->symbol_table));
      inner = fsst->values.get();
    }
    const auto* variable = inner->As<VariableEncoding>();
    if (variable == nullptr) return CannotRead(encoding);
    ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(variable->offsets));
    if (bits != offset_bits_) {
      return arrow::Status::SerializationError("offsets of ", bits, " bits, the type has ",
                                               offset_bits_);
    }
    return arrow::Status::OK();
  }

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> values,
                                   arrow::MemoryPool* pool) const override {
    return offset_bits_ == 32 ? DecodeAs<int32_t>(values, pool) : DecodeAs<int64_t>(values, pool);
  }

 private:
  arrow::Result<int64_t> DecodedSize(Bytes value) const {
    if (value.data() == nullptr) return 0;
    if (fsst_.has_value()) return fsst_->DecodedSize(value);
    if (!compression_.has_value()) return std::ssize(value);
    ARROW_ASSIGN_OR_RAISE(const auto compressed, CompressedBytes::Parse(*compression_, value));
    return compressed.raw_size_bytes();
  }

  template <typename Offset>
  arrow::Result<ValueBlock> DecodeAs(std::span<const Bytes> values, arrow::MemoryPool* pool) const {
    ARROW_ASSIGN_OR_RAISE(
        auto offsets, arrow::AllocateBuffer(
                          (std::ssize(values) + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
    auto* ends = reinterpret_cast<Offset*>(offsets->mutable_data());
    int64_t total = 0;
    for (const Bytes value : values) {
      *ends++ = static_cast<Offset>(total);
      ARROW_ASSIGN_OR_RAISE(const int64_t size, DecodedSize(value));
      total += size;
      if (total > std::numeric_limits<Offset>::max()) {
        return arrow::Status::CapacityError(
            "the values of a batch are more than 2 GiB: read fewer rows at a time");
      }
    }
    *ends = static_cast<Offset>(total);
    ARROW_ASSIGN_OR_RAISE(
        auto data, arrow::AllocateResizableBuffer(total + FsstSymbolTable::kSlackBytes, pool));
    uint8_t* end = data->mutable_data();
    DecompressionState state;
    for (const Bytes value : values) {
      if (value.empty()) continue;
      if (fsst_.has_value()) {
        end = fsst_->Decode(value, end);
      } else if (compression_.has_value()) {
        ARROW_ASSIGN_OR_RAISE(const auto compressed, CompressedBytes::Parse(*compression_, value));
        ARROW_RETURN_NOT_OK(compressed.DecompressInto(end, &state));
        end += compressed.raw_size_bytes();
      } else {
        std::memcpy(end, value.data(), value.size());
        end += value.size();
      }
    }
    ARROW_RETURN_NOT_OK(data->Resize(total, /*shrink_to_fit=*/false));
    return ValueBlock{std::ssize(values), std::move(data), std::move(offsets), {}, {}};
  }

  const int64_t offset_bits_;
  std::optional<CompressionScheme> compression_;
  std::optional<FsstSymbolTable> fsst_;
};

// Packed structs with members of their own widths, which follow their lengths.
class VariablePackedCodec : public RecordCodec {
 public:
  arrow::Status Open(const VariablePackedStructEncoding& encoding, const LeafShape& shape) {
    if (encoding.fields.size() != shape.members.size()) {
      return arrow::Status::SerializationError("packed struct: ", encoding.fields.size(),
                                               " members, the type has ", shape.members.size());
    }
    for (size_t i = 0; i < shape.members.size(); ++i) {
      const auto& field = encoding.fields[i];
      Member member;
      if (shape.members[i].kind == LeafShape::Kind::kFixed) {
        ARROW_ASSIGN_OR_RAISE(member.codec, MakeFixed(*field.value, shape.members[i]));
        if (field.bits_per_value != static_cast<uint64_t>(member.codec->value_bytes()) * 8) {
          return arrow::Status::SerializationError(
              "packed struct: member ", i, " has ", field.bits_per_value.value_or(0),
              " bits, its encoding gives ", member.codec->value_bytes() * 8);
        }
      } else {
        ARROW_ASSIGN_OR_RAISE(member.codec, MakeVariable(*field.value, shape.members[i]));
        if (field.bits_per_length != 32 && field.bits_per_length != 64) {
          return arrow::Status::SerializationError("packed struct: member ", i, " has lengths of ",
                                                   field.bits_per_length.value_or(0), " bits");
        }
        member.length_bytes = *field.bits_per_length / 8;
      }
      members_.push_back(std::move(member));
    }
    return arrow::Status::OK();
  }

  arrow::Result<ValueBlock> Decode(std::span<const Bytes> values,
                                   arrow::MemoryPool* pool) const override {
    std::vector<std::vector<Bytes>> member_values(members_.size());
    for (auto& each : member_values) each.reserve(values.size());
    for (const Bytes value : values) {
      if (value.data() == nullptr) {
        for (auto& each : member_values) each.emplace_back();
        continue;
      }
      ByteReader reader(value);
      for (size_t i = 0; i < members_.size(); ++i) {
        auto size = static_cast<uint64_t>(members_[i].codec->value_bytes());
        if (members_[i].length_bytes == 4) {
          ARROW_ASSIGN_OR_RAISE(size, reader.Read<uint32_t>());
        } else if (members_[i].length_bytes == 8) {
          ARROW_ASSIGN_OR_RAISE(size, reader.Read<uint64_t>());
        }
        ARROW_ASSIGN_OR_RAISE(const auto bytes, reader.ReadBytes(size));
        member_values[i].push_back(bytes);
      }
      if (reader.position() != value.size()) {
        return arrow::Status::SerializationError("packed struct: members of ", reader.position(),
                                                 " bytes in a record of ", value.size());
      }
    }
    ValueBlock block;
    block.num_values = std::ssize(values);
    for (size_t i = 0; i < members_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto member, members_[i].codec->Decode(member_values[i], pool));
      block.members.push_back(std::move(member));
    }
    return block;
  }

 private:
  struct Member {
    CodecPtr codec;
    uint64_t length_bytes = 0;  // 0: of a fixed width
  };
  std::vector<Member> members_;
};

}  // namespace

arrow::Result<CodecPtr> RecordCodec::MakeFixed(const CompressiveEncoding& encoding,
                                               const LeafShape& shape) {
  if (shape.kind == LeafShape::Kind::kPacked) {
    const auto* packed = encoding.As<PackedStructEncoding>();
    if (packed == nullptr) return CannotRead(encoding);
    ARROW_ASSIGN_OR_RAISE(const int64_t row_bytes, CheckPackedStruct(*packed, shape));
    ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(packed->values));
    if (bits != row_bytes * 8) return WrongKind(encoding);
    return std::make_unique<PackedCodec>(shape, row_bytes);
  }
  if (shape.kind != LeafShape::Kind::kFixed) return WrongKind(encoding);
  auto codec = std::make_unique<FixedCodec>(shape);
  ARROW_RETURN_NOT_OK(codec->Open(encoding));
  return codec;
}

arrow::Result<CodecPtr> RecordCodec::MakeVariable(const CompressiveEncoding& encoding,
                                                  const LeafShape& shape) {
  if (shape.kind == LeafShape::Kind::kPacked) {
    const auto* packed = encoding.As<VariablePackedStructEncoding>();
    if (packed == nullptr) return CannotRead(encoding);
    auto codec = std::make_unique<VariablePackedCodec>();
    ARROW_RETURN_NOT_OK(codec->Open(*packed, shape));
    return codec;
  }
  if (shape.kind != LeafShape::Kind::kVariable) return WrongKind(encoding);
  auto codec = std::make_unique<VariableCodec>(shape.offset_bits);
  ARROW_RETURN_NOT_OK(codec->Open(encoding));
  return codec;
}

}  // namespace croupier::format
