#include "croupier/format/write/page_encoder.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <arrow/status.h>

#include "croupier/format/write/record_writer.h"

namespace croupier::format {

arrow::Status CheckText(const LeafValues& values) {
  if (!values.shape->is_utf8) return arrow::Status::OK();
  const bool is_large = values.shape->offset_bits == 64;
  const auto status = is_large ? CheckUtf8(reinterpret_cast<const int64_t*>(values.offsets),
                                           values.data, values.num_values, nullptr)
                               : CheckUtf8(reinterpret_cast<const int32_t*>(values.offsets),
                                           values.data, values.num_values, nullptr);
  return status.ok() ? status : arrow::Status::Invalid(status.message());
}

namespace {

// Values of this many bytes or more are read one by one, each from its record.
constexpr int64_t kMinRecordBytes = 256;
// Of a value in a chunk of format 2.1.
constexpr int64_t kMaxOldChunkedBytes = 4000;
// Bits of levels that a chunk may have: a chunk of format 2.1 is not larger than 32 KiB.
constexpr int64_t kMaxLevelBits = 131072;
constexpr int64_t kMaxChunkLevels = 65535;
constexpr int64_t kMaxChunkValues = 4096;

}  // namespace

int64_t MaxInvisibleLevels(const LeafPlan& plan) {
  uint32_t num_lists = 0;
  uint32_t num_numbers = 1;
  for (const auto& layer : plan.layers) {
    num_lists += layer.layer.is_list() ? 1 : 0;
    num_numbers += layer.layer.is_list() ? 2 : 1;
  }
  const auto bits = static_cast<int64_t>(std::bit_width(num_lists)) +
                    static_cast<int64_t>(std::bit_width(num_numbers));
  return std::min(kMaxChunkLevels, kMaxLevelBits / bits) - kMaxChunkValues;
}

PageEncoder::PageEncoder(FileVersion version, arrow::MemoryPool* pool)
    : version_(version),
      pool_(pool),
      data_(pool),
      words_(pool),
      index_(pool),
      extra_(pool),
      fsst_(pool),
      dictionary_(pool) {}

arrow::Result<PageLayout> PageEncoder::Encode(const LeafPlan& plan, const EncodingKeys& keys,
                                              const PageRows& rows) {
  data_.Clear();
  words_.Clear();
  index_.Clear();
  extra_.Clear();
  buffers_.clear();
  if (plan.kind == WriteKind::kEmptyStruct) {
    return PageLayout{ConstantLayout{{RepDefLayer::kNullableItem}, {}, {}, {}, 0, 0}};
  }
  const auto levels = NumberLevels(plan, rows.num_levels, rows.rep, rows.def, &renumbered_);
  auto layout = EncodeValues(plan, keys, rows, levels);
  if (layout.ok()) return layout;
  const auto& status = layout.status();
  return status.WithMessage("cannot write column '", plan.name, "': ", status.message());
}

arrow::Result<PageLayout> PageEncoder::EncodeValues(const LeafPlan& plan, const EncodingKeys& keys,
                                                    const PageRows& rows,
                                                    const WrittenLevels& levels) {
  const LeafShape& shape = plan.shape;
  const bool is_dictionary = shape.kind == LeafShape::Kind::kDictionary;
  // The reference reader takes items below a null struct for valid ones where all are null, which
  // then have no place in a dictionary.
  const bool needs_dictionary = is_dictionary && !plan.layers.empty() && rows.values.num_values > 0;
  if (plan.kind == WriteKind::kBlobV1) return EncodeBlobs(rows, levels);
  if (levels.num_valid == 0 && !needs_dictionary) return EncodeAllNull(plan, levels);
  if (is_dictionary) return EncodeKeys(plan, keys, rows, levels);
  ARROW_RETURN_NOT_OK(CheckText(rows.values));
  ConstantLayout constant;
  if (is_v2_2() && EncodeConstant(rows, levels, &constant)) return PageLayout{std::move(constant)};
  // A row with more levels than a chunk can count is a record.
  const bool is_crowded = rows.num_levels - rows.values.num_values > MaxInvisibleLevels(plan);
  if (shape.kind == LeafShape::Kind::kPacked) return EncodePacked(rows, levels, is_crowded);
  PageLayout layout;
  if (!is_crowded) {
    ARROW_ASSIGN_OR_RAISE(const bool has_indices, EncodeIndices(keys, rows, levels, &layout));
    if (has_indices) return layout;
  }
  const int64_t longest = LongestValue(rows.values);
  // Chunks of format 2.1 do not hold two long values, whatever the column asks for.
  const bool must_be_records = is_crowded || (!is_v2_2() && longest > kMaxOldChunkedBytes);
  const bool wants_records =
      must_be_records || keys.wants_records.value_or(longest >= kMinRecordBytes);
  if (shape.kind == LeafShape::Kind::kVariable) {
    if (wants_records) return EncodeVariableRecords(keys, rows, levels);
  } else {
    // Vectors of bits are records only where these are whole bytes.
    const bool can_be_records =
        shape.item_bits != 1 || shape.dimensions.empty() || shape.items_per_row % 8 == 0;
    if (can_be_records && wants_records) {
      return EncodeFixedRecords(rows, levels, MakeFixedRecordEncoding(rows.values));
    }
  }
  return EncodeChunks(keys, rows, levels);
}

}  // namespace croupier::format
