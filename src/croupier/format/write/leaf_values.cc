#include "croupier/format/write/leaf_values.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/extension_type.h>
#include <arrow/type.h>
#include <arrow/util/binary_view_util.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/jsonb_writer.h"
#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

namespace {

int64_t KeyBytesOf(const arrow::DataType& type) {
  const auto* storage = &type;
  if (type.id() == arrow::Type::EXTENSION) {
    storage = static_cast<const arrow::ExtensionType&>(type).storage_type().get();
  }
  return static_cast<const arrow::DictionaryType&>(*storage).index_type()->byte_width();
}

const uint8_t* DataOf(const arrow::ArrayData& array, size_t buffer) {
  const auto& bytes = array.buffers[buffer];
  return bytes == nullptr ? nullptr : bytes->data();
}

bool HasNulls(const arrow::ArrayData& array, int64_t begin, int64_t size) {
  if (array.buffers[0] == nullptr || array.null_count == 0) return false;
  return arrow::internal::CountSetBits(array.buffers[0]->data(), array.offset + begin, size) < size;
}

bool IsView(arrow::Type::type id) {
  return id == arrow::Type::STRING_VIEW || id == arrow::Type::BINARY_VIEW;
}

template <typename Offset>
int64_t BytesBetween(const arrow::ArrayData& array, SlotRange slots) {
  if (array.buffers[1] == nullptr || array.buffers[1]->size() == 0) return 0;
  const auto* offsets = array.GetValues<Offset>(1);
  return offsets[slots.end] - offsets[slots.begin];
}

int64_t ViewBytes(const arrow::ArrayData& array, SlotRange slots) {
  const auto* views = array.GetValues<arrow::BinaryViewType::c_type>(1);
  int64_t size = 0;
  for (int64_t slot = slots.begin; slot < slots.end; ++slot) size += views[slot].size();
  return size;
}

// A string of any kind.
std::string_view TextAt(const arrow::ArrayData& array, arrow::Type::type id, int64_t slot) {
  if (IsView(id)) {
    return arrow::util::FromBinaryView(array.GetValues<arrow::BinaryViewType::c_type>(1)[slot],
                                       array.buffers.data() + 2);
  }
  const auto at = [&](const auto* offsets) {
    return std::string_view(reinterpret_cast<const char*>(DataOf(array, 2)) + offsets[slot],
                            static_cast<size_t>(offsets[slot + 1] - offsets[slot]));
  };
  return id == arrow::Type::STRING ? at(array.GetValues<int32_t>(1))
                                   : at(array.GetValues<int64_t>(1));
}

int64_t VariableBytes(const arrow::ArrayData& array, SlotRange slots) {
  switch (array.type->storage_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return BytesBetween<int32_t>(array, slots);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return BytesBetween<int64_t>(array, slots);
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
      return ViewBytes(array, slots);
    default:
      return 0;
  }
}

}  // namespace

int64_t LeafValues::offset(int64_t i) const {
  const auto place = static_cast<size_t>(i);
  return shape->offset_bits == 64 ? LoadLittleEndian<int64_t>(offsets + place * 8)
                                  : int64_t{LoadLittleEndian<int32_t>(offsets + place * 4)};
}

int64_t LeafValues::SizeOf(int64_t begin, int64_t end) const {
  if (shape->kind == LeafShape::Kind::kVariable) return offset(end) - offset(begin);
  return BytesForValues(end - begin, shape->row_bits());
}

bool BorrowValues(const LeafPlan& plan, const arrow::ArrayData& leaf, SlotRange slots,
                  LeafValues* values) {
  if (plan.kind != WriteKind::kValues) return false;
  const LeafShape& shape = plan.shape;
  values->shape = &shape;
  values->num_values = slots.size();
  if (shape.kind == LeafShape::Kind::kVariable) {
    if (IsView(leaf.type->storage_id()) || leaf.buffers[1]->size() == 0) return false;
    const int64_t width = shape.offset_bits / 8;
    values->offsets = DataOf(leaf, 1) + (leaf.offset + slots.begin) * width;
    values->data = DataOf(leaf, 2);
    return true;
  }
  if (shape.kind != LeafShape::Kind::kFixed || shape.item_bits == 1) return false;
  const arrow::ArrayData* array = &leaf;
  for (const int64_t dimension : shape.dimensions) {
    slots = {(array->offset + slots.begin) * dimension, (array->offset + slots.end) * dimension};
    array = array->child_data[0].get();
    if (HasNulls(*array, slots.begin, slots.size())) return false;
    values->item_validity.push_back(nullptr);
  }
  values->data = DataOf(*array, 1) + (array->offset + slots.begin) * (shape.item_bits / 8);
  return true;
}

