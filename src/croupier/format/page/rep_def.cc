#include "croupier/format/page/rep_def.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

namespace croupier::format {

namespace {

constexpr uint64_t kHighBits = 0x8000800080008000ULL;
constexpr uint64_t kLowBits = 0x0001000100010001ULL;

// Four bits from four levels of 16 bits, each 0 or 1: the product moves bit 16 * i to bit 60 + i.
uint64_t GatherFour(uint64_t levels) { return levels * 0x1000200040008000ULL >> 60; }

// Which of four levels are larger than `limit`; levels are below 2^15.
uint64_t LargerOfFour(const uint16_t* levels, uint16_t limit) {
  uint64_t four = 0;
  std::memcpy(&four, levels, sizeof(four));
  return GatherFour(((four + kLowBits * (0x7fffU - limit)) & kHighBits) >> 15);
}

bool AreFourZero(const uint16_t* levels) {
  uint64_t four = 0;
  std::memcpy(&four, levels, sizeof(four));
  return four == 0;
}

// The levels that are at most `limit` are valid; levels are below 2^15.
arrow::Result<Validity> ValidUpTo(uint16_t limit, const uint16_t* levels, int64_t count,
                                  arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto bitmap, arrow::AllocateEmptyBitmap(count, pool));
  uint8_t* bits = bitmap->mutable_data();
  int64_t null_count = 0;
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const uint64_t nulls = LargerOfFour(levels + i, limit) | LargerOfFour(levels + i + 4, limit)
                                                                 << 4;
    null_count += std::popcount(nulls);
    bits[i / 8] = static_cast<uint8_t>(~nulls);
  }
  for (; i < count; ++i) {
    null_count += levels[i] > limit;
    arrow::bit_util::SetBitTo(bits, i, levels[i] <= limit);
  }
  if (null_count == 0) return Validity{};
  return Validity{std::move(bitmap), null_count};
}

uint16_t MaxOf(const uint16_t* levels, int64_t count) {
  uint16_t max = 0;
  for (int64_t i = 0; i < count; ++i) max = std::max(max, levels[i]);
  return max;
}

bool IsListLayer(RepDefLayer layer) {
  return layer != RepDefLayer::kAllValidItem && layer != RepDefLayer::kNullableItem;
}

uint16_t NumDefLevels(RepDefLayer layer) {
  switch (layer) {
    case RepDefLayer::kAllValidItem:
    case RepDefLayer::kAllValidList:
      return 0;
    case RepDefLayer::kNullableItem:
    case RepDefLayer::kNullableList:
    case RepDefLayer::kEmptyableList:
      return 1;
    case RepDefLayer::kNullAndEmptyList:
      return 2;
  }
  return 0;
}

arrow::Status OutOfRange(const char* kind, uint16_t level, uint16_t max) {
  return arrow::Status::SerializationError("a ", kind, " level is out of range: ", level, " of ",
                                           max);
}

}  // namespace

// The levels that are left while layers are taken off, from the leaf outwards.
class PageLevels::Unraveling {
 public:
  Unraveling(const PageLevels& page, const Levels& levels, arrow::MemoryPool* pool)
      : page_(page), rep_(levels.rep), def_(levels.def), count_(levels.count), pool_(pool) {}

  // Check every level; afterwards definition levels are left out if all are 0.
  arrow::Status Check(int64_t num_items) {
    if (def_ != nullptr) {
      const uint16_t max_def = MaxOf(def_, count_);
      if (max_def > page_.max_def()) {
        return OutOfRange("definition", max_def, page_.max_def());
      }
      if (max_def == 0) def_ = nullptr;
    }
    int64_t num_visible = count_;
    if (rep_ != nullptr) {
      const uint16_t max_rep = MaxOf(rep_, count_);
      if (max_rep > page_.max_rep()) return OutOfRange("repetition", max_rep, page_.max_rep());
      if (def_ != nullptr) {
        ARROW_ASSIGN_OR_RAISE(num_visible, CheckPairs());
      }
    }
    if (num_visible == num_items) return arrow::Status::OK();
    return arrow::Status::SerializationError("the levels are those of ", num_visible,
                                             " values, there are ", num_items);
  }

  int64_t count() const { return count_; }
  uint16_t FirstRep() const { return rep_ != nullptr && count_ > 0 ? rep_[0] : page_.max_rep(); }

  // Take off the layer of a leaf, a struct or a fixed-size list.
  arrow::Result<Nesting::Layer> TakeItem(RepDefLayer layer) {
    Nesting::Layer taken;
    const uint16_t limit = base_;
    base_ = static_cast<uint16_t>(base_ + NumDefLevels(layer));
    taken.num_slots = count_;
    if (def_ == nullptr) return taken;
    // Entries of lists that are null or empty below this layer's depth have no slot here.
    std::vector<uint16_t> with_slot;
    const uint16_t* levels = def_;
    if (lists_ < page_.max_rep_) {
      for (int64_t i = 0; i < count_; ++i) {
        if (ListsBelow(def_[i]) <= lists_) with_slot.push_back(def_[i]);
      }
      levels = with_slot.data();
      taken.num_slots = std::ssize(with_slot);
    }
    if (layer == RepDefLayer::kAllValidItem) return taken;
    ARROW_ASSIGN_OR_RAISE(taken.validity, ValidUpTo(limit, levels, taken.num_slots, pool_));
    return taken;
  }

