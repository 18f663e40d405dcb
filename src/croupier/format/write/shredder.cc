#include "croupier/format/write/shredder.h"

#include <algorithm>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/extension_type.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

namespace croupier::format {

namespace {

using ArrayPtr = std::shared_ptr<arrow::ArrayData>;

arrow::Status NullNotAllowed(const std::string& name) {
  return arrow::Status::Invalid("column '", name, "' has a null, which its schema does not allow");
}

LeafNulls NullsOf(const arrow::ArrayData& array) {
  if (array.type->id() == arrow::Type::NA) return {nullptr, 0, true};
  if (array.buffers.empty() || array.buffers[0] == nullptr || array.null_count == 0) return {};
  return {array.buffers[0], array.offset, false};
}

// The offsets of a list array, from its first slot on.
struct ListOffsets {
  explicit ListOffsets(const arrow::ArrayData& list, bool is_large)
      : wide(is_large ? list.GetValues<int64_t>(1) : nullptr),
        narrow(is_large ? nullptr : list.GetValues<int32_t>(1)) {}

  int64_t at(int64_t slot) const { return wide != nullptr ? wide[slot] : int64_t{narrow[slot]}; }

  const int64_t* wide;
  const int32_t* narrow;
};

ArrayPtr ChildOf(const ArrayPtr& array, const WriteLayer& layer) {
  return array->child_data[static_cast<size_t>(layer.child)];
}

// Takes the rows of one column apart, layer by layer from the outermost.
class Shredder {
 public:
  Shredder(const LeafPlan& plan, ShreddedRows* rows) : plan_(plan), rows_(rows) {
    // Numbers count from the leaf: one for each item, two (null, empty) for each list.
    int number = 1;
    int num_lists = 0;
    for (const auto& layer : plan.layers) {
      number += layer.layer.is_list() ? 2 : 1;
      num_lists += layer.layer.is_list() ? 1 : 0;
    }
    number_ = static_cast<uint16_t>(number);
    num_lists_ = static_cast<uint16_t>(num_lists);
    special_from_ = static_cast<uint16_t>(number + 1);
  }

  arrow::Status Run(ArrayPtr array, int64_t begin, int64_t num_rows, arrow::MemoryPool* pool) {
    rows_->num_rows = num_rows * plan_.page_rows_per_row();
    rows_->num_levels = num_rows;
    rows_->ranges = {{begin, begin + num_rows}};
    if (num_lists_ > 0) {
      rows_->rep.assign(static_cast<size_t>(num_rows), num_lists_);
      rows_->def.assign(static_cast<size_t>(num_rows), 0);
    }
    for (const auto& layer : plan_.layers) {
      if (layer.layer.is_list()) {
        ARROW_RETURN_NOT_OK(EnterList(*array, layer));
      } else {
        ARROW_RETURN_NOT_OK(MarkNulls(NullsOf(*array), layer.is_nullable, layer.name));
        if (layer.layer.kind == PathLayer::Kind::kFixedSizeList) {
          EnterFixedSizeList(layer.layer.dimension);
        }
        // Arrays of items lie beside that of their struct, whose offset they share.
        const int64_t scale =
            layer.layer.kind == PathLayer::Kind::kFixedSizeList ? layer.layer.dimension : 1;
        for (auto& range : rows_->ranges) {
          range.begin += array->offset * scale;
          range.end += array->offset * scale;
        }
      }
      array = ChildOf(array, layer);
    }
    ARROW_ASSIGN_OR_RAISE(const auto nulls, LeafNulls::Of(plan_, *array, pool));
    ARROW_RETURN_NOT_OK(MarkNulls(nulls, plan_.is_nullable, plan_.name));
    for (const SlotRange& range : rows_->ranges) rows_->num_values += range.size();
    const bool is_zero =
        std::all_of(rows_->def.begin(), rows_->def.end(), [](uint16_t def) { return def == 0; });
    if (is_zero) rows_->def.clear();
    rows_->leaf = std::move(array);
    return arrow::Status::OK();
  }

 private:
  // Give entries the number of an item layer where its slot is null.
  arrow::Status MarkNulls(const LeafNulls& nulls, bool is_nullable, const std::string& name) {
    const uint16_t number = number_--;
    if (nulls.bitmap == nullptr && !nulls.are_all) return arrow::Status::OK();
    auto& def = rows_->def;
    def.resize(static_cast<size_t>(rows_->num_levels), 0);
    size_t entry = 0;
    bool found = false;
    const uint8_t* bitmap = nulls.are_all ? nullptr : nulls.bitmap->data();
    for (const SlotRange& range : rows_->ranges) {
      for (int64_t slot = range.begin; slot < range.end; ++slot, ++entry) {
        while (def[entry] >= special_from_) ++entry;
        if (bitmap != nullptr && arrow::bit_util::GetBit(bitmap, nulls.offset_bits + slot)) {
          continue;
        }
        if (def[entry] != 0) continue;
        def[entry] = number;
        found = true;
      }
    }
    if (found && !is_nullable) return NullNotAllowed(name);
    return arrow::Status::OK();
  }