LeafBuffers::LeafBuffers(const LeafPlan* plan, arrow::MemoryPool* pool)
    : LeafBuffers(plan, &plan->shape, pool) {}

LeafBuffers::LeafBuffers(const LeafPlan* plan, const LeafShape* shape, arrow::MemoryPool* pool)
    : plan_(plan), shape_(shape), data_(pool), offsets_(pool) {
  for (size_t i = 0; i < shape->dimensions.size(); ++i) item_validity_.emplace_back(pool);
  if (shape->kind != LeafShape::Kind::kPacked) return;
  for (const LeafShape& member : shape->members) members_.emplace_back(plan, &member, pool);
}

bool LeafBuffers::CanAppend(const arrow::ArrayData& leaf, SlotRange slots) const {
  if (num_values_ == 0) return true;
  switch (shape_->kind) {
    case LeafShape::Kind::kVariable:
      return shape_->offset_bits == 64 ||
             VariableBytes(leaf, slots) <= INT32_MAX - static_cast<int64_t>(data_.size());
    case LeafShape::Kind::kDictionary:
      return leaf.dictionary == dictionary_ ||
             arrow::MakeArray(leaf.dictionary)->Equals(arrow::MakeArray(dictionary_));
    case LeafShape::Kind::kPacked:
      for (size_t i = 0; i < members_.size(); ++i) {
        const SlotRange below{slots.begin + leaf.offset, slots.end + leaf.offset};
        if (!members_[i].CanAppend(*leaf.child_data[i], below)) return false;
      }
      return true;
    default:
      return true;
  }
}

arrow::Status LeafBuffers::AppendFixed(const arrow::ArrayData& leaf, SlotRange slots) {
  const arrow::ArrayData* array = &leaf;
  int64_t num_items = num_values_;
  for (size_t i = 0; i < shape_->dimensions.size(); ++i) {
    const int64_t dimension = shape_->dimensions[i];
    slots = {(array->offset + slots.begin) * dimension, (array->offset + slots.end) * dimension};
    num_items *= dimension;
    array = array->child_data[0].get();
    OutputBytes& validity = item_validity_[i];
    const bool has_nulls = HasNulls(*array, slots.begin, slots.size());
    if (!has_nulls && validity.empty()) continue;
    // The bitmap begins with the first null: what was before is valid.
    const size_t old_bytes = validity.size();
    const auto new_bytes = static_cast<size_t>(BytesForValues(num_items + slots.size(), 1));
    validity.AppendZeros(new_bytes - old_bytes);
    if (old_bytes == 0) arrow::bit_util::SetBitsTo(validity.data(), 0, num_items, true);
    if (has_nulls) {
      arrow::internal::CopyBitmap(array->buffers[0]->data(), array->offset + slots.begin,
                                  slots.size(), validity.data(), num_items);
    } else {
      arrow::bit_util::SetBitsTo(validity.data(), num_items, slots.size(), true);
    }
  }
  const int64_t begin = array->offset + slots.begin;
  const uint8_t* from = DataOf(*array, 1);
  if (shape_->item_bits == 1) {
    data_.AppendZeros(static_cast<size_t>(BytesForValues(num_items + slots.size(), 1)) -
                      data_.size());
    arrow::internal::CopyBitmap(from, begin, slots.size(), data_.data(), num_items);
    return arrow::Status::OK();
  }
  const int64_t width = shape_->item_bits / 8;
  data_.Append(from + begin * width, static_cast<size_t>(slots.size() * width));
  return arrow::Status::OK();
}

template <typename From, typename To>
void LeafBuffers::AppendOffsets(const arrow::ArrayData& leaf, SlotRange slots) {
  const auto count = static_cast<size_t>(slots.size());
  if (leaf.buffers[1] == nullptr || leaf.buffers[1]->size() == 0) return;
  const auto* from = leaf.GetValues<From>(1) + slots.begin;
  const auto base = static_cast<To>(static_cast<int64_t>(data_.size()) - int64_t{from[0]});
  uint8_t* to = offsets_.Grow(count * sizeof(To));
  for (size_t i = 0; i < count; ++i) {
    const auto offset = static_cast<To>(static_cast<To>(from[i + 1]) + base);
    std::memcpy(to + i * sizeof(To), &offset, sizeof(To));
  }
  data_.Append(DataOf(leaf, 2) + from[0], static_cast<size_t>(from[count] - from[0]));
}

