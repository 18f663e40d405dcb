#include "croupier/format/page/dictionary_assembler.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

namespace {

const arrow::DictionaryType& AsDictionary(const arrow::DataType& type) {
  return static_cast<const arrow::DictionaryType&>(type);
}

// The highest number of an index type.
uint64_t MaxIndex(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT8:
      return std::numeric_limits<int8_t>::max();
    case arrow::Type::UINT8:
      return std::numeric_limits<uint8_t>::max();
    case arrow::Type::INT16:
      return std::numeric_limits<int16_t>::max();
    case arrow::Type::UINT16:
      return std::numeric_limits<uint16_t>::max();
    case arrow::Type::INT32:
      return std::numeric_limits<int32_t>::max();
    case arrow::Type::UINT32:
      return std::numeric_limits<uint32_t>::max();
    default:
      return std::numeric_limits<int64_t>::max();
  }
}

// The bytes of an item of a dictionary, which tell it from others.
std::string_view BytesOf(const arrow::ArrayData& dictionary, const LeafShape& shape,
                         int64_t index) {
  static constexpr char kBits[] = {0, 1};
  const auto* data = reinterpret_cast<const char*>(dictionary.buffers.back()->data());
  if (shape.kind == LeafShape::Kind::kVariable) {
    const auto slice = [&](const auto* offsets) {
      return std::string_view(data + offsets[index],
                              static_cast<size_t>(offsets[index + 1] - offsets[index]));
    };
    return shape.offset_bits == 32 ? slice(dictionary.GetValues<int32_t>(1))
                                   : slice(dictionary.GetValues<int64_t>(1));
  }
  if (shape.item_bits == 1) {
    return {kBits + arrow::bit_util::GetBit(dictionary.buffers[1]->data(), index), 1};
  }
  const auto width = static_cast<size_t>(shape.item_bits / 8);
  return {data + static_cast<size_t>(index) * width, width};
}

}  // namespace

DictionaryAssembler::DictionaryAssembler(std::shared_ptr<arrow::DataType> type,
                                         const LeafShape& shape, int64_t num_slots,
                                         arrow::MemoryPool* pool)
    : type_(std::move(type)),
      item_shape_(shape.members[0]),
      pool_(pool),
      validity_(num_slots, pool),
      items_(static_cast<size_t>(num_slots)) {}

arrow::Status DictionaryAssembler::Append(const DecodedRows& rows, std::span<const RowRun> runs) {
  ARROW_RETURN_NOT_OK(validity_.Copy(rows.array->buffers[0].get(), rows.array->offset, runs));
  // Pages come one after the other, so the last dictionary is mostly the one.
  auto found = std::find(dictionaries_.rbegin(), dictionaries_.rend(), rows.array->dictionary);
  if (found == dictionaries_.rend()) {
    dictionaries_.push_back(rows.array->dictionary);
    found = dictionaries_.rbegin();
  }
  const auto dictionary = static_cast<uint32_t>(dictionaries_.rend() - found - 1);
  const auto* indices = rows.array->GetValues<int32_t>(1);
  for (const RowRun& run : runs) {
    Item* items = items_.data() + run.slot;
    for (uint32_t i = 0; i < run.count; ++i) {
      items[i] = {dictionary, static_cast<uint32_t>(indices[run.row + i])};
    }
  }
  return arrow::Status::OK();
}

arrow::Status DictionaryAssembler::AppendNulls(std::span<const RowRun> runs) {
  return validity_.Clear(runs);
}

