#include "croupier/format/page/record_page.h"

#include <cstring>
#include <optional>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/mini_block_codec.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/rep_def.h"
#include "croupier/format/page/variable_assembler.h"

namespace croupier::format {

namespace {

// Bytes in front of every record.
arrow::Result<int64_t> ControlWordBytes(const FullZipLayout& layout) {
  if (layout.bits_rep != 0) {
    return arrow::Status::NotImplemented("cannot read values below lists yet");
  }
  if (layout.bits_def > 15) {
    return arrow::Status::SerializationError("definition levels of ", layout.bits_def, " bits");
  }
  return layout.bits_def == 0 ? 0 : layout.bits_def <= 8 ? 1 : 2;
}

// The definition level of a record; 1 is null.
arrow::Result<bool> IsNull(const uint8_t* record, int64_t control_bytes) {
  const uint32_t level = control_bytes == 0   ? 0
                         : control_bytes == 1 ? *record
                                              : LoadLittleEndian<uint16_t>(record);
  if (level > 1)
    return arrow::Status::SerializationError("a definition level is out of range: ", level);
  return level == 1;
}

arrow::Status CheckCounts(const FullZipLayout& layout, int64_t num_rows) {
  if (layout.num_items == num_rows && layout.num_visible_items == num_rows)
    return arrow::Status::OK();
  return arrow::Status::SerializationError("the page has ", layout.num_items, " items, ",
                                           layout.num_visible_items, " of them visible, and ",
                                           num_rows, " rows");
}

arrow::Status CannotRead(const CompressiveEncoding& encoding) {
  return arrow::Status::NotImplemented("cannot read the encoding ", Describe(encoding),
                                       " in a full-zip page yet");
}

class FixedRecordPage : public RecordPage {
 public:
  FixedRecordPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : RecordPage(num_rows, std::move(path)) {}

  arrow::Status Open(const PageMetadata& metadata, const FullZipLayout& layout) {
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::Of(*type()));
    ARROW_RETURN_NOT_OK(CheckLeafLayers(layout.layers).status());
    ARROW_RETURN_NOT_OK(CheckCounts(layout, num_rows()));
    ARROW_ASSIGN_OR_RAISE(control_bytes_, ControlWordBytes(layout));
    if (shape_.kind != LeafShape::Kind::kFixed) {
      return arrow::Status::SerializationError("fixed-width records for values of the type ",
                                               type()->ToString());
    }
    ARROW_RETURN_NOT_OK(OpenValues(*layout.value_compression));
    if (*layout.bits_per_value != static_cast<uint64_t>(value_bytes_) * 8) {
      return arrow::Status::SerializationError("records of ", *layout.bits_per_value,
                                               " bits, the encoding gives ", value_bytes_ * 8);
    }
    record_bytes_ = control_bytes_ + value_bytes_;
    if (metadata.buffers[0].size_bytes / record_bytes_ != num_rows() ||
        metadata.buffers[0].size_bytes % record_bytes_ != 0) {
      return arrow::Status::SerializationError(num_rows(), " records of ", record_bytes_,
                                               " bytes in ", metadata.buffers[0].size_bytes);
    }
    offset_bytes_ = metadata.buffers[0].offset_bytes;
    return arrow::Status::OK();
  }

  int64_t memory_bytes() const override { return 0; }

  ByteRange RecordRange(int64_t begin, int64_t end) const override {
    return {offset_bytes_ + begin * record_bytes_, (end - begin) * record_bytes_};
  }

  int64_t plain_record_bytes() const override {
    return control_bytes_ == 0 && is_plain_ ? record_bytes_ : 0;
  }

