#include "croupier/format/page/nested_assembler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

namespace croupier::format {

namespace {

bool IsNullArray(const arrow::ArrayData& array) { return array.type->id() == arrow::Type::NA; }

// Every `stride`-th bit.
arrow::Result<std::shared_ptr<arrow::Buffer>> PickBits(const arrow::Buffer& bits, int64_t count,
                                                       int64_t stride, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto picked, arrow::AllocateEmptyBitmap(count, pool));
  for (int64_t i = 0; i < count; ++i) {
    arrow::bit_util::SetBitTo(picked->mutable_data(), i,
                              arrow::bit_util::GetBit(bits.data(), i * stride));
  }
  return picked;
}

}  // namespace

StructPathAssembler::StructPathAssembler(std::shared_ptr<const LeafPath> path,
                                         std::unique_ptr<ColumnAssembler> leaf, int64_t num_slots,
                                         arrow::MemoryPool* pool)
    : path_(std::move(path)),
      leaf_(std::move(leaf)),
      num_slots_(num_slots),
      pool_(pool),
      slots_per_value_(path_->layers().size()) {
  int64_t slots = 1;
  for (size_t i = slots_per_value_.size(); i-- > 0;) {
    const PathLayer& layer = path_->layers()[i];
    if (layer.kind == PathLayer::Kind::kFixedSizeList) slots *= layer.dimension;
    slots_per_value_[i] = slots;
    validity_.emplace_back(num_slots, pool);
  }
}

arrow::Status StructPathAssembler::Append(const DecodedRows& rows, std::span<const RowRun> runs) {
  auto array = rows.array;
  for (auto& validity : validity_) {
    if (array->buffers[0] != nullptr) {
      const uint8_t* source = array->buffers[0]->data();
      ARROW_ASSIGN_OR_RAISE(uint8_t* bits, validity.Bits());
      for (const RowRun& run : runs) {
        if (run.count == 1) {
          arrow::bit_util::SetBitTo(bits, run.slot, arrow::bit_util::GetBit(source, run.row));
        } else {
          arrow::internal::CopyBitmap(source, run.row, run.count, bits, run.slot);
        }
      }
    }
    array = array->child_data[0];
  }
  if (IsNullArray(*array)) return leaf_->AppendNulls(runs);
  return leaf_->Append({std::move(array)}, runs);
}

arrow::Status StructPathAssembler::NullLayersFrom(size_t layer, std::span<const RowRun> runs) {
  for (; layer < validity_.size(); ++layer) {
    ARROW_ASSIGN_OR_RAISE(uint8_t* bits, validity_[layer].Bits());
    for (const RowRun& run : runs) {
      arrow::bit_util::SetBitsTo(bits, run.slot, run.count, false);
    }
  }
  return leaf_->AppendNulls(runs);
}

arrow::Status StructPathAssembler::AppendNulls(std::span<const RowRun> runs) {
  return NullLayersFrom(0, runs);
}

arrow::Status StructPathAssembler::AppendLayers(const DecodedRows& rows, size_t num_layers,
                                                std::span<const RowRun> runs) {
  const arrow::ArrayData* array = rows.array.get();
  for (size_t i = 0; i < num_layers; ++i) {
    if (array->buffers[0] != nullptr) {
      ARROW_ASSIGN_OR_RAISE(uint8_t* bits, validity_[i].Bits());
      for (const RowRun& run : runs) {
        for (uint32_t k = 0; k < run.count; ++k) {
          const int64_t value = (int64_t{run.row} + k) / slots_per_value_[i];
          arrow::bit_util::SetBitTo(bits, int64_t{run.slot} + k,
                                    arrow::bit_util::GetBit(array->buffers[0]->data(), value));
        }
      }
    }
    array = array->child_data[0].get();
  }
  if (num_layers == validity_.size() && path_->kind() == LeafKind::kEmptyStruct) {
    return leaf_->Append({}, runs);  // which has nothing but validity
  }
  return NullLayersFrom(num_layers, runs);
}

uint8_t* StructPathAssembler::FillInPlace(uint32_t slot, uint32_t count) {
  return leaf_->FillInPlace(slot, count);
}

void StructPathAssembler::Keep(std::shared_ptr<const void> owner) { leaf_->Keep(std::move(owner)); }

