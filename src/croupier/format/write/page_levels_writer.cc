#include "croupier/format/write/page_levels_writer.h"

#include <algorithm>
#include <array>
#include <bit>

#include "croupier/format/encoding/bitpacking.h"
#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/encoding/rle.h"
#include "croupier/format/kernel/bit_pack.h"

namespace croupier::format {

namespace {

constexpr int kLevelBits = 16;

}  // namespace

WrittenLevels NumberLevels(const LeafPlan& plan, int64_t num_levels, std::span<const uint16_t> rep,
                           std::span<const uint16_t> def, std::vector<uint16_t>* renumbered) {
  WrittenLevels levels;
  levels.num_levels = num_levels;
  levels.rep = rep;
  levels.num_valid = num_levels;
  // How often each level occurs.
  size_t num_numbers = 2;
  for (const auto& layer : plan.layers) {
    num_numbers += layer.layer.is_list() ? 2 : 1;
    levels.max_rep = static_cast<uint16_t>(levels.max_rep + (layer.layer.is_list() ? 1 : 0));
  }
  std::vector<int64_t> counts(num_numbers, 0);
  counts[0] = def.empty() ? num_levels : 0;
  for (const uint16_t level : def) ++counts[level];
  levels.num_valid = counts[0];

  // The outermost layer that is null somewhere, up to the innermost list.
  uint16_t outermost_null = 0;
  uint16_t number = 1;
  for (auto layer = plan.layers.rbegin();; ++layer, ++number) {
    if (counts[number] > 0) outermost_null = number;
    if (layer == plan.layers.rend() || layer->layer.is_list()) break;
  }
  std::vector<uint16_t> number_of(num_numbers, 0);
  uint16_t from = 1;
  uint16_t to = 1;
  bool is_above_list = false;
  bool is_outside = false;  // of a list of any kind, whose items the entries are
  bool has_item_outside = false;
  const auto take = [&] { number_of[from++] = to++; };
  const auto add_item = [&] {
    const bool is_nullable = is_outside || from <= outermost_null || counts[0] == 0;
    levels.layers.push_back(is_nullable ? RepDefLayer::kNullableItem : RepDefLayer::kAllValidItem);
    is_nullable ? take() : void(++from);
    has_item_outside = is_outside;
    if (!is_above_list) levels.max_visible_def = static_cast<uint16_t>(to - 1);
  };
  add_item();
  for (auto layer = plan.layers.rbegin(); layer != plan.layers.rend(); ++layer) {
    if (layer->layer.is_list()) {
      is_above_list = true;
      is_outside = true;
      levels.layers.push_back(RepDefLayer::kNullAndEmptyList);
      take();
      take();
    } else {
      is_outside = is_outside || layer->layer.kind == PathLayer::Kind::kFixedSizeList;
      add_item();
    }
  }
  bool is_same = true;
  for (size_t level = 1; level < num_numbers; ++level) {
    if (counts[level] == 0) continue;
    levels.max_def = number_of[level];
    is_same = is_same && number_of[level] == level;
  }
  if (levels.max_def == 0) {
    if (!has_item_outside) return levels;
    renumbered->assign(static_cast<size_t>(num_levels), 0);
    levels.def = *renumbered;
    return levels;
  }
  levels.def = def;
  if (is_same) return levels;
  renumbered->resize(def.size());
  std::transform(def.begin(), def.end(), renumbered->begin(),
                 [&](uint16_t level) { return number_of[level]; });
  levels.def = *renumbered;
  return levels;
}

LevelEncoder::LevelEncoder(std::span<const uint16_t> levels, uint16_t max_level, bool allows_runs)
    : levels_(levels), width_(std::bit_width(max_level)) {
  const auto count = static_cast<int64_t>(levels.size());
  int64_t size = 2 * count;
  if (width_ < kLevelBits && count > 64 * int64_t{width_}) {
    method_ = count <= kBitpackedBlockValues ? Method::kInline : Method::kOutOfLine;
    size = BytesForValues(count, width_);
  }
  if (allows_runs) {
    // Runs of more than 255 are several; a little is added for the frame of each chunk.
    int64_t num_runs = 1 + count / 255;
    for (size_t i = 1; i < levels.size(); ++i) num_runs += levels[i] != levels[i - 1] ? 1 : 0;
    if (num_runs * 3 + 8 * (1 + count / kBitpackedBlockValues) < size) method_ = Method::kRuns;
  }
  switch (method_) {
    case Method::kFlat:
      encoding_ = MakeFlat(kLevelBits);
      break;
    case Method::kInline:
      encoding_ = MakeEncoding(InlineBitpackingEncoding{kLevelBits});
      break;
    case Method::kOutOfLine:
      encoding_ = MakeEncoding(
          OutOfLineBitpackingEncoding{kLevelBits, MakeFlat(static_cast<uint64_t>(width_))});
      break;
    case Method::kRuns:
      encoding_ = MakeEncoding(RleEncoding{MakeFlat(kLevelBits), MakeFlat(8)});
      break;
  }
}

void LevelEncoder::Encode(int64_t begin, int64_t end, OutputBytes* out) const {
  const auto levels = levels_.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  const auto* bytes = reinterpret_cast<const uint8_t*>(levels.data());
  switch (method_) {
    case Method::kFlat:
      out->Append(bytes, levels.size_bytes());
      break;
    case Method::kInline:
      EncodeInlineBitpacking<uint16_t>(bytes, end - begin, out);
      break;
    case Method::kOutOfLine:
      EncodeOutOfLineBitpacking<uint16_t>(bytes, end - begin, width_, out);
      break;
    case Method::kRuns:
      EncodeRuns(levels, out);
      break;
  }
}

// The values of all runs behind how many bytes they take, then the lengths.
void LevelEncoder::EncodeRuns(std::span<const uint16_t> levels, OutputBytes* out) const {
  const auto* bytes = reinterpret_cast<const uint8_t*>(levels.data());
  const auto num_runs = CountRuns<uint16_t>(bytes, static_cast<int64_t>(levels.size()));
  out->AppendValue(static_cast<uint64_t>(num_runs) * 2);
  uint8_t* values = out->Grow(static_cast<size_t>(num_runs) * 3);
  EncodeRle<uint16_t>(bytes, static_cast<int64_t>(levels.size()), values, values + num_runs * 2);
}

}  // namespace croupier::format