  // Repeat every entry for each item.
  void EnterFixedSizeList(int64_t dimension) {
    auto& def = rows_->def;
    if (!def.empty()) {
      std::vector<uint16_t> repeated;
      repeated.reserve(def.size() * static_cast<size_t>(dimension));
      for (const uint16_t one : def) {
        repeated.insert(repeated.end(), static_cast<size_t>(dimension), one);
      }
      def = std::move(repeated);
    }
    rows_->num_levels *= dimension;
    for (auto& range : rows_->ranges) {
      range.begin *= dimension;
      range.end *= dimension;
    }
  }

  // Turn each entry into those of a list's items.
  arrow::Status EnterList(const arrow::ArrayData& list, const WriteLayer& layer) {
    const auto empty = static_cast<uint16_t>(number_--);
    const auto null = static_cast<uint16_t>(number_--);
    const uint16_t list_number = num_lists_--;
    const bool is_large = layer.layer.kind == PathLayer::Kind::kLargeList;
    const auto nulls = NullsOf(list);
    const uint8_t* bitmap = nulls.bitmap == nullptr ? nullptr : nulls.bitmap->data();
    const ListOffsets offsets(list, is_large);
    std::vector<uint16_t> rep;
    std::vector<uint16_t> def;
    rep.reserve(rows_->rep.size());
    def.reserve(rows_->rep.size());
    std::vector<SlotRange> ranges;
    bool found_null = false;
    size_t entry = 0;
    const auto keep = [&](uint16_t with_def) {
      const uint16_t old_rep = rows_->rep[entry];
      rep.push_back(old_rep != 0 ? old_rep : list_number);
      def.push_back(with_def);
    };
    const auto keep_special = [&] {
      for (; entry < rows_->def.size() && rows_->def[entry] >= special_from_; ++entry) {
        rep.push_back(rows_->rep[entry]);
        def.push_back(rows_->def[entry]);
      }
    };
    for (const SlotRange& range : rows_->ranges) {
      for (int64_t slot = range.begin; slot < range.end; ++slot, ++entry) {
        keep_special();
        if (rows_->def[entry] != 0) {  // hidden by a null struct
          keep(rows_->def[entry]);
          continue;
        }
        if (bitmap != nullptr && !arrow::bit_util::GetBit(bitmap, nulls.offset_bits + slot)) {
          keep(null);
          found_null = true;
          continue;
        }
        const int64_t begin = offsets.at(slot);
        const int64_t end = offsets.at(slot + 1);
        if (begin == end) {
          keep(empty);
          continue;
        }
        keep(0);
        rep.resize(rep.size() + static_cast<size_t>(end - begin - 1), 0);
        def.resize(rep.size(), 0);
        if (!ranges.empty() && ranges.back().end == begin) {
          ranges.back().end = end;
        } else {
          ranges.push_back({begin, end});
        }
      }
    }
    keep_special();
    if (found_null && !layer.is_nullable) return NullNotAllowed(layer.name);
    rows_->rep = std::move(rep);
    rows_->def = std::move(def);
    rows_->num_levels = static_cast<int64_t>(rows_->rep.size());
    rows_->ranges = std::move(ranges);
    special_from_ = null;
    return arrow::Status::OK();
  }

