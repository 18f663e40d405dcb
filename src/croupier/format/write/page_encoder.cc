#include "croupier/format/write/page_encoder.h"

#include <algorithm>
#include <utility>

#include <arrow/status.h>

#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/kernel/bit_pack.h"

namespace croupier::format {

namespace {

// Values of this many bytes or more are read one by one, each from its record.
constexpr int64_t kMinRecordBytes = 256;
// Of variable-width values in a chunk.
constexpr int64_t kVariableChunkBytes = 4096;
// Bits of levels that a chunk may have: a chunk of format 2.1 is not larger than 32 KiB.
constexpr int64_t kMaxLevelBits = 131072;
constexpr int64_t kMaxChunkLevels = 65535;
constexpr int64_t kMaxChunkValues = 4096;
// Bit packing must save this part to be worth the work of unpacking: noise saves some bits too.
constexpr double kMinPackedSaving = 0.04;

int64_t LongestValue(const LeafValues& values) {
  if (values.shape->kind != LeafShape::Kind::kVariable) {
    return BytesForValues(1, values.shape->row_bits());
  }
  int64_t longest = 0;
  int64_t begin = values.offset(0);
  for (int64_t i = 1; i <= values.num_values; ++i) {
    const int64_t end = values.offset(i);
    longest = std::max(longest, end - begin);
    begin = end;
  }
  return longest;
}

// Bytes of values in blocks of 1024, each of the width that it needs.
template <typename Word>
int64_t PackedBytes(const LeafValues& values) {
  int64_t size = 0;
  for (int64_t first = 0; first < values.num_values; first += kBitpackedBlockValues) {
    const int64_t count = std::min(kBitpackedBlockValues, values.num_values - first);
    size += static_cast<int64_t>(sizeof(Word)) +
            BitpackedBlockBytes(BitWidthOf<Word>(values.data + first * sizeof(Word), count));
  }
  return size;
}

int64_t PackedBytes(const LeafValues& values) {
  switch (values.shape->item_bits) {
    case 8:
      return PackedBytes<uint8_t>(values);
    case 16:
      return PackedBytes<uint16_t>(values);
    case 32:
      return PackedBytes<uint32_t>(values);
    default:
      return PackedBytes<uint64_t>(values);
  }
}

bool IsWord(const LeafShape& shape) {
  return shape.kind == LeafShape::Kind::kFixed && shape.dimensions.empty() &&
         (shape.item_bits == 8 || shape.item_bits == 16 || shape.item_bits == 32 ||
          shape.item_bits == 64);
}

}  // namespace

int64_t MaxInvisibleLevels(const LeafPlan& plan) {
  uint32_t num_lists = 0;
  uint32_t num_numbers = 1;
  for (const auto& layer : plan.layers) {
    num_lists += layer.layer.is_list() ? 1 : 0;
    num_numbers += layer.layer.is_list() ? 2 : 1;
  }
  const int64_t bits = std::bit_width(num_lists) + std::bit_width(num_numbers);
  return std::min(kMaxChunkLevels, kMaxLevelBits / bits) - kMaxChunkValues;
}

PageEncoder::PageEncoder(FileVersion version, arrow::MemoryPool* pool)
    : version_(version), data_(pool), words_(pool), index_(pool), extra_(pool) {}

arrow::Result<PageLayout> PageEncoder::Encode(const LeafPlan& plan, const PageRows& rows) {
  data_.Clear();
  words_.Clear();
  index_.Clear();
  extra_.Clear();
  buffers_.clear();
  const LeafShape& shape = plan.shape;
  if (plan.kind == WriteKind::kEmptyStruct) {
    return PageLayout{ConstantLayout{{RepDefLayer::kNullableItem}, {}, {}, {}, 0, 0}};
  }
  const auto levels = NumberLevels(plan, rows.num_levels, rows.rep, rows.def, &renumbered_);
  if (levels.num_valid == 0) return EncodeAllNull(plan, rows, levels);
  if (shape.kind == LeafShape::Kind::kVariable && shape.is_utf8) {
    const auto status = shape.offset_bits == 32
                            ? CheckUtf8(reinterpret_cast<const int32_t*>(rows.values.offsets),
                                        rows.values.data, rows.values.num_values, nullptr)
                            : CheckUtf8(reinterpret_cast<const int64_t*>(rows.values.offsets),
                                        rows.values.data, rows.values.num_values, nullptr);
    if (!status.ok()) {
      return arrow::Status::Invalid("column '", plan.name, "': ", status.message());
    }
  }
  ConstantLayout constant;
  if (is_v2_2() && EncodeConstant(rows, levels, &constant)) return PageLayout{std::move(constant)};

  const bool has_crowded_row = rows.num_levels - rows.values.num_values > MaxInvisibleLevels(plan);
  const bool wants_records =
      plan.structural_encoding == "fullzip" ||
      (plan.structural_encoding != "miniblock" && LongestValue(rows.values) >= kMinRecordBytes);
  if (shape.kind == LeafShape::Kind::kVariable) {
    if (wants_records || has_crowded_row) return EncodeVariableRecords(rows, levels);
  } else if (shape.kind == LeafShape::Kind::kFixed) {
    const bool can_be_records =
        shape.item_bits != 1 || shape.items_per_row % 8 == 0 || shape.dimensions.empty();
    if ((wants_records && can_be_records) || has_crowded_row) {
      return EncodeFixedRecords(rows, levels);
    }
  } else {
    return arrow::Status::NotImplemented("cannot write column '", plan.name, "' yet");
  }
  ARROW_ASSIGN_OR_RAISE(const auto chunks, ChooseChunks(plan, rows.values));
  return EncodeMiniBlock(chunks.get(), rows, levels, {});
}

arrow::Result<ChunkEncoderPtr> PageEncoder::ChooseChunks(const LeafPlan& plan,
                                                         const LeafValues& values) {
  const LeafShape& shape = *values.shape;
  if (shape.kind == LeafShape::Kind::kVariable) {
    return MakeVariableChunks(values, kVariableChunkBytes);
  }
  if (!IsWord(shape) || plan.Key("compression") == "none") return MakeFlatChunks(values);
  const auto raw_bytes = static_cast<double>(values.num_values * shape.item_bits / 8);
  if (static_cast<double>(PackedBytes(values)) < raw_bytes * (1 - kMinPackedSaving)) {
    return MakeBitpackedChunks(values.data, values.num_values, shape.item_bits);
  }
  return MakeFlatChunks(values);
}

}  // namespace croupier::format
