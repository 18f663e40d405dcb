#include "croupier/format/page/leaf_shape.h"

#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/utf8.h>

namespace croupier::format {

namespace {

// Members of a packed struct are told apart by one loop a row, so there are not many.
constexpr int kMaxMembers = 1 << 12;

// Rows of one value above this many bytes are no vectors any more; keeps products from overflowing.
constexpr int64_t kMaxRowBits = int64_t{1} << 36;

}  // namespace

arrow::Result<LeafShape> LeafShape::Of(const arrow::DataType& type) {
  LeafShape shape;
  const arrow::DataType* item = &type;
  while (item->id() == arrow::Type::FIXED_SIZE_LIST) {
    const auto& list = static_cast<const arrow::FixedSizeListType&>(*item);
    shape.dimensions.push_back(list.list_size());
    item = list.value_type().get();
  }
  switch (item->id()) {
    case arrow::Type::DATE64:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      shape.has_forbidden_values = true;
      break;
    default:
      break;
  }
  switch (item->id()) {
    case arrow::Type::NA:
      if (!shape.dimensions.empty()) break;
      return shape;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      if (!shape.dimensions.empty()) break;
      shape.kind = Kind::kVariable;
      shape.offset_bits =
          item->id() == arrow::Type::STRING || item->id() == arrow::Type::BINARY ? 32 : 64;
      shape.is_utf8 = item->id() == arrow::Type::STRING || item->id() == arrow::Type::LARGE_STRING;
      return shape;
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
    case arrow::Type::INT16:
    case arrow::Type::UINT16:
    case arrow::Type::INT32:
    case arrow::Type::UINT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT64:
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DURATION:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
    case arrow::Type::FIXED_SIZE_BINARY: {
      shape.kind = Kind::kFixed;
      shape.item_bits = static_cast<const arrow::FixedWidthType&>(*item).bit_width();
      // fixed_size_binary(0): pages that store values one by one cannot hold it.
      if (shape.item_bits == 0 && !shape.dimensions.empty()) break;
      for (const int64_t dimension : shape.dimensions) {
        if (dimension == 0 || shape.row_bits() > kMaxRowBits / dimension) {
          return arrow::Status::NotImplemented("cannot read values of the type ", type.ToString());
        }
        shape.items_per_row *= dimension;
      }
      return shape;
    }
    case arrow::Type::DICTIONARY: {
      if (!shape.dimensions.empty()) break;
      const auto& dictionary = static_cast<const arrow::DictionaryType&>(*item);
      ARROW_ASSIGN_OR_RAISE(auto items, OfStored(*dictionary.value_type()));
      if (!items.is_plain()) break;
      shape.kind = Kind::kDictionary;
      shape.members.push_back(std::move(items));
      return shape;
    }
    case arrow::Type::STRUCT: {
      if (!shape.dimensions.empty() || item->num_fields() == 0 ||
          item->num_fields() > kMaxMembers) {
        break;
      }
      shape.kind = Kind::kPacked;
      for (const auto& field : item->fields()) {
        ARROW_ASSIGN_OR_RAISE(auto member, OfStored(*field->type()));
        if (member.kind != Kind::kFixed && member.kind != Kind::kVariable) {
          return arrow::Status::NotImplemented(
              "cannot read packed structs with a member of the type ", field->type()->ToString());
        }
        shape.members.push_back(std::move(member));
      }
      return shape;
    }
    default:
      break;
  }
  return arrow::Status::NotImplemented("cannot read values of the type ", type.ToString(), " yet");
}

arrow::Result<LeafShape> LeafShape::OfStored(const arrow::DataType& type) {
  ARROW_ASSIGN_OR_RAISE(auto shape, Of(type));
  if (shape.kind == Kind::kFixed && shape.item_bits == 0) {
    return arrow::Status::NotImplemented("cannot read stored values of the type ", type.ToString());
  }
  return shape;
}

template <typename Offset>
arrow::Status CheckUtf8(const Offset* offsets, const uint8_t* data, int64_t num_values,
                        const uint8_t* validity) {
  arrow::util::InitializeUTF8();
  // As a whole first: it is valid in pieces if no piece begins inside a character.
  const Offset begin = offsets[0];
  const Offset end = offsets[num_values];
  bool all_valid = arrow::util::ValidateUTF8(data + begin, end - begin);
  for (int64_t i = 0; all_valid && i < num_values; ++i) {
    all_valid = offsets[i] == end || (data[offsets[i]] & 0xc0) != 0x80;
  }
  if (all_valid) return arrow::Status::OK();
  for (int64_t i = 0; i < num_values; ++i) {
    if (validity != nullptr && !arrow::bit_util::GetBit(validity, i)) continue;
    if (!arrow::util::ValidateUTF8(data + offsets[i], offsets[i + 1] - offsets[i])) {
      return arrow::Status::SerializationError("a string is not valid UTF-8: value ", i);
    }
  }
  return arrow::Status::OK();
}

template arrow::Status CheckUtf8(const int32_t*, const uint8_t*, int64_t, const uint8_t*);
template arrow::Status CheckUtf8(const int64_t*, const uint8_t*, int64_t, const uint8_t*);

}  // namespace croupier::format