arrow::Status StructPathAssembler::NullLayer(size_t layer, uint32_t slot) {
  ARROW_ASSIGN_OR_RAISE(uint8_t* bits, validity_[layer].Bits());
  arrow::bit_util::ClearBit(bits, slot);
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> StructPathAssembler::Finish() {
  std::vector<std::shared_ptr<arrow::DataType>> types = {path_->type()};
  for (size_t i = 1; i < validity_.size(); ++i) types.push_back(types.back()->field(0)->type());
  ARROW_ASSIGN_OR_RAISE(auto array, leaf_->Finish());
  for (size_t i = validity_.size(); i-- > 0;) {
    const int64_t length = num_slots_ / slots_per_value_[i];
    auto bitmap = validity_[i].Release();
    if (bitmap != nullptr && slots_per_value_[i] > 1) {
      ARROW_ASSIGN_OR_RAISE(bitmap, PickBits(*bitmap, length, slots_per_value_[i], pool_));
    }
    const int64_t null_count = bitmap == nullptr ? 0 : arrow::kUnknownNullCount;
    auto outer = arrow::ArrayData::Make(types[i], length, {std::move(bitmap)}, null_count);
    outer->child_data = {std::move(array)};
    array = std::move(outer);
  }
  return array;
}

ListPathAssembler::ListPathAssembler(std::shared_ptr<const LeafPath> path, int64_t num_slots,
                                     arrow::MemoryPool* pool)
    : path_(std::move(path)), num_slots_(num_slots), pool_(pool) {}

void ListPathAssembler::Note(Source source, std::span<const RowRun> runs) {
  const auto number = static_cast<uint32_t>(sources_.size());
  sources_.push_back(std::move(source));
  for (const RowRun& run : runs) pieces_.push_back({number, run});
}

arrow::Status ListPathAssembler::Append(const DecodedRows& rows, std::span<const RowRun> runs) {
  // The leaf is below all layers.
  Note({rows, path_->layers().size() + 1}, runs);
  return arrow::Status::OK();
}

arrow::Status ListPathAssembler::AppendNulls(std::span<const RowRun> runs) {
  Note({}, runs);
  return arrow::Status::OK();
}

arrow::Status ListPathAssembler::AppendLayers(const DecodedRows& rows, size_t num_layers,
                                              std::span<const RowRun> runs) {
  Note({rows, num_layers}, runs);
  return arrow::Status::OK();
}

uint8_t* ListPathAssembler::FillInPlace(uint32_t /*slot*/, uint32_t /*count*/) { return nullptr; }

void ListPathAssembler::Keep(std::shared_ptr<const void> /*owner*/) {}  // rows own their memory

arrow::Result<std::vector<ListPathAssembler::Range>> ListPathAssembler::TopRanges() {
  // Pieces of one slot in the order of their chunks, in which these were appended.
  const auto by_slot = [](const Piece& a, const Piece& b) {
    return a.run.slot != b.run.slot ? a.run.slot < b.run.slot : a.source < b.source;
  };
  if (!std::is_sorted(pieces_.begin(), pieces_.end(), by_slot)) {
    std::sort(pieces_.begin(), pieces_.end(), by_slot);
  }
  std::vector<Range> ranges;
  ranges.reserve(pieces_.size());
  int64_t next_slot = 0;
  for (const Piece& piece : pieces_) {
    const Source& source = sources_[piece.source];
    Range range{nullptr, source.num_layers, piece.run.row, piece.run.count, 0};
    if (source.num_layers > 0) range.array = source.rows.array.get();
    if (piece.run.row == 0) range.continued_lists = source.rows.continued_lists;
    if (piece.run.slot != next_slot - (range.continued_lists > 0)) {
      return arrow::Status::SerializationError("the parts of a row do not follow each other");
    }
    next_slot = int64_t{piece.run.slot} + piece.run.count;
    ranges.push_back(range);
  }
  if (next_slot != num_slots_) {
    return arrow::Status::SerializationError("a column of ", next_slot, " rows, not ", num_slots_);
  }
  return ranges;
}

arrow::Status ListPathAssembler::AddValidity(const std::vector<Range>& ranges,
                                             arrow::ArrayData* layer) const {
  SlotBitmap validity(layer->length, pool_);
  int64_t slot = 0;
  for (const Range& range : ranges) {
    const int64_t skipped = range.count - range.num_new();
    if (range.array == nullptr) {
      ARROW_ASSIGN_OR_RAISE(uint8_t* bits, validity.Bits());
      arrow::bit_util::SetBitsTo(bits, slot, range.count, false);
    } else if (const auto& source = range.array->buffers[0]; source != nullptr) {
      ARROW_ASSIGN_OR_RAISE(uint8_t* bits, validity.Bits());
      arrow::internal::CopyBitmap(source->data(), range.begin + skipped, range.num_new(), bits,
                                  slot);
    }
    slot += range.num_new();
  }
  layer->null_count = validity.is_all_set() ? 0 : arrow::kUnknownNullCount;
  layer->buffers[0] = validity.Release();
  return arrow::Status::OK();
}

template <typename Offset>
arrow::Status ListPathAssembler::AddOffsets(std::vector<Range>* ranges,
                                            arrow::ArrayData* layer) const {
  ARROW_ASSIGN_OR_RAISE(
      auto buffer,
      arrow::AllocateBuffer((layer->length + 1) * static_cast<int64_t>(sizeof(Offset)), pool_));
  auto* ends = reinterpret_cast<Offset*>(buffer->mutable_data());
  *ends = 0;  // the begin of the first list; ends[1] is where it ends
  int64_t num_items = 0;
  for (Range& range : *ranges) {
    if (range.array == nullptr) {
      std::fill(ends + 1, ends + 1 + range.count, static_cast<Offset>(num_items));
      ends += range.count;
      range.begin = range.count = 0;
      continue;
    }
    const auto* offsets = range.array->GetValues<Offset>(1) + range.begin;
    const int64_t first = offsets[0];
    const int64_t count = offsets[range.count] - first;
    const bool continues = range.continued_lists > 0;
    if (continues) --range.continued_lists;
    // Where the first item goes on with the last one so far, it is no new item: lists in a list
    // that goes on do, and no others.
    const int64_t base = num_items - (range.continued_lists > 0);
    // And the list that goes on has it, so it has items already.
    if (range.continued_lists > 0 && ends[0] == ends[-1]) {
      return arrow::Status::SerializationError("a list goes on that did not begin");
    }
    if (base + count > std::numeric_limits<Offset>::max()) {
      return arrow::Status::CapacityError("the lists of a batch have more than ",
                                          std::numeric_limits<Offset>::max(),
                                          " items: read fewer rows at a time");
    }
    // The list that goes on ends later; the others are new.
    Offset* end = continues ? ends : ends + 1;
    const int64_t shift = base - first;
    for (int64_t i = 1; i <= range.count; ++i) {
      *end++ = static_cast<Offset>(offsets[i] + shift);
    }
    ends = end - 1;
    num_items = base + count;
    range.begin = first;
    range.count = count;
  }
  layer->buffers.push_back(std::move(buffer));
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ListPathAssembler::FinishLeaf(
    const std::vector<Range>& ranges) {
  int64_t num_items = 0;
  for (const Range& range : ranges) num_items += range.count;
  if (num_items > UINT32_MAX) {
    return arrow::Status::CapacityError("the lists of a batch have ", num_items,
                                        " items: read fewer rows at a time");
  }
  if (path_->kind() == LeafKind::kEmptyStruct) {
    return arrow::ArrayData::Make(path_->leaf_type(), num_items, {nullptr}, 0);
  }
  ARROW_ASSIGN_OR_RAISE(auto leaf,
                        Make(LeafPath::Flat(path_->leaf_type(), path_->kind()), num_items, pool_));
  std::vector<RowRun> runs;
  uint32_t slot = 0;
  for (size_t i = 0; i < ranges.size();) {
    const auto* array = ranges[i].array;
    runs.clear();
    for (; i < ranges.size() && ranges[i].array == array; ++i) {
      if (ranges[i].count == 0) continue;
      runs.push_back(
          {static_cast<uint32_t>(ranges[i].begin), slot, static_cast<uint32_t>(ranges[i].count)});
      slot += static_cast<uint32_t>(ranges[i].count);
    }
    if (array == nullptr || IsNullArray(*array)) {
      ARROW_RETURN_NOT_OK(leaf->AppendNulls(runs));
    } else {
      // Not an owner: sources_ are, until the leaf is finished.
      const std::shared_ptr<const arrow::ArrayData> borrowed(std::shared_ptr<void>(), array);
      ARROW_RETURN_NOT_OK(leaf->Append({borrowed}, runs));
    }
  }
  return leaf->Finish();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ListPathAssembler::Finish() {
  ARROW_ASSIGN_OR_RAISE(auto ranges, TopRanges());
  std::shared_ptr<arrow::ArrayData> column;
  arrow::ArrayData* parent = nullptr;
  auto type = path_->type();
  for (const PathLayer& path_layer : path_->layers()) {
    int64_t length = 0;
    for (const Range& range : ranges) length += range.num_new();
    auto layer = arrow::ArrayData::Make(type, length, {nullptr});
    ARROW_RETURN_NOT_OK(AddValidity(ranges, layer.get()));
    if (path_layer.kind == PathLayer::Kind::kList) {
      ARROW_RETURN_NOT_OK(AddOffsets<int32_t>(&ranges, layer.get()));
    } else if (path_layer.kind == PathLayer::Kind::kLargeList) {
      ARROW_RETURN_NOT_OK(AddOffsets<int64_t>(&ranges, layer.get()));
    }
    for (Range& range : ranges) {
      if (range.array == nullptr) continue;
      range.array = --range.num_layers == 0 ? nullptr : range.array->child_data[0].get();
    }
    type = type->field(0)->type();
    auto* next_parent = layer.get();
    if (parent == nullptr) {
      column = std::move(layer);
    } else {
      parent->child_data = {std::move(layer)};
    }
    parent = next_parent;
  }
  ARROW_ASSIGN_OR_RAISE(auto leaf, FinishLeaf(ranges));
  parent->child_data = {std::move(leaf)};
  pieces_.clear();
  sources_.clear();
  return column;
}

}  // namespace croupier::format