template <typename Offset>
arrow::Status LeafBuffers::AppendViews(const arrow::ArrayData& leaf, SlotRange slots) {
  if (sizeof(Offset) == 4 &&
      ViewBytes(leaf, slots) > INT32_MAX - static_cast<int64_t>(data_.size())) {
    return arrow::Status::CapacityError("column '", plan_->name,
                                        "' has more than 2 GiB of strings in one row or piece");
  }
  const auto* views = leaf.GetValues<arrow::BinaryViewType::c_type>(1);
  const uint8_t* validity = DataOf(leaf, 0);
  for (int64_t slot = slots.begin; slot < slots.end; ++slot) {
    // The view of a null may be anything.
    if (validity == nullptr || arrow::bit_util::GetBit(validity, leaf.offset + slot)) {
      const auto text = arrow::util::FromBinaryView(views[slot], leaf.buffers.data() + 2);
      data_.Append(text.data(), text.size());
    }
    offsets_.AppendValue(static_cast<Offset>(data_.size()));
  }
  return arrow::Status::OK();
}

arrow::Status LeafBuffers::AppendJson(const arrow::ArrayData& leaf, SlotRange slots) {
  const arrow::Type::type id = leaf.type->storage_id();
  const uint8_t* validity = DataOf(leaf, 0);
  std::string jsonb;
  for (int64_t slot = slots.begin; slot < slots.end; ++slot) {
    if (validity == nullptr || arrow::bit_util::GetBit(validity, leaf.offset + slot)) {
      jsonb.clear();
      const auto status = AppendJsonb(TextAt(leaf, id, slot), &jsonb);
      if (!status.ok()) {
        return status.WithMessage("column '", plan_->name, "': ", status.message());
      }
      data_.Append(jsonb.data(), jsonb.size());
    }
    offsets_.AppendValue(static_cast<int64_t>(data_.size()));
  }
  return arrow::Status::OK();
}

arrow::Status LeafBuffers::AppendVariable(const arrow::ArrayData& leaf, SlotRange slots) {
  if (offsets_.empty()) offsets_.AppendZeros(static_cast<size_t>(shape_->offset_bits / 8));
  if (plan_->kind == WriteKind::kJson && leaf.type->storage_id() != arrow::Type::LARGE_BINARY) {
    return AppendJson(leaf, slots);
  }
  switch (leaf.type->storage_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      shape_->offset_bits == 32 ? AppendOffsets<int32_t, int32_t>(leaf, slots)
                                : AppendOffsets<int32_t, int64_t>(leaf, slots);
      return arrow::Status::OK();
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      AppendOffsets<int64_t, int64_t>(leaf, slots);
      return arrow::Status::OK();
    default:
      return shape_->offset_bits == 32 ? AppendViews<int32_t>(leaf, slots)
                                       : AppendViews<int64_t>(leaf, slots);
  }
}

arrow::Status LeafBuffers::AppendPacked(const arrow::ArrayData& leaf, SlotRange slots) {
  const SlotRange below{slots.begin + leaf.offset, slots.end + leaf.offset};
  for (size_t i = 0; i < members_.size(); ++i) {
    const auto& member = *leaf.child_data[i];
    ARROW_RETURN_NOT_OK(members_[i].Append(member, below));
    if (!HasNulls(member, below.begin, below.size())) continue;
    // Members below null structs are null too, and nobody sees them.
    for (int64_t slot = below.begin; slot < below.end; ++slot) {
      const uint8_t* above = DataOf(leaf, 0);
      if (member.IsNull(slot) && (above == nullptr || arrow::bit_util::GetBit(above, slot))) {
        return arrow::Status::NotImplemented("column '", plan_->name,
                                             "': members of packed structs cannot be null");
      }
    }
  }
  return arrow::Status::OK();
}

arrow::Status LeafBuffers::Append(const arrow::ArrayData& leaf, SlotRange slots) {
  if (slots.size() == 0) return arrow::Status::OK();
  switch (shape_->kind) {
    case LeafShape::Kind::kNull:
      break;
    case LeafShape::Kind::kFixed:
      ARROW_RETURN_NOT_OK(AppendFixed(leaf, slots));
      break;
    case LeafShape::Kind::kVariable:
      ARROW_RETURN_NOT_OK(AppendVariable(leaf, slots));
      break;
    case LeafShape::Kind::kDictionary: {
      const int64_t width = KeyBytesOf(*leaf.type);
      data_.Append(DataOf(leaf, 1) + (leaf.offset + slots.begin) * width,
                   static_cast<size_t>(slots.size() * width));
      dictionary_ = leaf.dictionary;
      break;
    }
    case LeafShape::Kind::kPacked:
      ARROW_RETURN_NOT_OK(AppendPacked(leaf, slots));
      break;
  }
  num_values_ += slots.size();
  return arrow::Status::OK();
}

