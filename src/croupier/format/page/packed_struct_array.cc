#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "croupier/format/page/array_values.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

namespace {

// Bits of a value of an encoding of fixed width without nulls; 0 for any other.
uint64_t FixedBits(const ArrayEncoding& encoding) {
  const ArrayEncoding& values = encoding.WithoutNoNulls();
  if (const auto* flat = values.As<FlatArray>()) {
    return flat->compression.has_value() ? 0 : flat->bits_per_value;
  }
  const auto* list = values.As<FixedSizeListArray>();
  if (list == nullptr) return 0;
  const uint64_t item_bits = FixedBits(*list->items);
  return item_bits > UINT64_MAX / 8 / (uint64_t{list->dimension} + 1) ? 0
                                                                      : item_bits * list->dimension;
}

/// Structs stored row by row: the members of fixed width side by side, without nulls.
class PackedStructArrayValues : public ArrayValues {
 public:
  arrow::Status Open(const PackedStructArray& encoding,
                     const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
                     const ArrayBuffers& buffers) {
    type_ = type;
    if (type->id() != arrow::Type::STRUCT || encoding.inner.empty() ||
        encoding.inner.size() != static_cast<size_t>(type->num_fields())) {
      return CannotGive(encoding);
    }
    for (int i = 0; i < type->num_fields(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto shape, LeafShape::Of(*type->field(i)->type()));
      if (shape.kind != LeafShape::Kind::kFixed || shape.item_bits % 8 != 0 ||
          FixedBits(*encoding.inner[static_cast<size_t>(i)]) !=
              static_cast<uint64_t>(shape.row_bits())) {
        return CannotGive(encoding);
      }
      row_bytes_ += shape.row_bits() / 8;
      shapes_.push_back(std::move(shape));
    }
    ARROW_ASSIGN_OR_RAISE(data_, buffers.Range(encoding.buffer));
    if (num_rows > data_.size_bytes / row_bytes_) {
      return arrow::Status::SerializationError(num_rows, " rows of ", row_bytes_, " bytes in ",
                                               data_.size_bytes, " bytes");
    }
    return arrow::Status::OK();
  }

  int64_t memory_bytes() const override { return 0; }
  int64_t mean_row_bits() const override { return row_bytes_ * 8; }
  int64_t row_alignment() const override { return 1; }

  ByteRange DataRange(int64_t begin, int64_t end) const override {
    return {data_.offset_bytes + begin * row_bytes_, (end - begin) * row_bytes_};
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> Decode(int64_t begin, int64_t end, Bytes bytes,
                                                          arrow::MemoryPool* pool) const override {
    const int64_t num_rows = end - begin;
    if (std::ssize(bytes) != num_rows * row_bytes_) {
      return arrow::Status::SerializationError("values are cut off");
    }
    auto array = arrow::ArrayData::Make(type_, num_rows, {nullptr}, 0);
    const uint8_t* member = bytes.data();
    for (size_t i = 0; i < shapes_.size(); ++i) {
      const auto member_bytes = static_cast<size_t>(shapes_[i].row_bits() / 8);
      ARROW_ASSIGN_OR_RAISE(
          auto data, arrow::AllocateBuffer(num_rows * static_cast<int64_t>(member_bytes), pool));
      for (int64_t row = 0; row < num_rows; ++row) {
        std::memcpy(data->mutable_data() + row * static_cast<int64_t>(member_bytes),
                    member + row * row_bytes_, member_bytes);
      }
      member += member_bytes;
      ValueBlock block;
      block.num_values = num_rows;
      block.data = std::move(data);
      ARROW_ASSIGN_OR_RAISE(auto child, MakeLeafArray(type_->field(static_cast<int>(i))->type(),
                                                      shapes_[i], std::move(block), {}));
      array->child_data.push_back(std::move(child));
    }
    return array;
  }

 private:
  arrow::Status CannotGive(const PackedStructArray& encoding) const {
    return arrow::Status::SerializationError("the encoding ", Describe(ArrayEncoding{encoding}),
                                             " cannot give values of the type ", type_->ToString());
  }

  std::shared_ptr<arrow::DataType> type_;
  std::vector<LeafShape> shapes_;  // of the members
  int64_t row_bytes_ = 0;
  ByteRange data_;
};

}  // namespace

arrow::Result<std::unique_ptr<const ArrayValues>> OpenPackedStructArray(
    const PackedStructArray& encoding, const std::shared_ptr<arrow::DataType>& type,
    int64_t num_rows, const ArrayBuffers& buffers) {
  auto values = std::make_unique<PackedStructArrayValues>();
  ARROW_RETURN_NOT_OK(values->Open(encoding, type, num_rows, buffers));
  return values;
}

}  // namespace croupier::format