  arrow::Status Decode(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    for (const RowRun& run : runs) {
      const auto begin = static_cast<uint64_t>((run.row - first_row) * record_bytes_);
      const auto size = static_cast<uint64_t>(run.count * record_bytes_);
      if (begin > bytes.size() || size > bytes.size() - begin) {
        return arrow::Status::SerializationError("records are cut off");
      }
      const Bytes records = bytes.subspan(begin, size);
      ARROW_RETURN_NOT_OK(is_plain_ ? DecodePlain(records, run, assembler)
                                    : DecodeItems(records, run, assembler));
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Status OpenValues(const CompressiveEncoding& encoding) {
    // A boolean is a byte in a record.
    const bool widened = shape_.item_bits == 1 && shape_.dimensions.empty();
    is_plain_ = shape_.item_bits != 1;
    const CompressiveEncoding* items = &encoding;
    int64_t items_per_row = 1;
    for (const int64_t dimension : shape_.dimensions) {
      const auto* list = items->As<FixedSizeListEncoding>();
      if (list == nullptr || list->items_per_value != static_cast<uint64_t>(dimension)) {
        return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                                 " cannot give values of the type ",
                                                 type()->ToString());
      }
      items_per_row *= dimension;
      validity_bytes_.push_back(list->has_validity ? (items_per_row + 7) / 8 : 0);
      value_bytes_ += validity_bytes_.back();
      if (list->has_validity) is_plain_ = false;
      items = list->values.get();
    }
    if (const auto* constant = items->As<ConstantEncoding>();
        constant != nullptr && !constant->value.has_value() && !shape_.dimensions.empty()) {
      all_items_null_ = true;
      is_plain_ = false;
      return arrow::Status::OK();
    }
    const auto* flat = items->As<FlatEncoding>();
    if (flat == nullptr) return CannotRead(encoding);
    const int64_t stored_bits = widened ? 8 : shape_.item_bits;
    if (flat->bits_per_value != static_cast<uint64_t>(stored_bits)) {
      return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                               " for items of ", stored_bits, " bits");
    }
    if (stored_bits * items_per_row % 8 != 0) return CannotRead(encoding);
    value_bytes_ += stored_bits * items_per_row / 8;
    return arrow::Status::OK();
  }

  // Values that are nothing but whole bytes.
  arrow::Status DecodePlain(Bytes records, RowRun run, ColumnAssembler* assembler) const {
    const uint8_t* record = records.data();
    for (uint32_t i = 0; i < run.count; ++i, record += record_bytes_) {
      ARROW_ASSIGN_OR_RAISE(const bool is_null, IsNull(record, control_bytes_));
      if (is_null) {
        const RowRun null{run.row + i, run.slot + i, 1};
        ARROW_RETURN_NOT_OK(assembler->AppendNulls({&null, 1}));
      } else {
        std::memcpy(assembler->FillInPlace(run.slot + i, 1), record + control_bytes_,
                    static_cast<size_t>(value_bytes_));
      }
    }
    return arrow::Status::OK();
  }

