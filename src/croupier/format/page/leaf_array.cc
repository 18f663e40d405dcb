#include "croupier/format/page/leaf_array.h"

#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

namespace croupier::format {

namespace {

arrow::Status CheckStrings(const LeafShape& shape, const ValueBlock& block,
                           const Validity& validity) {
  const uint8_t* bitmap = validity.bitmap != nullptr ? validity.bitmap->data() : nullptr;
  if (shape.offset_bits == 32) {
    return CheckUtf8(reinterpret_cast<const int32_t*>(block.offsets->data()), block.data->data(),
                     block.num_values, bitmap);
  }
  return CheckUtf8(reinterpret_cast<const int64_t*>(block.offsets->data()), block.data->data(),
                   block.num_values, bitmap);
}

arrow::Status CheckAllowed(const std::shared_ptr<arrow::ArrayData>& array) {
  const auto status = arrow::MakeArray(array)->ValidateFull();
  if (status.ok()) return status;
  return arrow::Status::SerializationError("a value is none of its type: ", status.message());
}

// The members of null rows of a packed struct hold anything; members have no nulls of their own.
void ClearNullRows(const LeafShape& member, const Validity& validity, ValueBlock* block) {
  if (validity.bitmap == nullptr || member.kind != LeafShape::Kind::kFixed) return;
  const int64_t row_bits = member.row_bits();
  for (int64_t row = 0; row < block->num_values; ++row) {
    if (arrow::bit_util::GetBit(validity.bitmap->data(), row)) continue;
    arrow::bit_util::SetBitsTo(block->data->mutable_data(), row * row_bits, row_bits, false);
  }
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::ArrayData>> MakeLeafArray(
    const std::shared_ptr<arrow::DataType>& type, const LeafShape& shape, ValueBlock block,
    Validity validity) {
  if (shape.kind == LeafShape::Kind::kPacked) {
    auto array =
        arrow::ArrayData::Make(type, block.num_values, {validity.bitmap}, validity.null_count);
    for (size_t i = 0; i < shape.members.size(); ++i) {
      ClearNullRows(shape.members[i], validity, &block.members[i]);
      ARROW_ASSIGN_OR_RAISE(
          auto member, MakeLeafArray(type->field(static_cast<int>(i))->type(), shape.members[i],
                                     std::move(block.members[i]), {}));
      array->child_data.push_back(std::move(member));
    }
    return array;
  }
  if (shape.kind == LeafShape::Kind::kVariable) {
    if (shape.is_utf8) ARROW_RETURN_NOT_OK(CheckStrings(shape, block, validity));
    return arrow::ArrayData::Make(
        type, block.num_values,
        {std::move(validity.bitmap), std::move(block.offsets), std::move(block.data)},
        validity.null_count);
  }
  // From the innermost item outwards: item_validity[k] belongs to the items of dimension k.
  std::vector<std::shared_ptr<arrow::DataType>> types = {type};
  for (size_t i = 0; i < shape.dimensions.size(); ++i) {
    types.push_back(static_cast<const arrow::FixedSizeListType&>(*types.back()).value_type());
  }
  const auto validity_of = [&](size_t depth) {
    if (depth == 0) return std::move(validity.bitmap);
    return block.item_validity.empty() ? nullptr : std::move(block.item_validity[depth - 1]);
  };
  int64_t length = block.num_values * shape.items_per_row;
  const size_t depth = shape.dimensions.size();
  auto array = arrow::ArrayData::Make(types[depth], length, {validity_of(depth), block.data});
  for (size_t i = depth; i-- > 0;) {
    length /= shape.dimensions[i];
    auto list = arrow::ArrayData::Make(types[i], length, {validity_of(i)});
    list->child_data = {std::move(array)};
    array = std::move(list);
  }
  if (shape.has_forbidden_values) ARROW_RETURN_NOT_OK(CheckAllowed(array));
  return array;
}

}  // namespace croupier::format
