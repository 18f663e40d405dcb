// The part of PageEncoder for structs whose members share a column.
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include <arrow/status.h>

#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/write/page_encoder.h"
#include "croupier/format/write/record_writer.h"

namespace croupier::format {

namespace {

constexpr int64_t kMinRecordBytes = 256;

const LeafShape& row_shape = *new LeafShape{[] {
  LeafShape shape;
  shape.kind = LeafShape::Kind::kVariable;
  shape.offset_bits = 32;
  return shape;
}()};

// How the values of one member become bytes of a row.
struct MemberWriter {
  explicit MemberWriter(const LeafValues& member) : values(member) {
    if (member.shape->kind == LeafShape::Kind::kFixed) fixed.emplace(member);
  }

  size_t length_bytes() const { return static_cast<size_t>(values.shape->offset_bits / 8); }

  size_t SizeOf(int64_t row) const {
    return fixed.has_value() ? fixed->num_bytes()
                             : length_bytes() + static_cast<size_t>(values.SizeOf(row, row + 1));
  }
  uint8_t* Write(int64_t row, uint8_t* to) const {
    if (fixed.has_value()) return fixed->Write(row, to);
    const int64_t begin = values.offset(row);
    const int64_t size = values.offset(row + 1) - begin;
    std::memcpy(to, &size, length_bytes());
    to += length_bytes();
    if (size > 0) std::memcpy(to, values.data + begin, static_cast<size_t>(size));
    return to + size;
  }

  VariablePackedStructEncoding::Field encoding() const {
    if (fixed.has_value()) {
      return {MakeFixedRecordEncoding(values), fixed->num_bytes() * 8, std::nullopt};
    }
    const auto bits = static_cast<uint64_t>(values.shape->offset_bits);
    return {MakeEncoding(VariableEncoding{MakeFlat(bits)}), std::nullopt, bits};
  }

  const LeafValues& values;
  std::optional<FixedRecordWriter> fixed;
};

// A mini-block encoder of rows that are plain bytes to it.
class PackedChunks : public ChunkEncoder {
 public:
  PackedChunks(const LeafValues& rows, EncodingPtr encoding)
      : rows_(MakeFlatChunks(rows)), encoding_(std::move(encoding)) {}

  EncodingPtr encoding() const override { return encoding_; }
  int64_t ItemsOf(int64_t first) const override { return rows_->ItemsOf(first); }
  arrow::Status Encode(int64_t first, int64_t count, ChunkBuffers* out) override {
    return rows_->Encode(first, count, out);
  }

 private:
  ChunkEncoderPtr rows_;
  EncodingPtr encoding_;
};

}  // namespace

arrow::Result<PageLayout> PageEncoder::EncodePacked(const PageRows& rows,
                                                    const WrittenLevels& levels, bool is_crowded) {
  std::vector<MemberWriter> members;
  members.reserve(rows.values.members.size());
  bool are_plain = true;
  for (const LeafValues& member : rows.values.members) {
    if (member.shape->kind == LeafShape::Kind::kFixed && member.shape->row_bits() % 8 != 0) {
      return arrow::Status::NotImplemented("members of a packed struct are whole bytes");
    }
    ARROW_RETURN_NOT_OK(CheckText(member));
    are_plain = are_plain && member.shape->kind == LeafShape::Kind::kFixed &&
                member.shape->dimensions.empty();
    members.emplace_back(member);
  }
  if (!are_plain && !is_v2_2()) {
    return arrow::Status::NotImplemented(
        "format 2.1 has no packed structs of strings or vectors, format 2.2 has");
  }
  // Rows as bytes, one behind the other.
  const auto num_rows = static_cast<size_t>(rows.values.num_values);
  OutputBytes offsets(pool_);
  uint8_t* offset = offsets.Grow((num_rows + 1) * 4);
  const auto put_offset = [&] {
    const auto end = static_cast<uint32_t>(extra_.size());
    std::memcpy(offset, &end, 4);
    offset += 4;
  };
  put_offset();
  for (int64_t row = 0; row < rows.values.num_values; ++row) {
    size_t size = 0;
    for (const MemberWriter& member : members) size += member.SizeOf(row);
    uint8_t* to = extra_.Grow(size);
    for (const MemberWriter& member : members) to = member.Write(row, to);
    put_offset();
  }
  if (extra_.size() > INT32_MAX) {
    return arrow::Status::CapacityError("a page has more than 2 GiB of packed structs");
  }
  if (!are_plain) {
    VariablePackedStructEncoding encoding;
    for (const MemberWriter& member : members) encoding.fields.push_back(member.encoding());
    LeafValues values;
    values.shape = &row_shape;
    values.num_values = rows.values.num_values;
    values.data = extra_.data();
    values.offsets = offsets.data();
    return WriteVariableRecords(values, rows, levels, MakeEncoding(std::move(encoding)));
  }
  PackedStructEncoding encoding;
  int64_t row_bits = 0;
  for (const LeafValues& member : rows.values.members) {
    encoding.bits_per_value.push_back(static_cast<uint64_t>(member.shape->item_bits));
    row_bits += member.shape->item_bits;
  }
  encoding.values = MakeFlat(static_cast<uint64_t>(row_bits));
  const LeafShape shape = LeafShape::Fixed(row_bits);
  PageRows packed = rows;
  packed.values = {};
  packed.values.shape = &shape;
  packed.values.num_values = rows.values.num_values;
  packed.values.data = extra_.data();
  auto packed_encoding = MakeEncoding(std::move(encoding));
  if (is_crowded || row_bits / 8 >= kMinRecordBytes) {
    return EncodeFixedRecords(packed, levels, std::move(packed_encoding));
  }
  PackedChunks chunks(packed.values, std::move(packed_encoding));
  return EncodeMiniBlock(&chunks, packed, levels, {});
}

arrow::Result<PageLayout> PageEncoder::EncodeBlobs(const PageRows& rows,
                                                   const WrittenLevels& levels) {
  // A place and a size for each entry; a null has its level as the place.
  LeafShape member = LeafShape::Fixed(64);
  OutputBytes positions(pool_);
  OutputBytes sizes(pool_);
  int64_t value = 0;
  for (int64_t entry = 0; entry < levels.num_levels; ++entry) {
    const uint16_t def = levels.def.empty() ? 0 : levels.def[static_cast<size_t>(entry)];
    const auto place = static_cast<size_t>(value++) * 8;
    if (def == 0) {
      positions.Append(rows.values.members[0].data + place, 8);
      sizes.Append(rows.values.members[1].data + place, 8);
    } else {
      positions.AppendValue(uint64_t{def} << 16);
      sizes.AppendValue(uint64_t{0});
    }
  }
  PageRows descriptors = rows;
  descriptors.def = {};
  descriptors.values.members.resize(2);
  for (auto& each : descriptors.values.members) each.shape = &member;
  descriptors.values.members[0].data = positions.data();
  descriptors.values.members[1].data = sizes.data();
  WrittenLevels no_levels;
  no_levels.layers = {RepDefLayer::kAllValidItem};
  no_levels.num_levels = levels.num_levels;
  no_levels.num_valid = levels.num_levels;
  ARROW_ASSIGN_OR_RAISE(auto inner, EncodePacked(descriptors, no_levels, /*is_crowded=*/false));
  return PageLayout{
      BlobLayout{std::make_shared<const PageLayout>(std::move(inner)), levels.layers}};
}

}  // namespace croupier::format
