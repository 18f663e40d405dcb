// The part of PageEncoder for pages whose values are indices into a dictionary.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/status.h>

#include "croupier/format/write/page_encoder.h"

namespace croupier::format {

namespace {

// Of words of 1, 2, 4 and 8 bytes.
const auto& word_shapes = *new std::array{LeafShape::Fixed(8), LeafShape::Fixed(16),
                                          LeafShape::Fixed(32), LeafShape::Fixed(64)};

size_t WordNumber(int64_t word_bytes) {
  return std::min<size_t>(std::bit_width(static_cast<uint64_t>(word_bytes)) - 1, 3);
}

LeafValues WordValues(const uint8_t* data, int64_t num_values, int64_t word_bytes) {
  LeafValues values;
  values.shape = &word_shapes.at(WordNumber(word_bytes));
  values.num_values = num_values;
  values.data = data;
  return values;
}

}  // namespace

arrow::Result<bool> PageEncoder::EncodeIndices(const EncodingKeys& keys, const PageRows& rows,
                                               const WrittenLevels& levels, PageLayout* layout) {
  const LeafValues& values = rows.values;
  const LeafShape& shape = *values.shape;
  if (keys.compression == EncodingKeys::Compression::kNone) return false;
  const bool can_be_indices = shape.kind == LeafShape::Kind::kVariable ||
                              (shape.kind == LeafShape::Kind::kFixed && shape.dimensions.empty() &&
                               (shape.item_bits == 128 || (shape.item_bits == 64 && is_v2_2())));
  if (!can_be_indices || !dictionary_.Build(values, levels, keys)) {
    return false;
  }
  MiniBlockLayout mini_block;
  const auto items = dictionary_.items();
  mini_block.num_dictionary_items = static_cast<uint64_t>(items.num_values);
  ARROW_ASSIGN_OR_RAISE(mini_block.dictionary,
                        EncodeDictionaryItems(items, keys, version_, pool_, &extra_));
  const auto* indices = reinterpret_cast<const uint8_t*>(dictionary_.indices().data());
  const auto chunks = ChooseFixedChunks(WordValues(indices, values.num_values, 4), {});
  ARROW_ASSIGN_OR_RAISE(*layout,
                        EncodeMiniBlock(chunks.get(), rows, levels, std::move(mini_block)));
  return true;
}

arrow::Result<PageLayout> PageEncoder::EncodeKeys(const LeafPlan& plan, const EncodingKeys& keys,
                                                  const PageRows& rows,
                                                  const WrittenLevels& levels) {
  const LeafValues& values = rows.values;
  // Nulls have any key, which must be one of the dictionary.
  const auto width = static_cast<size_t>(values.key_bytes);
  OutputBytes words(pool_);
  words.AppendZeros(static_cast<size_t>(values.num_values) * width);
  const auto num_items = static_cast<uint64_t>(values.dictionary->length);
  bool are_in_range = true;
  ForEachValue(levels, values.num_values, [&](int64_t i, bool is_valid) {
    if (!is_valid) return;
    const size_t place = static_cast<size_t>(i) * width;
    uint64_t key = 0;
    std::memcpy(&key, values.data + place, width);
    are_in_range = are_in_range && key < num_items;
    std::memcpy(words.data() + place, &key, width);
  });
  if (!are_in_range) {
    return arrow::Status::Invalid("a key is not one of a dictionary of ", num_items, " items");
  }
  const LeafShape& shape = plan.shape.members[0];
  LeafBuffers buffers(&plan, &shape, pool_);
  ARROW_RETURN_NOT_OK(buffers.Append(*values.dictionary, {0, static_cast<int64_t>(num_items)}));
  auto items = buffers.values();
  OutputBytes placeholder(pool_);
  if (num_items == 0) {  // all are null
    placeholder.AppendZeros(32);
    items.num_values = 1;
    items.data = placeholder.data();
    items.offsets = placeholder.data();
  }
  ARROW_RETURN_NOT_OK(CheckText(items));
  MiniBlockLayout layout;
  layout.num_dictionary_items = static_cast<uint64_t>(items.num_values);
  ARROW_ASSIGN_OR_RAISE(layout.dictionary,
                        EncodeDictionaryItems(items, keys, version_, pool_, &extra_));
  const auto chunks =
      ChooseFixedChunks(WordValues(words.data(), values.num_values, values.key_bytes), {});
  return EncodeMiniBlock(chunks.get(), rows, levels, std::move(layout));
}

}  // namespace croupier::format