  // Booleans, and lists with validity of their items: by way of an array of the run's rows.
  arrow::Status DecodeItems(Bytes records, RowRun run, ColumnAssembler* assembler) const {
    auto* pool = arrow::default_memory_pool();
    const int64_t num_items = run.count * shape_.items_per_row;
    ValueBlock block;
    block.num_values = run.count;
    ARROW_ASSIGN_OR_RAISE(auto data,
                          arrow::AllocateEmptyBitmap(num_items * shape_.item_bits, pool));
    ARROW_ASSIGN_OR_RAISE(auto row_validity, arrow::AllocateEmptyBitmap(run.count, pool));
    std::vector<int64_t> items_per_row;
    for (size_t depth = 0; depth < validity_bytes_.size(); ++depth) {
      items_per_row.push_back((depth == 0 ? 1 : items_per_row.back()) * shape_.dimensions[depth]);
      auto& validity = block.item_validity.emplace_back();
      const bool is_innermost = depth + 1 == validity_bytes_.size();
      if (validity_bytes_[depth] > 0 || (is_innermost && all_items_null_)) {
        ARROW_ASSIGN_OR_RAISE(validity,
                              arrow::AllocateEmptyBitmap(run.count * items_per_row[depth], pool));
      }
    }
    for (int64_t i = 0; i < run.count; ++i) {
      const uint8_t* value = records.data() + i * record_bytes_;
      ARROW_ASSIGN_OR_RAISE(const bool is_null, IsNull(value, control_bytes_));
      arrow::bit_util::SetBitTo(row_validity->mutable_data(), i, !is_null);
      value += control_bytes_;
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
    ARROW_ASSIGN_OR_RAISE(auto array,
                          MakeLeafArray(type(), shape_, std::move(block),
                                        {std::move(row_validity), arrow::kUnknownNullCount}));
    const RowRun rows{0, run.slot, run.count};
    return assembler->Append({std::move(array)}, {&rows, 1});
  }

  LeafShape shape_;
  int64_t control_bytes_ = 0;
  int64_t value_bytes_ = 0;
  int64_t record_bytes_ = 0;
  int64_t offset_bytes_ = 0;
  std::vector<int64_t> validity_bytes_;  // in a record, for the items of each dimension
  bool all_items_null_ = false;
  bool is_plain_ = false;
};

class VariableRecordPage : public RecordPage {
 public:
  VariableRecordPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : RecordPage(num_rows, std::move(path)) {}

  arrow::Status Open(const PageMetadata& metadata, const FullZipLayout& layout,
                     std::shared_ptr<arrow::Buffer> index) {
    ARROW_ASSIGN_OR_RAISE(const auto shape, LeafShape::Of(*type()));
    ARROW_RETURN_NOT_OK(CheckLeafLayers(layout.layers).status());
    ARROW_RETURN_NOT_OK(CheckCounts(layout, num_rows()));
    ARROW_ASSIGN_OR_RAISE(control_bytes_, ControlWordBytes(layout));
    if (shape.kind != LeafShape::Kind::kVariable) {
      return arrow::Status::SerializationError("variable-width records for values of the type ",
                                               type()->ToString());
    }
    if (*layout.bits_per_offset != static_cast<uint64_t>(shape.offset_bits)) {
      return arrow::Status::SerializationError("lengths of ", *layout.bits_per_offset,
                                               " bits for values of the type ", type()->ToString());
    }
    length_bytes_ = shape.offset_bits / 8;
    ARROW_RETURN_NOT_OK(OpenValues(*layout.value_compression));
    offset_bytes_ = metadata.buffers[0].offset_bytes;
    return OpenIndex(std::move(index), metadata.buffers[0].size_bytes);
  }

  int64_t memory_bytes() const override {
    return index_->size() + (fsst_.has_value() ? static_cast<int64_t>(sizeof(FsstSymbolTable)) : 0);
  }

  ByteRange RecordRange(int64_t begin, int64_t end) const override {
    const int64_t first = Start(begin);
    return {offset_bytes_ + first, Start(end) - first};
  }

  int64_t plain_record_bytes() const override { return 0; }