  // Take off the layer of a list.
  arrow::Result<Nesting::Layer> TakeList(RepDefLayer layer, bool is_large) {
    const uint16_t upper = static_cast<uint16_t>(base_ + NumDefLevels(layer));
    // The level of an empty list; other levels above base_ that have a slot here are nulls.
    const uint16_t empty =
        layer == RepDefLayer::kEmptyableList || layer == RepDefLayer::kNullAndEmptyList ? upper : 0;
    auto taken = def_ == nullptr ? TakeListOf<false>(empty) : TakeListOf<true>(empty);
    base_ = upper;
    ++lists_;
    if (taken.ok() && is_large) {
      ARROW_ASSIGN_OR_RAISE(taken->offsets, Widen(*taken->offsets, taken->num_slots + 1));
    }
    return taken;
  }

 private:
  uint16_t ListsBelow(uint16_t def) const { return page_.lists_below_[def]; }

  // An entry of a list that is null or empty begins a slot of that list.
  arrow::Result<int64_t> CheckPairs() const {
    int64_t num_visible = 0;
    for (int64_t i = 0; i < count_;) {
      if (i + 4 <= count_ && AreFourZero(rep_ + i) && AreFourZero(def_ + i)) {
        i += 4;
        num_visible += 4;
        continue;
      }
      if (rep_[i] < ListsBelow(def_[i])) {
        return arrow::Status::SerializationError("a repetition level of ", rep_[i],
                                                 " with the definition level ", def_[i]);
      }
      num_visible += def_[i] <= page_.max_visible_def_;
      ++i;
    }
    return num_visible;
  }

  template <bool kHasDef>
  arrow::Result<Nesting::Layer> TakeListOf(uint16_t empty) {
    Nesting::Layer taken;
    const bool continues = count_ > 0 && rep_[0] == 0;
    int64_t num_kept = continues;
    for (int64_t i = 0; i < count_; ++i) num_kept += rep_[i] != 0;
    ARROW_ASSIGN_OR_RAISE(taken.offsets, arrow::AllocateBuffer((num_kept + 1) * 4, pool_));
    auto* offsets = reinterpret_cast<int32_t*>(taken.offsets->mutable_data());
    uint8_t* bits = nullptr;
    if constexpr (kHasDef) {
      ARROW_ASSIGN_OR_RAISE(taken.validity.bitmap, arrow::AllocateBitmap(num_kept, pool_));
      bits = taken.validity.bitmap->mutable_data();
      std::memset(bits, 0xff, static_cast<size_t>(taken.validity.bitmap->size()));
    }
    std::vector<uint16_t> kept_rep(static_cast<size_t>(num_kept));
    std::vector<uint16_t> kept_def(kHasDef ? static_cast<size_t>(num_kept) : 0);
    size_t kept = 0;
    int64_t num_slots = 0;
    int32_t num_items = 0;  // of the lists so far
    int64_t i = 0;
    if (continues) {
      // The list of the rows before goes on: its slot here is valid, and so is what is above it.
      offsets[num_slots++] = 0;
      ++kept;
      num_items = 1;
      i = 1;
    }
    while (i < count_) {
      if (i + 4 <= count_ && AreFourZero(rep_ + i) && (!kHasDef || AreFourZero(def_ + i))) {
        num_items += 4;
        i += 4;
        continue;
      }
      const uint16_t rep = rep_[i];
      const uint16_t def = kHasDef ? def_[i] : uint16_t{0};
      ++i;
      if (rep == 0) {
        ++num_items;
        continue;
      }
      const uint16_t lists_below = kHasDef ? ListsBelow(def) : uint16_t{0};
      if (lists_below <= lists_ + 1) {
        if (kHasDef && lists_below == lists_ + 1 && def != empty) {
          arrow::bit_util::ClearBit(bits, num_slots);
          ++taken.validity.null_count;
        }
        offsets[num_slots++] = num_items;
      }
      num_items += lists_below <= lists_;
      kept_rep[kept] = static_cast<uint16_t>(rep - 1);
      if constexpr (kHasDef) kept_def[kept] = def;
      ++kept;
    }
    offsets[num_slots] = num_items;
    taken.num_slots = num_slots;
    if (taken.validity.null_count == 0) taken.validity.bitmap = nullptr;
    Keep(std::move(kept_rep), std::move(kept_def));
    return taken;
  }

