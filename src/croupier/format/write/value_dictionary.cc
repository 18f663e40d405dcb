#include "croupier/format/write/value_dictionary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "croupier/base/byte_reader.h"
#include "croupier/base/hash.h"
#include "croupier/format/encoding/general_compression.h"
#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/write/value_encoding.h"

namespace croupier::format {

namespace {

constexpr int64_t kMinValues = 100;
constexpr int64_t kMaxItems = 100'000;
constexpr int64_t kIndexBytes = 4;
// A sample of values that differ nearly all says that the rest does too.
constexpr int64_t kMinSampledValues = 1024;
constexpr int64_t kSampleSize = 4096;
constexpr double kMaxUniquePart = 0.98;

uint64_t HashOf(const uint8_t* bytes, size_t size) {
  uint64_t hash = size * 0x9e3779b97f4a7c15ULL;
  for (; size >= 8; size -= 8, bytes += 8) {
    hash = Mix64(hash ^ LoadLittleEndian<uint64_t>(bytes));
  }
  if (size == 0) return hash;
  uint64_t rest = 0;
  std::memcpy(&rest, bytes, size);
  return Mix64(hash ^ rest);
}

Bytes ValueAt(const LeafValues& values, int64_t i) {
  if (values.shape->kind == LeafShape::Kind::kVariable) {
    return {values.data + values.offset(i), static_cast<size_t>(values.SizeOf(i, i + 1))};
  }
  const auto size = static_cast<size_t>(values.shape->item_bits / 8);
  return {values.data + static_cast<size_t>(i) * size, size};
}

// Whether a sample of the values repeats often enough to look at all of them.
bool DoesRepeat(const LeafValues& values) {
  if (values.num_values < kMinSampledValues) return true;
  const int64_t size = std::min(kSampleSize, values.num_values);
  const auto max_unique = static_cast<int64_t>(kMaxUniquePart * static_cast<double>(size));
  std::array<uint64_t, size_t{2} * kSampleSize> slots{};  // 0: free
  int64_t num_unique = 0;
  for (int64_t i = 0; i < size && num_unique <= max_unique; ++i) {
    const Bytes value = ValueAt(values, i * values.num_values / size);
    const uint64_t hash = HashOf(value.data(), value.size()) | 1;
    size_t slot = (hash >> 1) & (slots.size() - 1);
    while (slots[slot] != 0 && slots[slot] != hash) slot = (slot + 1) & (slots.size() - 1);
    num_unique += slots[slot] == 0 ? 1 : 0;
    slots[slot] = hash;
  }
  return num_unique <= max_unique;
}

}  // namespace

bool ValueDictionary::Build(const LeafValues& values, const WrittenLevels& levels,
                            const EncodingKeys& keys) {
  if (values.num_values < kMinValues || !DoesRepeat(values)) return false;
  shape_ = values.shape;
  num_items_ = 0;
  hashes_.clear();
  item_bytes_.Clear();
  item_offsets_.Clear();
  indices_.resize(static_cast<size_t>(values.num_values));
  const bool is_variable = shape_->kind == LeafShape::Kind::kVariable;
  const auto offset_bytes = static_cast<size_t>(shape_->offset_bits / 8);
  if (is_variable) item_offsets_.AppendZeros(offset_bytes);
  const int64_t max_items = std::min(values.num_values / keys.dictionary_divisor, kMaxItems);
  // All that a dictionary and the indices into it may take.
  const auto max_total =
      static_cast<int64_t>(keys.dictionary_size_ratio * static_cast<double>(PlainBytes(values)));
  const auto max_bytes =
      std::min(keys.dictionary_max_bytes, max_total - kIndexBytes * values.num_values);
  if (max_bytes <= 0) return false;
  const size_t num_slots = std::bit_ceil(static_cast<size_t>(2 * (max_items + 1)));
  slots_.assign(num_slots, 0);
  bool fits = true;
  ForEachValue(levels, values.num_values, [&](int64_t i, bool is_valid) {
    uint32_t& index = indices_[static_cast<size_t>(i)];
    index = 0;
    if (!is_valid || !fits) return;
    const Bytes value = ValueAt(values, i);
    const uint64_t hash = HashOf(value.data(), value.size());
    size_t slot = hash & (num_slots - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (num_slots - 1)) {
      const uint32_t item = slots_[slot] - 1;
      if (hashes_[item] != hash) continue;
      const Bytes other = ItemAt(item);
      if (std::equal(value.begin(), value.end(), other.begin(), other.end())) {
        index = item;
        return;
      }
    }
    index = static_cast<uint32_t>(num_items_++);
    slots_[slot] = index + 1;
    hashes_.push_back(hash);
    item_bytes_.Append(value.data(), value.size());
    if (is_variable) {
      const auto end = static_cast<uint64_t>(item_bytes_.size());
      item_offsets_.Append(&end, offset_bytes);
    }
    fits = num_items_ <= max_items &&
           static_cast<int64_t>(item_bytes_.size() + item_offsets_.size()) <= max_bytes;
  });
  return fits && num_items_ > 0;
}

Bytes ValueDictionary::ItemAt(uint32_t item) const {
  const uint8_t* bytes = item_bytes_.data();
  switch (shape_->offset_bits) {
    case 32: {
      const uint8_t* offsets = item_offsets_.data() + size_t{item} * 4;
      const auto begin = LoadLittleEndian<uint32_t>(offsets);
      return {bytes + begin, LoadLittleEndian<uint32_t>(offsets + 4) - begin};
    }
    case 64: {
      const uint8_t* offsets = item_offsets_.data() + size_t{item} * 8;
      const auto begin = LoadLittleEndian<uint64_t>(offsets);
      return {bytes + begin, LoadLittleEndian<uint64_t>(offsets + 8) - begin};
    }
    default: {
      const auto size = static_cast<size_t>(shape_->item_bits / 8);
      return {bytes + item * size, size};
    }
  }
}

LeafValues ValueDictionary::items() const {
  LeafValues values;
  values.shape = shape_;
  values.num_values = num_items_;
  values.data = item_bytes_.data();
  values.offsets = item_offsets_.data();
  return values;
}

arrow::Result<EncodingPtr> EncodeDictionaryItems(const LeafValues& values, const EncodingKeys& keys,
                                                 FileVersion version, arrow::MemoryPool* pool,
                                                 OutputBytes* out) {
  const size_t begin = out->size();
  EncodingPtr encoding;
  if (values.shape->kind == LeafShape::Kind::kVariable) {
    // How wide offsets are, where bytes begin, the offsets from there, the bytes.
    const auto width = static_cast<size_t>(values.shape->offset_bits / 8);
    const auto num_offsets = static_cast<uint64_t>(values.num_values) + 1;
    const auto bits = static_cast<uint64_t>(values.shape->offset_bits);
    const uint64_t start = (num_offsets + 2) * width;
    out->Append(&bits, width);
    out->Append(&start, width);
    const int64_t from = values.offset(0);
    for (uint64_t i = 0; i < num_offsets; ++i) {
      const int64_t offset = values.offset(static_cast<int64_t>(i)) - from;
      out->Append(&offset, width);
    }
    out->Append(values.data + from, static_cast<size_t>(values.SizeOf(0, values.num_values)));
    encoding = MakeEncoding(VariableEncoding{MakeFlat(bits)});
  } else {
    const int64_t bits = values.shape->item_bits;
    out->Append(values.data, static_cast<size_t>(BytesForValues(values.num_values, bits)));
    encoding = MakeFlat(static_cast<uint64_t>(bits));
  }
  if (version == FileVersion::kV2_1 || !keys.dictionary_scheme.has_value()) return encoding;
  ARROW_ASSIGN_OR_RAISE(auto compressor,
                        GeneralCompressor::Make(*keys.dictionary_scheme, keys.dictionary_level));
  const size_t raw_size = out->size() - begin;
  OutputBytes raw(pool);
  raw.Append(out->data() + begin, raw_size);
  out->Truncate(begin);
  ARROW_RETURN_NOT_OK(compressor->Append(raw.bytes(), out));
  if (out->size() - begin < raw_size) {
    return MakeEncoding(GeneralEncoding{*keys.dictionary_scheme, std::move(encoding)});
  }
  out->Truncate(begin);
  out->Append(raw.data(), raw_size);
  return encoding;
}

}  // namespace croupier::format