  arrow::Status Decode(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    // Assemblers of variable-width types are of one class.
    auto* values = static_cast<VariableAssembler*>(assembler);
    values->NoteUnchecked();
    const int64_t base = Start(first_row);
    for (const RowRun& run : runs) {
      int64_t begin = Start(run.row) - base;
      for (uint32_t i = 0; i < run.count; ++i) {
        const int64_t end = Start(int64_t{run.row} + i + 1) - base;
        if (begin < 0 || end > std::ssize(bytes)) {
          return arrow::Status::SerializationError("records are cut off");
        }
        const auto record =
            bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
        const auto status = NoteRecord(record, run.slot + i, values);
        if (!status.ok()) {
          return status.WithMessage("row ", int64_t{run.row} + i, ": ", status.message());
        }
        begin = end;
      }
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Status OpenValues(const CompressiveEncoding& encoding) {
    const CompressiveEncoding* inner = &encoding;
    if (const auto* general = encoding.As<GeneralEncoding>()) {
      compression_ = general->scheme;
      inner = general->values.get();
    } else if (const auto* fsst = encoding.As<FsstEncoding>()) {
      ARROW_ASSIGN_OR_RAISE(fsst_, FsstSymbolTable::Parse(fsst->symbol_table));
      inner = fsst->values.get();
    }
    const auto* variable = inner->As<VariableEncoding>();
    if (variable == nullptr) return CannotRead(encoding);
    ARROW_ASSIGN_OR_RAISE(const int64_t bits, FlatBits(variable->offsets));
    if (bits != length_bytes_ * 8) {
      return arrow::Status::SerializationError("offsets of ", bits, " bits, lengths of ",
                                               length_bytes_ * 8);
    }
    return arrow::Status::OK();
  }

  arrow::Status OpenIndex(std::shared_ptr<arrow::Buffer> index, int64_t data_bytes) {
    index_ = std::move(index);
    index_width_ = index_->size() / (num_rows() + 1);
    if ((index_width_ != 1 && index_width_ != 2 && index_width_ != 4 && index_width_ != 8) ||
        index_->size() % (num_rows() + 1) != 0) {
      return arrow::Status::SerializationError("the index of ", num_rows(), " rows has ",
                                               index_->size(), " bytes");
    }
    uint64_t previous = 0;
    for (int64_t row = 0; row <= num_rows(); ++row) {
      const auto start = static_cast<uint64_t>(Start(row));
      if (start < previous || start > static_cast<uint64_t>(data_bytes)) {
        return arrow::Status::SerializationError("record ", row, " begins at ", start, " of ",
                                                 data_bytes, ", after ", previous);
      }
      previous = start;
    }
    return arrow::Status::OK();
  }

  int64_t Start(int64_t row) const {
    const uint8_t* entry = index_->data() + row * index_width_;
    switch (index_width_) {
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

  arrow::Status NoteRecord(Bytes record, uint32_t slot, VariableAssembler* values) const {
    ByteReader reader(record);
    ARROW_ASSIGN_OR_RAISE(const auto control,
                          reader.ReadBytes(static_cast<uint64_t>(control_bytes_)));
    ARROW_ASSIGN_OR_RAISE(const bool is_null, IsNull(control.data(), control_bytes_));
    if (is_null) return values->NoteNull(slot);
    uint64_t length = 0;
    if (length_bytes_ == 4) {
      ARROW_ASSIGN_OR_RAISE(length, reader.Read<uint32_t>());
    } else {
      ARROW_ASSIGN_OR_RAISE(length, reader.Read<uint64_t>());
    }
    ARROW_ASSIGN_OR_RAISE(const auto value, reader.ReadBytes(length));
    if (compression_.has_value()) return values->NoteCompressed(slot, *compression_, value);
    if (fsst_.has_value()) return values->NoteFsst(slot, &*fsst_, value);
    values->NotePlain(slot, value);
    return arrow::Status::OK();
  }

  int64_t control_bytes_ = 0;
  int64_t length_bytes_ = 4;
  int64_t offset_bytes_ = 0;
  std::shared_ptr<arrow::Buffer> index_;
  int64_t index_width_ = 1;
  std::optional<CompressionScheme> compression_;  // of each value by itself
  std::optional<FsstSymbolTable> fsst_;
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenRecordPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  const auto& layout = *metadata.layout.As<FullZipLayout>();
  if (layout.bits_per_value.has_value()) {
    auto page = std::make_shared<FixedRecordPage>(metadata.num_rows, std::move(path));
    ARROW_RETURN_NOT_OK(page->Open(metadata, layout));
    return page;
  }
  if (headers.empty())
    return arrow::Status::SerializationError("the page has no index of its rows");
  auto page = std::make_shared<VariableRecordPage>(metadata.num_rows, std::move(path));
  ARROW_RETURN_NOT_OK(page->Open(metadata, layout, headers[0]));
  return page;
}

}  // namespace croupier::format