  void Keep(std::vector<uint16_t> rep, std::vector<uint16_t> def) {
    owned_rep_ = std::move(rep);
    owned_def_ = std::move(def);
    count_ = std::ssize(owned_rep_);
    rep_ = owned_rep_.data();
    if (def_ != nullptr) def_ = owned_def_.data();
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Widen(const arrow::Buffer& offsets,
                                                      int64_t count) const {
    ARROW_ASSIGN_OR_RAISE(auto wide, arrow::AllocateBuffer(count * 8, pool_));
    const auto* from = reinterpret_cast<const int32_t*>(offsets.data());
    std::copy(from, from + count, reinterpret_cast<int64_t*>(wide->mutable_data()));
    return wide;
  }

  const PageLevels& page_;
  const uint16_t* rep_;  // of the lists that are left: 0 goes on in the innermost of them
  const uint16_t* def_;
  int64_t count_;
  arrow::MemoryPool* const pool_;
  uint16_t base_ = 0;   // definition levels of the layers that were taken off
  uint16_t lists_ = 0;  // among those layers
  std::vector<uint16_t> owned_rep_;
  std::vector<uint16_t> owned_def_;
};

arrow::Result<PageLevels> PageLevels::Make(const LeafPath& path,
                                           const std::vector<RepDefLayer>& layers,
                                           std::shared_ptr<arrow::DataType> array_type) {
  const auto& above = path.layers();
  const auto wrong_layers = [&] {
    return arrow::Status::SerializationError("page layout: the ", layers.size(),
                                             " layers of the page are not those of ",
                                             path.type()->ToString());
  };
  if (layers.size() != above.size() + 1 || IsListLayer(layers[0])) return wrong_layers();
  PageLevels page;
  page.layers_ = layers;
  page.null_above_.resize(above.size());
  page.lists_below_.push_back(0);
  page.is_large_.push_back(false);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (i > 0) {
      const PathLayer& layer = above[above.size() - i];
      if (IsListLayer(layers[i]) != layer.is_list()) return wrong_layers();
      page.is_large_.push_back(layer.kind == PathLayer::Kind::kLargeList);
      page.max_rep_ = static_cast<uint16_t>(page.max_rep_ + layer.is_list());
      // A layer that is always valid is never null, also where one above it is.
      page.null_above_[above.size() - i] =
          layers[i] == RepDefLayer::kAllValidItem ? UINT16_MAX : page.max_def();
    }
    page.lists_below_.resize(page.lists_below_.size() + NumDefLevels(layers[i]), page.max_rep_);
    if (page.max_rep_ == 0) page.max_visible_def_ = page.max_def();
  }
  // Types from the leaf outwards: each layer wraps those below it.
  page.types_.push_back(array_type);
  for (size_t i = above.size(); i-- > 0;) {
    page.types_.push_back(WrapInLayers({above[i]}, page.types_.back(), /*as_in_pages=*/true));
  }
  return page;
}

arrow::Result<Nesting> PageLevels::Unravel(const Levels& levels, int64_t num_items,
                                           arrow::MemoryPool* pool) const {
  if ((levels.rep != nullptr) != (max_rep_ > 0)) {
    return arrow::Status::SerializationError("repetition levels of ", max_rep_,
                                             " lists: ", levels.rep != nullptr ? "some" : "none");
  }
  if (levels.count > INT32_MAX - 1) {
    return arrow::Status::CapacityError("a chunk of ", levels.count, " levels");
  }
  Unraveling unraveling(*this, levels, pool);
  ARROW_RETURN_NOT_OK(unraveling.Check(num_items));
  Nesting nesting;
  nesting.continued_lists = max_rep_ - unraveling.FirstRep();
  ARROW_ASSIGN_OR_RAISE(auto leaf, unraveling.TakeItem(layers_[0]));
  nesting.num_items = num_items;
  nesting.leaf = std::move(leaf.validity);
  nesting.layers.resize(layers_.size() - 1);
  for (size_t i = 1; i < layers_.size(); ++i) {
    auto layer = IsListLayer(layers_[i]) ? unraveling.TakeList(layers_[i], is_large_[i])
                                         : unraveling.TakeItem(layers_[i]);
    ARROW_ASSIGN_OR_RAISE(nesting.layers[layers_.size() - 1 - i], std::move(layer));
  }
  nesting.num_rows = unraveling.count();
  return nesting;
}

DecodedRows PageLevels::Nest(Nesting nesting, std::shared_ptr<arrow::ArrayData> leaf) const {
  auto array = std::move(leaf);
  for (size_t i = 1; i < types_.size(); ++i) {
    Nesting::Layer& layer = nesting.layers[nesting.layers.size() - i];
    auto outer = arrow::ArrayData::Make(
        types_[i], layer.num_slots, {std::move(layer.validity.bitmap)}, layer.validity.null_count);
    if (layer.offsets != nullptr) outer->buffers.push_back(std::move(layer.offsets));
    outer->child_data = {std::move(array)};
    array = std::move(outer);
  }
  return {std::move(array), nesting.continued_lists};
}

int64_t PageLevels::CountValues(const Levels& levels) const {
  if (levels.def == nullptr) return levels.count;
  return std::count_if(levels.def, levels.def + levels.count,
                       [this](uint16_t def) { return def <= max_visible_def_; });
}

}  // namespace croupier::format
