#include "croupier/format/page/record_page.h"

#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/record_codec.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/list_record_page.h"
#include "croupier/format/page/record_values.h"
#include "croupier/format/page/rep_def.h"
#include "croupier/format/page/variable_assembler.h"

namespace croupier::format {

namespace {

arrow::Status CheckCounts(const FullZipLayout& layout, int64_t num_rows) {
  if (layout.bits_rep != 0) {
    return arrow::Status::SerializationError("repetition levels without lists");
  }
  if (layout.num_items == num_rows && layout.num_visible_items == num_rows)
    return arrow::Status::OK();
  return arrow::Status::SerializationError("the page has ", layout.num_items, " items, ",
                                           layout.num_visible_items, " of them visible, and ",
                                           num_rows, " rows");
}

// Control words of records without lists: which layers of a row are null.
class RecordLevels {
 public:
  arrow::Status Open(const Page& page, const FullZipLayout& layout) {
    ARROW_RETURN_NOT_OK(CheckCounts(layout, page.num_rows()));
    ARROW_ASSIGN_OR_RAISE(words_, ControlWords::Make(layout));
    ARROW_ASSIGN_OR_RAISE(levels_, PageLevels::Make(*page.path(), layout.layers, page.type()));
    num_layers_ = page.path()->layers().size();
    return arrow::Status::OK();
  }

  int64_t num_bytes() const { return words_.num_bytes(); }

  // Whether a row has no value; makes its slot null in the layers that are null, but for the leaf.
  arrow::Result<bool> IsNull(const uint8_t* record, uint32_t slot,
                             ColumnAssembler* assembler) const {
    const uint16_t def = words_.Def(record);
    if (def == 0) return false;
    if (def > levels_.max_def()) {
      return arrow::Status::SerializationError("a definition level is out of range: ", def, " of ",
                                               levels_.max_def());
    }
    for (size_t layer = 0; layer < num_layers_; ++layer) {
      if (levels_.IsNullIn(layer, def)) {
        ARROW_RETURN_NOT_OK(assembler->NullLayer(layer, slot));
      }
    }
    return true;
  }

 private:
  ControlWords words_;
  PageLevels levels_;
  size_t num_layers_ = 0;
};

class FixedRecordPage : public RecordPage {
 public:
  FixedRecordPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : RecordPage(num_rows, std::move(path)) {}

  arrow::Status Open(const PageMetadata& metadata, const FullZipLayout& layout) {
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::OfStored(*type()));
    ARROW_RETURN_NOT_OK(levels_.Open(*this, layout));
    ARROW_ASSIGN_OR_RAISE(codec_, RecordCodec::MakeFixed(*layout.value_compression, shape_));
    const int64_t value_bytes = codec_->value_bytes();
    if (*layout.bits_per_value != static_cast<uint64_t>(value_bytes) * 8) {
      return arrow::Status::SerializationError("records of ", *layout.bits_per_value,
                                               " bits, the encoding gives ", value_bytes * 8);
    }
    record_bytes_ = levels_.num_bytes() + value_bytes;
    if (record_bytes_ == 0 || metadata.buffers[0].size_bytes / record_bytes_ != num_rows() ||
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
    return levels_.num_bytes() == 0 && codec_->is_plain() ? record_bytes_ : 0;
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
      ARROW_RETURN_NOT_OK(codec_->is_plain() ? DecodePlain(records, run, assembler)
                                             : DecodeItems(records, run, assembler));
    }
    return arrow::Status::OK();
  }