void LeafBuffers::Clear() {
  num_values_ = 0;
  data_.Clear();
  offsets_.Clear();
  for (auto& validity : item_validity_) validity.Clear();
  for (auto& member : members_) member.Clear();
  dictionary_ = nullptr;
}

LeafValues LeafBuffers::values() const {
  LeafValues values;
  values.shape = shape_;
  values.num_values = num_values_;
  values.data = data_.data();
  values.offsets = offsets_.data();
  for (const auto& validity : item_validity_) {
    values.item_validity.push_back(validity.empty() ? nullptr : validity.data());
  }
  for (const auto& member : members_) values.members.push_back(member.values());
  values.dictionary = dictionary_;
  if (num_values_ > 0) {
    values.key_bytes = static_cast<int64_t>(data_.size()) / num_values_;
  }
  return values;
}

int64_t LeafBuffers::size_bytes() const {
  size_t size = data_.size() + offsets_.size();
  for (const auto& validity : item_validity_) size += validity.size();
  auto total = static_cast<int64_t>(size);
  for (const auto& member : members_) total += member.size_bytes();
  return total;
}

arrow::Status CheckAllowed(const LeafPlan& plan, const ShreddedRows& rows,
                           arrow::MemoryPool* pool) {
  const auto is_forbidding = [](const LeafShape& one) { return one.has_forbidden_values; };
  if (!is_forbidding(plan.shape) && std::ranges::none_of(plan.shape.members, is_forbidding)) {
    return arrow::Status::OK();
  }
  const auto check = [&](const arrow::Array& array) {
    auto status = array.ValidateFull();
    if (status.ok()) return status;
    return arrow::Status::Invalid("column '", plan.name,
                                  "': a value is none of its type: ", status.message());
  };
  // Below null structs anything may lie: levels tell of these where each is of a value.
  const bool has_level_of_each = !rows.def.empty() && rows.num_levels == rows.num_values;
  size_t next_level = 0;
  for (const SlotRange& range : rows.ranges) {
    const auto data = rows.leaf->Slice(range.begin, range.size());
    if (has_level_of_each) {
      ARROW_ASSIGN_OR_RAISE(auto valid,
                            arrow::AllocateEmptyBitmap(data->offset + data->length, pool));
      for (int64_t i = 0; i < data->length; ++i) {
        arrow::bit_util::SetBitTo(valid->mutable_data(), data->offset + i,
                                  rows.def[next_level++] == 0);
      }
      data->buffers[0] = std::move(valid);
      data->null_count = arrow::kUnknownNullCount;
    }
    const auto array = arrow::MakeArray(data);
    if (is_forbidding(plan.shape)) {
      ARROW_RETURN_NOT_OK(check(*array));
    } else if (array->type_id() == arrow::Type::STRUCT) {
      const auto& structs = static_cast<const arrow::StructArray&>(*array);
      for (int i = 0; i < structs.num_fields(); ++i) {
        ARROW_ASSIGN_OR_RAISE(const auto member, structs.GetFlattenedField(i, pool));
        ARROW_RETURN_NOT_OK(check(*member));
      }
    }
  }
  return arrow::Status::OK();
}

int64_t EstimateBytes(const LeafShape& shape, const arrow::ArrayData& leaf, SlotRange slots) {
  switch (shape.kind) {
    case LeafShape::Kind::kNull:
      return 0;
    case LeafShape::Kind::kFixed:
      return BytesForValues(slots.size(), shape.row_bits());
    case LeafShape::Kind::kVariable:
      return VariableBytes(leaf, slots) + slots.size() * (shape.offset_bits / 8);
    case LeafShape::Kind::kDictionary:
      return slots.size() * KeyBytesOf(*leaf.type);
    case LeafShape::Kind::kPacked: {
      const SlotRange below{slots.begin + leaf.offset, slots.end + leaf.offset};
      int64_t size = 0;
      for (size_t i = 0; i < shape.members.size() && i < leaf.child_data.size(); ++i) {
        size += EstimateBytes(shape.members[i], *leaf.child_data[i], below);
      }
      return size;
    }
  }
  return 0;
}

}  // namespace croupier::format
