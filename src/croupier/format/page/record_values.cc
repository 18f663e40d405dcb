#include "croupier/format/page/record_values.h"

#include <utility>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/mini_block_codec.h"

namespace croupier::format {

namespace {

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

arrow::Result<int64_t> LengthBytes(uint32_t length_bits) {
  if (length_bits == 32 || length_bits == 64) return int64_t{length_bits / 8};
  return arrow::Status::SerializationError("lengths of ", length_bits, " bits");
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
