#include "croupier/format/page/record_values.h"

#include <cstring>
#include <utility>

#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/mini_block_codec.h"

namespace croupier::format {

namespace {

// Bits of values that records may have without bytes in the file.
constexpr int64_t kMaxImpliedItemBits = int64_t{64} << 23;

arrow::Status CannotRead(const CompressiveEncoding& encoding) {
  return arrow::Status::NotImplemented("cannot read the encoding ", Describe(encoding),
                                       " in a full-zip page yet");
}

}  // namespace

arrow::Result<ControlWords> ControlWords::Make(const FullZipLayout& layout) {
  if (layout.bits_rep > 15 || layout.bits_def > 15) {
    return arrow::Status::SerializationError("levels of ", layout.bits_rep, " and ",
                                             layout.bits_def, " bits");
  }
  ControlWords words;
  words.bits_def_ = layout.bits_def;
  const uint32_t bits = layout.bits_rep + layout.bits_def;
  words.num_bytes_ = bits == 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
  return words;
}

uint32_t ControlWords::Load(const uint8_t* record) const {
  switch (num_bytes_) {
    case 0:
      return 0;
    case 1:
      return *record;
    case 2:
      return LoadLittleEndian<uint16_t>(record);
    default:
      return LoadLittleEndian<uint32_t>(record);
  }
}

arrow::Result<FixedRecordValues> FixedRecordValues::Make(const CompressiveEncoding& encoding,
                                                         const LeafShape& shape) {
  const auto wrong_encoding = [&] {
    return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                             " cannot give values of the column's type");
  };
  if (shape.kind != LeafShape::Kind::kFixed) return wrong_encoding();
  FixedRecordValues values;
  values.shape_ = shape;
  // A boolean is a byte in a record.
  const bool widened = shape.item_bits == 1 && shape.dimensions.empty();
  values.is_plain_ = shape.item_bits != 1;
  const CompressiveEncoding* items = &encoding;
  int64_t items_per_row = 1;
  for (const int64_t dimension : shape.dimensions) {
    const auto* list = items->As<FixedSizeListEncoding>();
    if (list == nullptr || list->items_per_value != static_cast<uint64_t>(dimension)) {
      return wrong_encoding();
    }
    items_per_row *= dimension;
    values.validity_bytes_.push_back(list->has_validity ? (items_per_row + 7) / 8 : 0);
    values.value_bytes_ += values.validity_bytes_.back();
    if (list->has_validity) values.is_plain_ = false;
    items = list->values.get();
  }
  if (const auto* constant = items->As<ConstantEncoding>();
      constant != nullptr && !constant->value.has_value() && !shape.dimensions.empty()) {
    values.all_items_null_ = true;
    values.is_plain_ = false;
    return values;
  }
  const auto* flat = items->As<FlatEncoding>();
  if (flat == nullptr) return CannotRead(encoding);
  const int64_t stored_bits = widened ? 8 : shape.item_bits;
  if (flat->bits_per_value != static_cast<uint64_t>(stored_bits)) {
    return arrow::Status::SerializationError("the encoding ", Describe(encoding), " for items of ",
                                             stored_bits, " bits");
  }
  if (stored_bits * items_per_row % 8 != 0) return CannotRead(encoding);
  values.value_bytes_ += stored_bits * items_per_row / 8;
  return values;
}