 private:
  // Values that are nothing but whole bytes.
  arrow::Status DecodePlain(Bytes records, RowRun run, ColumnAssembler* assembler) const {
    const uint8_t* record = records.data();
    for (uint32_t i = 0; i < run.count; ++i, record += record_bytes_) {
      ARROW_ASSIGN_OR_RAISE(const bool is_null, levels_.IsNull(record, run.slot + i, assembler));
      if (is_null) {
        const RowRun null{run.row + i, run.slot + i, 1};
        ARROW_RETURN_NOT_OK(assembler->leaf()->AppendNulls({&null, 1}));
      } else {
        std::memcpy(assembler->FillInPlace(run.slot + i, 1), record + levels_.num_bytes(),
                    static_cast<size_t>(codec_->value_bytes()));
      }
    }
    return arrow::Status::OK();
  }

  // Booleans, and lists with validity of their items: by way of an array of the run's rows.
  arrow::Status DecodeItems(Bytes records, RowRun run, ColumnAssembler* assembler) const {
    auto* pool = DefaultMemoryPool();
    ARROW_ASSIGN_OR_RAISE(auto validity, arrow::AllocateEmptyBitmap(run.count, pool));
    std::vector<Bytes> values(run.count);  // null rows keep no bytes
    for (uint32_t i = 0; i < run.count; ++i) {
      const auto record = records.subspan(static_cast<size_t>(i * record_bytes_),
                                          static_cast<size_t>(record_bytes_));
      ARROW_ASSIGN_OR_RAISE(const bool is_null,
                            levels_.IsNull(record.data(), run.slot + i, assembler));
      if (is_null) continue;
      arrow::bit_util::SetBit(validity->mutable_data(), i);
      values[i] = record.subspan(static_cast<size_t>(levels_.num_bytes()));
    }
    ARROW_ASSIGN_OR_RAISE(auto block, codec_->Decode(values, pool));
    ARROW_ASSIGN_OR_RAISE(auto array,
                          MakeLeafArray(type(), shape_, std::move(block),
                                        {std::move(validity), arrow::kUnknownNullCount}));
    const RowRun rows{0, run.slot, run.count};
    return assembler->leaf()->Append({std::move(array)}, {&rows, 1});
  }

  LeafShape shape_;
  RecordLevels levels_;
  std::unique_ptr<RecordCodec> codec_;
  int64_t record_bytes_ = 0;
  int64_t offset_bytes_ = 0;
};

class VariableRecordPage : public RecordPage {
 public:
  VariableRecordPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : RecordPage(num_rows, std::move(path)) {}

  arrow::Status Open(const PageMetadata& metadata, const FullZipLayout& layout,
                     std::shared_ptr<arrow::Buffer> index) {
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::OfStored(*type()));
    ARROW_RETURN_NOT_OK(levels_.Open(*this, layout));
    ARROW_ASSIGN_OR_RAISE(length_bytes_, LengthBytes(*layout.bits_per_offset));
    if (shape_.kind == LeafShape::Kind::kPacked) {
      ARROW_ASSIGN_OR_RAISE(packed_, RecordCodec::MakeVariable(*layout.value_compression, shape_));
    } else {
      ARROW_ASSIGN_OR_RAISE(values_, VariableRecordValues::Make(*layout.value_compression, shape_,
                                                                *layout.bits_per_offset));
    }
    offset_bytes_ = metadata.buffers[0].offset_bytes;
    ARROW_ASSIGN_OR_RAISE(
        index_, RecordIndex::Make(std::move(index), num_rows(), metadata.buffers[0].size_bytes));
    return arrow::Status::OK();
  }

  int64_t memory_bytes() const override { return index_.memory_bytes() + values_.memory_bytes(); }

  ByteRange RecordRange(int64_t begin, int64_t end) const override {
    const int64_t first = index_.Start(begin);
    return {offset_bytes_ + first, index_.Start(end) - first};
  }

  int64_t plain_record_bytes() const override { return 0; }