  const LeafPlan& plan_;
  ShreddedRows* rows_;
  uint16_t number_ = 0;        // the largest of the next layer
  uint16_t num_lists_ = 0;     // from the next layer inwards
  uint16_t special_from_ = 0;  // entries of these levels have no slot in the arrays that follow
};

// The bitmap of slots whose index and item are both valid.
arrow::Result<LeafNulls> DictionaryNulls(const arrow::ArrayData& leaf, arrow::MemoryPool* pool) {
  if (leaf.dictionary == nullptr || leaf.dictionary->GetNullCount() == 0) return NullsOf(leaf);
  auto items = NullsOf(*leaf.dictionary);
  if (items.are_all) return items;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bitmap,
                        arrow::AllocateEmptyBitmap(leaf.offset + leaf.length, pool));
  const auto& type = static_cast<const arrow::DictionaryType&>(*leaf.type);
  const auto width = static_cast<size_t>(type.index_type()->byte_width());
  for (int64_t slot = 0; slot < leaf.length; ++slot) {
    const int64_t place = leaf.offset + slot;
    if (leaf.buffers[0] != nullptr && !arrow::bit_util::GetBit(leaf.buffers[0]->data(), place)) {
      continue;
    }
    uint64_t index = 0;
    std::memcpy(&index, leaf.buffers[1]->data() + static_cast<size_t>(place) * width, width);
    if (index >= static_cast<uint64_t>(leaf.dictionary->length)) {
      return arrow::Status::Invalid("a dictionary of ", leaf.dictionary->length,
                                    " items has no item ", index);
    }
    const bool is_valid = arrow::bit_util::GetBit(items.bitmap->data(),
                                                  items.offset_bits + static_cast<int64_t>(index));
    arrow::bit_util::SetBitTo(bitmap->mutable_data(), place, is_valid);
  }
  return LeafNulls{std::move(bitmap), leaf.offset, false};
}

// A blob is null where it has neither data nor a place.
arrow::Result<LeafNulls> BlobNulls(const arrow::ArrayData& leaf, arrow::MemoryPool* pool) {
  auto nulls = NullsOf(leaf);
  const bool is_extension = leaf.type->id() == arrow::Type::EXTENSION;
  const auto& type = is_extension
                         ? *static_cast<const arrow::ExtensionType&>(*leaf.type).storage_type()
                         : *leaf.type;
  if (type.id() != arrow::Type::STRUCT) return nulls;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bitmap,
                        arrow::AllocateEmptyBitmap(leaf.offset + leaf.length, pool));
  for (size_t i = 0; i < 2 && i < leaf.child_data.size(); ++i) {
    const auto& member = *leaf.child_data[i];
    const auto member_nulls = NullsOf(member);
    if (member_nulls.are_all) continue;
    for (int64_t place = leaf.offset; place < leaf.offset + leaf.length; ++place) {
      if (member_nulls.bitmap == nullptr ||
          arrow::bit_util::GetBit(member_nulls.bitmap->data(), member.offset + place)) {
        arrow::bit_util::SetBit(bitmap->mutable_data(), place);
      }
    }
  }
  if (nulls.bitmap != nullptr) {
    arrow::internal::BitmapAnd(bitmap->data(), leaf.offset, nulls.bitmap->data(), leaf.offset,
                               leaf.length, leaf.offset, bitmap->mutable_data());
  }
  return LeafNulls{std::move(bitmap), leaf.offset, false};
}

}  // namespace

arrow::Result<LeafNulls> LeafNulls::Of(const LeafPlan& plan, const arrow::ArrayData& leaf,
                                       arrow::MemoryPool* pool) {
  switch (plan.kind) {
    case WriteKind::kEmptyStruct:
      if (leaf.GetNullCount() > 0) {
        return arrow::Status::NotImplemented("column '", plan.name,
                                             "': the Lance format has no null structs without "
                                             "members");
      }
      return LeafNulls{};
    case WriteKind::kBlobV1:
    case WriteKind::kBlobV2:
      return BlobNulls(leaf, pool);
    default:
      break;
  }
  if (leaf.type->id() == arrow::Type::DICTIONARY) return DictionaryNulls(leaf, pool);
  return NullsOf(leaf);
}

arrow::Result<ShreddedRows> Shred(const LeafPlan& plan, const ArrayPtr& column, int64_t begin,
                                  int64_t num_rows, arrow::MemoryPool* pool) {
  ShreddedRows rows;
  ARROW_RETURN_NOT_OK(Shredder(plan, &rows).Run(column, begin, num_rows, pool));
  return rows;
}

SlotRange FindLeafSlots(const LeafPlan& plan, const ArrayPtr& column, int64_t begin,
                        int64_t num_rows, ArrayPtr* leaf) {
  SlotRange slots{begin, begin + num_rows};
  *leaf = column;
  for (const auto& layer : plan.layers) {
    const arrow::ArrayData& array = **leaf;
    switch (layer.layer.kind) {
      case PathLayer::Kind::kStruct:
        slots = {slots.begin + array.offset, slots.end + array.offset};
        break;
      case PathLayer::Kind::kFixedSizeList:
        slots = {(slots.begin + array.offset) * layer.layer.dimension,
                 (slots.end + array.offset) * layer.layer.dimension};
        break;
      case PathLayer::Kind::kList:
      case PathLayer::Kind::kLargeList: {
        if (slots.size() == 0) {
          *leaf = nullptr;
          return {};
        }
        const ListOffsets offsets(array, layer.layer.kind == PathLayer::Kind::kLargeList);
        slots = {offsets.at(slots.begin), offsets.at(slots.end)};
        break;
      }
    }
    *leaf = ChildOf(*leaf, layer);
  }
  return slots;
}

}  // namespace croupier::format