arrow::Result<ValueBlock> FixedRecordValues::Gather(std::span<const uint8_t* const> values,
                                                    arrow::MemoryPool* pool) const {
  const auto num_values = std::ssize(values);
  // No bytes of the file vouch for the memory of null items.
  if (all_items_null_ && num_values > kMaxImpliedItemBits / shape_.row_bits()) {
    return arrow::Status::CapacityError("records of ", num_values * shape_.items_per_row,
                                        " null items");
  }
  ValueBlock block;
  block.num_values = num_values;
  ARROW_ASSIGN_OR_RAISE(auto data,
                        arrow::AllocateEmptyBitmap(num_values * shape_.row_bits(), pool));
  std::vector<int64_t> items_per_row;
  for (size_t depth = 0; depth < validity_bytes_.size(); ++depth) {
    items_per_row.push_back((depth == 0 ? 1 : items_per_row.back()) * shape_.dimensions[depth]);
    auto& validity = block.item_validity.emplace_back();
    const bool is_innermost = depth + 1 == validity_bytes_.size();
    if (validity_bytes_[depth] > 0 || (is_innermost && all_items_null_)) {
      ARROW_ASSIGN_OR_RAISE(validity,
                            arrow::AllocateEmptyBitmap(num_values * items_per_row[depth], pool));
    }
  }
  for (int64_t i = 0; i < num_values; ++i) {
    const uint8_t* value = values[static_cast<size_t>(i)];
    for (size_t depth = 0; depth < validity_bytes_.size(); ++depth) {
      if (validity_bytes_[depth] == 0) continue;
      arrow::internal::CopyBitmap(value, 0, items_per_row[depth],
                                  block.item_validity[depth]->mutable_data(),
                                  i * items_per_row[depth]);
      value += validity_bytes_[depth];
    }
    if (all_items_null_) continue;
    if (shape_.item_bits != 1) {
      const int64_t row_bytes = shape_.row_bits() / 8;
      std::memcpy(data->mutable_data() + i * row_bytes, value, static_cast<size_t>(row_bytes));
    } else if (shape_.dimensions.empty()) {
      arrow::bit_util::SetBitTo(data->mutable_data(), i, *value != 0);
    } else {
      arrow::internal::CopyBitmap(value, 0, shape_.items_per_row, data->mutable_data(),
                                  i * shape_.items_per_row);
    }
  }
  block.data = std::move(data);
  return block;
}

arrow::Result<VariableRecordValues> VariableRecordValues::Make(const CompressiveEncoding& encoding,
                                                               const LeafShape& shape,
                                                               uint32_t length_bits) {
  if (shape.kind != LeafShape::Kind::kVariable) {
    return arrow::Status::SerializationError("variable-width records for fixed-width values");
  }
  if (length_bits != static_cast<uint64_t>(shape.offset_bits)) {
    return arrow::Status::SerializationError("lengths of ", length_bits,
                                             " bits, the column's type has ", shape.offset_bits);
  }
  VariableRecordValues values;
  values.length_bytes_ = shape.offset_bits / 8;
  const CompressiveEncoding* inner = &encoding;
  if (const auto* general = encoding.As<GeneralEncoding>()) {
    values.compression_ = general->scheme;
    inner = general->values.get();
  } else if (const auto* fsst = encoding.As<FsstEncoding>()) {
    ARROW_ASSIGN_OR_RAISE(values.fsst_, FsstSymbolTable::Parse(fsst->symbol_table));
    inner = fsst->values.get();
  }
  const auto* variable = inner->As<VariableEncoding>();
  if (variable == nullptr) return CannotRead(encoding);
  ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(variable->offsets));
  if (bits != shape.offset_bits) {
    return arrow::Status::SerializationError("offsets of ", bits, " bits, lengths of ",
                                             shape.offset_bits);
  }
  return values;
}

arrow::Status VariableRecordValues::Note(Bytes value, uint32_t slot,
                                         VariableAssembler* values) const {
  if (compression_.has_value()) return values->NoteCompressed(slot, *compression_, value);
  if (fsst_.has_value()) return values->NoteFsst(slot, &*fsst_, value);
  values->NotePlain(slot, value);
  return arrow::Status::OK();
}

arrow::Result<RecordIndex> RecordIndex::Make(std::shared_ptr<arrow::Buffer> index, int64_t num_rows,
                                             int64_t data_bytes) {
  RecordIndex records;
  records.index_ = std::move(index);
  const int64_t size_bytes = records.index_->size();
  const int64_t width = records.width_ = size_bytes / (num_rows + 1);
  if ((width != 1 && width != 2 && width != 4 && width != 8) || size_bytes % (num_rows + 1) != 0) {
    return arrow::Status::SerializationError("the index of ", num_rows, " rows has ", size_bytes,
                                             " bytes");
  }
  uint64_t previous = 0;
  for (int64_t row = 0; row <= num_rows; ++row) {
    const auto start = static_cast<uint64_t>(records.Start(row));
    if (start < previous || start > static_cast<uint64_t>(data_bytes)) {
      return arrow::Status::SerializationError("record ", row, " begins at ", start, " of ",
                                               data_bytes, ", after ", previous);
    }
    previous = start;
  }
  return records;
}

int64_t RecordIndex::Start(int64_t row) const {
  const uint8_t* entry = index_->data() + row * width_;
  switch (width_) {
    case 1:
      return *entry;
    case 2:
      return LoadLittleEndian<uint16_t>(entry);
    case 4:
      return LoadLittleEndian<uint32_t>(entry);
    default:
      return LoadLittleEndian<int64_t>(entry);
  }
}

}  // namespace croupier::format
