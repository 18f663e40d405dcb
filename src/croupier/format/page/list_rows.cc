#include "croupier/format/page/list_rows.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"

namespace croupier::format {

namespace {

template <typename Offset>
arrow::Result<std::shared_ptr<arrow::Buffer>> OffsetsAs(const std::vector<int64_t>& offsets,
                                                        arrow::MemoryPool* pool) {
  if (offsets.back() > std::numeric_limits<Offset>::max()) {
    return arrow::Status::CapacityError("the lists of a batch have ", offsets.back(),
                                        " items: read fewer rows at a time");
  }
  ARROW_ASSIGN_OR_RAISE(
      auto buffer,
      arrow::AllocateBuffer(std::ssize(offsets) * static_cast<int64_t>(sizeof(Offset)), pool));
  auto* out = reinterpret_cast<Offset*>(buffer->mutable_data());
  std::transform(offsets.begin(), offsets.end(), out,
                 [](int64_t offset) { return static_cast<Offset>(offset); });
  return buffer;
}

// Indices of a dictionary array as int32, as decoded rows have them.
template <typename Index>
arrow::Result<std::shared_ptr<arrow::Buffer>> IndicesAsInt32(const arrow::ArrayData& array,
                                                             arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(array.length * 4, pool));
  const auto* indices = array.GetValues<Index>(1);
  std::transform(indices, indices + array.length,
                 reinterpret_cast<int32_t*>(buffer->mutable_data()),
                 [](Index index) { return static_cast<int32_t>(index); });
  return buffer;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> WithInt32Indices(const arrow::ArrayData& array,
                                                                  arrow::MemoryPool* pool) {
  const auto& type = static_cast<const arrow::DictionaryType&>(*array.type);
  auto result = array.Copy();
  result->type = arrow::dictionary(arrow::int32(), type.value_type());
  // Indices are below the number of items, which is below 2^31.
  switch (static_cast<const arrow::FixedWidthType&>(*type.index_type()).bit_width()) {
    case 8: {
      ARROW_ASSIGN_OR_RAISE(result->buffers[1], IndicesAsInt32<uint8_t>(array, pool));
      break;
    }
    case 16: {
      ARROW_ASSIGN_OR_RAISE(result->buffers[1], IndicesAsInt32<uint16_t>(array, pool));
      break;
    }
    case 64: {
      ARROW_ASSIGN_OR_RAISE(result->buffers[1], IndicesAsInt32<uint64_t>(array, pool));
      break;
    }
    default:
      break;
  }
  return result;
}

}  // namespace

ListRows::ListRows(std::shared_ptr<const LeafPath> path, std::span<const RowRun> runs, bool is_text,
                   arrow::MemoryPool* pool)
    : path_(std::move(path)), is_text_(is_text), pool_(pool), layers_(1) {
  for (const RowRun& run : runs) {
    const int64_t run_end = int64_t{run.row} + run.count;
    const int64_t end = rows_.empty() ? -1 : rows_.back().row + rows_.back().count;
    if (rows_.empty() || run.row > end) {
      rows_.push_back({run.row, static_cast<uint32_t>(num_slots_), run.count});
      num_slots_ += run.count;
    } else if (run_end > end) {
      rows_.back().count += static_cast<uint32_t>(run_end - end);
      num_slots_ += run_end - end;
    }
    runs_.push_back({static_cast<uint32_t>(rows_.back().slot + (run.row - rows_.back().row)),
                     run.slot, run.count});
  }
  layers_.back().offsets.reserve(static_cast<size_t>(num_slots_) + 1);
}

arrow::Status ListRows::AddItems(int64_t row, int64_t count) {
  if (count == 0) return arrow::Status::OK();
  if (count > UINT32_MAX - num_items_) {
    return arrow::Status::CapacityError("the lists of a batch have more than ", UINT32_MAX,
                                        " items: read fewer rows at a time");
  }
  if (!items_.empty() && items_.back().row + items_.back().count == row) {
    items_.back().count += static_cast<uint32_t>(count);
  } else {
    items_.push_back({row, static_cast<uint32_t>(num_items_), static_cast<uint32_t>(count)});
  }
  num_items_ += count;
  return arrow::Status::OK();
}

arrow::Status ListRows::NoteNull(int64_t slot) {
  auto& validity = layers_.back().validity;
  if (validity == nullptr) {
    ARROW_ASSIGN_OR_RAISE(
        validity, arrow::AllocateResizableBuffer(arrow::bit_util::BytesForBits(num_slots_), pool_));
    std::memset(validity->mutable_data(), 0xff, static_cast<size_t>(validity->size()));
  }
  arrow::bit_util::ClearBit(validity->mutable_data(), slot);
  return arrow::Status::OK();
}

arrow::Status ListRows::AddLists(const ListPage& page, int64_t first_item, int64_t row,
                                 int64_t count) {
  auto& offsets = layers_.back().offsets;
  const int64_t end = row + count;
  if (!page.has_nulls()) {
    const int64_t shift = num_items_ - page.ItemBegin(row);
    for (int64_t i = row + 1; i <= end; ++i) offsets.push_back(page.ItemBegin(i) + shift);
    return AddItems(first_item + page.ItemBegin(row), page.ItemBegin(end) - page.ItemBegin(row));
  }
  for (; row < end; ++row) {
    if (page.IsValid(row)) {
      ARROW_RETURN_NOT_OK(AddItems(first_item + page.ItemBegin(row),
                                   page.ItemBegin(row + 1) - page.ItemBegin(row)));
    } else {
      ARROW_RETURN_NOT_OK(NoteNull(std::ssize(offsets) - 1));
    }
    offsets.push_back(num_items_);
  }
  return arrow::Status::OK();
}

arrow::Status ListRows::Descend() {
  if (std::ssize(layers_.back().offsets) != num_slots_ + 1) {
    return arrow::Status::SerializationError(
        "a list column has ", layers_.back().offsets.size() - 1, " of ", num_slots_, " rows");
  }
  rows_ = std::exchange(items_, {});
  num_slots_ = std::exchange(num_items_, 0);
  layers_.emplace_back().offsets.reserve(static_cast<size_t>(num_slots_) + 1);
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ListRows::MakeText(
    const std::shared_ptr<arrow::ArrayData>& bytes) const {
  if (bytes->GetNullCount() != 0) {
    return arrow::Status::SerializationError("bytes of a string are null");
  }
  const Layer& layer = layers_[layers_.size() - 2];
  ARROW_ASSIGN_OR_RAISE(const auto shape, LeafShape::Of(*path_->leaf_type()));
  ValueBlock block;
  block.num_values = std::ssize(layer.offsets) - 1;
  ARROW_ASSIGN_OR_RAISE(block.offsets, shape.offset_bits == 32
                                           ? OffsetsAs<int32_t>(layer.offsets, pool_)
                                           : OffsetsAs<int64_t>(layer.offsets, pool_));
  block.data = bytes->buffers[1];
  const int64_t null_count = layer.validity == nullptr ? 0 : arrow::kUnknownNullCount;
  return MakeLeafArray(path_->leaf_type(), shape, std::move(block), {layer.validity, null_count});
}

arrow::Result<DecodedRows> ListRows::Finish(std::shared_ptr<arrow::ArrayData> leaf) const {
  if (is_text_) {
    ARROW_ASSIGN_OR_RAISE(leaf, MakeText(leaf));
  } else if (leaf->type->id() == arrow::Type::DICTIONARY) {
    ARROW_ASSIGN_OR_RAISE(leaf, WithInt32Indices(*leaf, pool_));
  }
  const auto& path_layers = path_->layers();
  std::vector<std::shared_ptr<arrow::DataType>> types = {path_->type()};
  for (size_t i = 1; i < path_layers.size(); ++i) types.push_back(types.back()->field(0)->type());
  size_t list = path_->num_lists();
  for (size_t i = path_layers.size(); i-- > 0;) {
    if (!path_layers[i].is_list()) {
      auto outer = arrow::ArrayData::Make(types[i], leaf->length, {nullptr}, 0);
      outer->child_data = {std::move(leaf)};
      leaf = std::move(outer);
      continue;
    }
    const Layer& layer = layers_[--list];
    ARROW_ASSIGN_OR_RAISE(auto offsets, path_layers[i].kind == PathLayer::Kind::kList
                                            ? OffsetsAs<int32_t>(layer.offsets, pool_)
                                            : OffsetsAs<int64_t>(layer.offsets, pool_));
    const int64_t null_count = layer.validity == nullptr ? 0 : arrow::kUnknownNullCount;
    auto outer = arrow::ArrayData::Make(types[i], std::ssize(layer.offsets) - 1,
                                        {layer.validity, std::move(offsets)}, null_count);
    outer->child_data = {std::move(leaf)};
    leaf = std::move(outer);
  }
  return DecodedRows{std::move(leaf)};
}

}  // namespace croupier::format