// Renumber the items that are used, and give them as a dictionary.
arrow::Result<std::shared_ptr<arrow::ArrayData>> DictionaryAssembler::UnifyDictionaries() {
  std::vector<std::vector<int32_t>> numbers;  // of the items of each dictionary; -1: not used
  for (const auto& dictionary : dictionaries_) {
    numbers.emplace_back(static_cast<size_t>(dictionary->length), -1);
  }
  ARROW_ASSIGN_OR_RAISE(const uint8_t* validity, validity_.Bits());
  std::unordered_map<std::string_view, int32_t> number_of_bytes;
  std::vector<Item> unified;
  for (size_t slot = 0; slot < items_.size(); ++slot) {
    Item& item = items_[slot];
    if (!arrow::bit_util::GetBit(validity, static_cast<int64_t>(slot))) continue;
    int32_t& number = numbers[item.dictionary][item.index];
    if (number < 0) {
      const auto bytes = BytesOf(*dictionaries_[item.dictionary], item_shape_, item.index);
      number = number_of_bytes.emplace(bytes, static_cast<int32_t>(unified.size())).first->second;
      if (static_cast<size_t>(number) == unified.size()) unified.push_back(item);
    }
    item = {0, static_cast<uint32_t>(number)};
  }
  const auto& index_type = *AsDictionary(*type_).index_type();
  if (!unified.empty() && unified.size() - 1 > MaxIndex(index_type)) {
    return arrow::Status::CapacityError("the rows of a batch have ", unified.size(),
                                        " different values, more than the index type of ",
                                        type_->ToString(),
                                        " can number: read fewer rows at a time");
  }
  ARROW_ASSIGN_OR_RAISE(auto values,
                        ColumnAssembler::Make(LeafPath::Flat(AsDictionary(*type_).value_type()),
                                              std::ssize(unified), pool_));
  for (size_t i = 0; i < unified.size(); ++i) {
    const RowRun run{unified[i].index, static_cast<uint32_t>(i), 1};
    ARROW_RETURN_NOT_OK(values->Append({dictionaries_[unified[i].dictionary]}, {&run, 1}));
  }
  return values->Finish();
}

template <typename Index>
arrow::Result<std::shared_ptr<arrow::Buffer>> DictionaryAssembler::MakeIndices() const {
  ARROW_ASSIGN_OR_RAISE(
      auto buffer,
      arrow::AllocateBuffer(std::ssize(items_) * static_cast<int64_t>(sizeof(Index)), pool_));
  auto* out = reinterpret_cast<Index*>(buffer->mutable_data());
  for (const Item& item : items_) *out++ = static_cast<Index>(item.index);
  return buffer;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> DictionaryAssembler::Finish() {
  const auto& dictionary_type = AsDictionary(*type_);
  std::shared_ptr<arrow::ArrayData> dictionary;
  if (dictionaries_.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto none,
                          arrow::MakeEmptyArray(dictionary_type.value_type(), pool_));
    dictionary = none->data();
  } else if (dictionaries_.size() == 1 && static_cast<uint64_t>(dictionaries_[0]->length - 1) <=
                                              MaxIndex(*dictionary_type.index_type())) {
    dictionary = dictionaries_[0];
  } else {
    ARROW_ASSIGN_OR_RAISE(dictionary, UnifyDictionaries());
  }
  std::shared_ptr<arrow::Buffer> indices;
  switch (static_cast<const arrow::FixedWidthType&>(*dictionary_type.index_type()).bit_width()) {
    case 8: {
      ARROW_ASSIGN_OR_RAISE(indices, MakeIndices<uint8_t>());
      break;
    }
    case 16: {
      ARROW_ASSIGN_OR_RAISE(indices, MakeIndices<uint16_t>());
      break;
    }
    case 32: {
      ARROW_ASSIGN_OR_RAISE(indices, MakeIndices<uint32_t>());
      break;
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(indices, MakeIndices<uint64_t>());
      break;
    }
  }
  auto bitmap = validity_.Release();
  const int64_t null_count = bitmap == nullptr ? 0 : arrow::kUnknownNullCount;
  auto array = arrow::ArrayData::Make(type_, std::ssize(items_),
                                      {std::move(bitmap), std::move(indices)}, null_count);
  array->dictionary = std::move(dictionary);
  return array;
}

}  // namespace croupier::format