  arrow::Status Decode(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    if (packed_ != nullptr) return DecodePacked(first_row, bytes, runs, assembler);
    // Assemblers of variable-width types are of one class.
    auto* values = static_cast<VariableAssembler*>(assembler->leaf());
    values->NoteUnchecked();
    return ForEachRecord(first_row, bytes, runs, [&](Bytes record, uint32_t slot) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(const auto value, ValueOf(record, slot, assembler));
      return value.has_value() ? values_.Note(*value, slot, values) : values->NoteNull(slot);
    });
  }

 private:
  // Call `handle(record, slot)` for the record of every row.
  template <typename Handle>
  arrow::Status ForEachRecord(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                              const Handle& handle) const {
    const int64_t base = index_.Start(first_row);
    for (const RowRun& run : runs) {
      int64_t begin = index_.Start(run.row) - base;
      for (uint32_t i = 0; i < run.count; ++i) {
        const int64_t end = index_.Start(int64_t{run.row} + i + 1) - base;
        if (begin < 0 || end > std::ssize(bytes)) {
          return arrow::Status::SerializationError("records are cut off");
        }
        const auto record =
            bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
        const auto status = handle(record, run.slot + i);
        if (!status.ok()) {
          return status.WithMessage("row ", int64_t{run.row} + i, ": ", status.message());
        }
        begin = end;
      }
    }
    return arrow::Status::OK();
  }

  // The value of a record; null rows have none.
  arrow::Result<std::optional<Bytes>> ValueOf(Bytes record, uint32_t slot,
                                              ColumnAssembler* assembler) const {
    ByteReader reader(record);
    ARROW_ASSIGN_OR_RAISE(const auto control,
                          reader.ReadBytes(static_cast<uint64_t>(levels_.num_bytes())));
    ARROW_ASSIGN_OR_RAISE(const bool is_null, levels_.IsNull(control.data(), slot, assembler));
    if (is_null) return std::nullopt;
    uint64_t length = 0;
    if (length_bytes_ == 4) {
      ARROW_ASSIGN_OR_RAISE(length, reader.Read<uint32_t>());
    } else {
      ARROW_ASSIGN_OR_RAISE(length, reader.Read<uint64_t>());
    }
    return reader.ReadBytes(length);
  }

  // Packed structs: by way of an array of each run's rows.
  arrow::Status DecodePacked(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                             ColumnAssembler* assembler) const {
    auto* pool = DefaultMemoryPool();
    for (const RowRun& run : runs) {
      std::vector<Bytes> values(run.count);  // null rows keep no bytes
      ARROW_ASSIGN_OR_RAISE(auto validity, arrow::AllocateEmptyBitmap(run.count, pool));
      ARROW_RETURN_NOT_OK(ForEachRecord(
          first_row, bytes, {&run, 1}, [&](Bytes record, uint32_t slot) -> arrow::Status {
            ARROW_ASSIGN_OR_RAISE(const auto value, ValueOf(record, slot, assembler));
            if (!value.has_value()) return arrow::Status::OK();
            values[slot - run.slot] = *value;
            arrow::bit_util::SetBit(validity->mutable_data(), slot - run.slot);
            return arrow::Status::OK();
          }));
      ARROW_ASSIGN_OR_RAISE(auto block, packed_->Decode(values, pool));
      ARROW_ASSIGN_OR_RAISE(auto array,
                            MakeLeafArray(type(), shape_, std::move(block),
                                          {std::move(validity), arrow::kUnknownNullCount}));
      const RowRun rows{0, run.slot, run.count};
      ARROW_RETURN_NOT_OK(assembler->leaf()->Append({std::move(array)}, {&rows, 1}));
    }
    return arrow::Status::OK();
  }

  LeafShape shape_;
  RecordLevels levels_;
  VariableRecordValues values_;          // unless packed_ is set
  std::unique_ptr<RecordCodec> packed_;  // null: values are strings or binary
  int64_t length_bytes_ = 4;
  RecordIndex index_;
  int64_t offset_bytes_ = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenRecordPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  const auto& layout = *metadata.layout.As<FullZipLayout>();
  if (path->num_lists() > 0) return OpenListRecordPage(metadata, std::move(path), headers);
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
