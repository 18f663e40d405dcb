// The part of PageEncoder for pages without values of their own: all null, or all the same.
#include <cstring>
#include <string>
#include <utility>

#include <arrow/util/bit_util.h>

#include "croupier/format/write/page_encoder.h"

namespace croupier::format {

namespace {

constexpr size_t kMaxInlineBytes = 32;
constexpr int64_t kMaxLevelBytes = 256;

std::span<const uint8_t> BytesOf(std::span<const uint16_t> levels) {
  return {reinterpret_cast<const uint8_t*>(levels.data()), levels.size_bytes()};
}

// Calls `is_same(value)` with the index of each valid value after the first, until one is not;
// gives the first valid one, or -1.
template <typename IsSame>
int64_t FindConstant(const PageRows& rows, const WrittenLevels& levels, const IsSame& is_same) {
  const int64_t num_values = rows.values.num_values;
  if (levels.def.empty()) {
    for (int64_t i = 1; i < num_values; ++i) {
      if (!is_same(0, i)) return -1;
    }
    return 0;
  }
  int64_t first = -1;
  int64_t value = 0;
  for (size_t entry = 0; entry < levels.def.size(); ++entry) {
    if (levels.def[entry] == 0) {
      if (first < 0) {
        first = value;
      } else if (!is_same(first, value)) {
        return -1;
      }
    }
    if (levels.is_visible(entry)) ++value;
  }
  return first;
}

template <typename Offset>
void AppendScalar(const uint8_t* value, size_t size, OutputBytes* out) {
  out->AppendValue(uint32_t{2});
  out->AppendValue(static_cast<uint32_t>(2 * sizeof(Offset)));
  out->AppendValue(static_cast<uint32_t>(size));
  out->AppendValue(Offset{0});
  out->AppendValue(static_cast<Offset>(size));
  out->Append(value, size);
}

}  // namespace

PageLayout PageEncoder::EncodeAllNull(const LeafPlan& plan, const WrittenLevels& levels) {
  ConstantLayout layout;
  layout.layers = levels.layers;
  if (plan.layers.empty()) {
    layout.layers = {RepDefLayer::kNullableItem};
    return PageLayout{std::move(layout)};
  }
  if (!is_v2_2()) {
    buffers_ = {BytesOf(levels.rep), BytesOf(levels.def)};
    return PageLayout{std::move(layout)};
  }
  const auto encode = [](std::span<const uint16_t> values, uint16_t max_level, OutputBytes* out,
                         EncodingPtr* encoding, uint64_t* count) {
    if (values.empty()) return;
    const LevelEncoder encoder(values, max_level, /*allows_runs=*/true);
    encoder.Encode(0, std::ssize(values), out);
    *encoding = encoder.encoding();
    *count = values.size();
  };
  encode(levels.rep, levels.max_rep, &data_, &layout.rep_compression, &layout.num_rep_values);
  encode(levels.def, levels.max_def, &extra_, &layout.def_compression, &layout.num_def_values);
  buffers_ = {data_.bytes(), extra_.bytes()};
  return PageLayout{std::move(layout)};
}

bool PageEncoder::EncodeConstant(const PageRows& rows, const WrittenLevels& levels,
                                 ConstantLayout* layout) {
  const LeafValues& values = rows.values;
  const LeafShape& shape = *values.shape;
  const uint8_t* data = values.data;
  // Levels beside a constant are not compressed, and must not cost what the values would.
  const auto level_bytes = static_cast<int64_t>(levels.rep.size_bytes() + levels.def.size_bytes());
  if (level_bytes > kMaxLevelBytes && level_bytes * 4 > values.SizeOf(0, values.num_values)) {
    return false;
  }
  int64_t first = -1;
  if (shape.kind == LeafShape::Kind::kVariable) {
    first = FindConstant(rows, levels, [&](int64_t a, int64_t b) {
      const int64_t size = values.SizeOf(a, a + 1);
      return values.SizeOf(b, b + 1) == size &&
             std::memcmp(data + values.offset(a), data + values.offset(b),
                         static_cast<size_t>(size)) == 0;
    });
  } else if (shape.kind == LeafShape::Kind::kFixed && shape.dimensions.empty()) {
    const auto size = static_cast<size_t>(shape.item_bits / 8);
    first = FindConstant(rows, levels, [&](int64_t a, int64_t b) {
      if (size == 0) {
        return arrow::bit_util::GetBit(data, a) == arrow::bit_util::GetBit(data, b);
      }
      return std::memcmp(data + static_cast<size_t>(a) * size, data + static_cast<size_t>(b) * size,
                         size) == 0;
    });
  }
  if (first < 0) return false;
  if (shape.kind == LeafShape::Kind::kVariable) {
    const uint8_t* value = data + values.offset(first);
    const auto size = static_cast<size_t>(values.SizeOf(first, first + 1));
    if (size > UINT32_MAX) return false;
    shape.offset_bits == 32 ? AppendScalar<int32_t>(value, size, &extra_)
                            : AppendScalar<int64_t>(value, size, &extra_);
    buffers_.push_back(extra_.bytes());
  } else if (shape.item_bits == 1) {
    layout->inline_value = std::string(1, arrow::bit_util::GetBit(data, first) ? '\1' : '\0');
  } else {
    const auto size = static_cast<size_t>(shape.item_bits / 8);
    const uint8_t* value = data + static_cast<size_t>(first) * size;
    if (size <= kMaxInlineBytes) {
      layout->inline_value = std::string(value, value + size);
    } else {
      extra_.AppendValue(uint32_t{1});
      extra_.AppendValue(static_cast<uint32_t>(size));
      extra_.Append(value, size);
      buffers_.push_back(extra_.bytes());
    }
  }
  layout->layers = levels.layers;
  if (!levels.def.empty() || !levels.rep.empty()) {
    buffers_.push_back(BytesOf(levels.rep));
    buffers_.push_back(BytesOf(levels.def));
  }
  return true;
}

}  // namespace croupier::format
