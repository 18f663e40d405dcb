#include "croupier/format/page/list_record_page.h"

#include <optional>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/record_codec.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/record_values.h"
#include "croupier/format/page/rep_def.h"
#include "croupier/format/page/variable_assembler.h"

namespace croupier::format {

namespace {

// The records of some rows: their levels, and where values are.
struct Records {
  std::vector<uint16_t> rep;
  std::vector<uint16_t> def;
  std::vector<Bytes> values;  // of fixed width: also of null ones; else empty for these
};

class ListRecordPage : public RecordPage {
 public:
  ListRecordPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : RecordPage(num_rows, std::move(path)) {}

  arrow::Status Open(const PageMetadata& metadata, const FullZipLayout& layout,
                     std::shared_ptr<arrow::Buffer> index) {
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::OfStored(*type()));
    ARROW_ASSIGN_OR_RAISE(words_, ControlWords::Make(layout));
    ARROW_ASSIGN_OR_RAISE(levels_, PageLevels::Make(*path(), layout.layers, type()));
    if (layout.bits_rep == 0) {
      return arrow::Status::SerializationError("lists without repetition levels");
    }
    if (layout.bits_per_value.has_value()) {
      ARROW_ASSIGN_OR_RAISE(codec_, RecordCodec::MakeFixed(*layout.value_compression, shape_));
      if (*layout.bits_per_value != static_cast<uint64_t>(codec_->value_bytes()) * 8) {
        return arrow::Status::SerializationError("records of ", *layout.bits_per_value,
                                                 " bits, the encoding gives ",
                                                 codec_->value_bytes() * 8);
      }
    } else if (shape_.kind == LeafShape::Kind::kPacked) {
      ARROW_ASSIGN_OR_RAISE(codec_, RecordCodec::MakeVariable(*layout.value_compression, shape_));
      ARROW_ASSIGN_OR_RAISE(length_bytes_, LengthBytes(*layout.bits_per_offset));
    } else {
      length_bytes_ = *layout.bits_per_offset / 8;
      ARROW_ASSIGN_OR_RAISE(variable_, VariableRecordValues::Make(*layout.value_compression, shape_,
                                                                  *layout.bits_per_offset));
    }
    offset_bytes_ = metadata.buffers[0].offset_bytes;
    ARROW_ASSIGN_OR_RAISE(
        index_, RecordIndex::Make(std::move(index), num_rows(), metadata.buffers[0].size_bytes));
    return arrow::Status::OK();
  }

  int64_t memory_bytes() const override {
    return index_.memory_bytes() + (variable_.has_value() ? variable_->memory_bytes() : 0);
  }

  ByteRange RecordRange(int64_t begin, int64_t end) const override {
    const int64_t first = index_.Start(begin);
    return {offset_bytes_ + first, index_.Start(end) - first};
  }

  int64_t plain_record_bytes() const override { return 0; }

  arrow::Status Decode(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    const int64_t base = index_.Start(first_row);
    for (const RowRun& run : runs) {
      Records records;
      for (int64_t row = run.row; row < int64_t{run.row} + run.count; ++row) {
        const int64_t begin = index_.Start(row) - base;
        const int64_t end = index_.Start(row + 1) - base;
        if (begin < 0 || end > std::ssize(bytes)) {
          return arrow::Status::SerializationError("records are cut off");
        }
        const auto status = ParseRow(
            bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), &records);
        if (!status.ok()) return status.WithMessage("row ", row, ": ", status.message());
      }
      ARROW_ASSIGN_OR_RAISE(const auto rows, DecodeRows(records));
      const RowRun all{0, run.slot, run.count};
      ARROW_RETURN_NOT_OK(assembler->Append(rows, {&all, 1}));
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Result<DecodedRows> DecodeRows(const Records& records) const {
    auto* pool = DefaultMemoryPool();
    const Levels levels{records.rep.data(), records.def.data(), std::ssize(records.rep)};
    ARROW_ASSIGN_OR_RAISE(auto nesting, levels_.Unravel(levels, std::ssize(records.values), pool));
    ARROW_ASSIGN_OR_RAISE(auto leaf, codec_ != nullptr ? GatherByCodec(records, nesting, pool)
                                                       : GatherVariable(records, pool));
    return levels_.Nest(std::move(nesting), std::move(leaf));
  }

  // Add the records of one row, which fill the bytes.
  arrow::Status ParseRow(Bytes bytes, Records* records) const {
    const size_t first = records->rep.size();
    ByteReader reader(bytes);
    while (reader.position() < bytes.size()) {
      ARROW_ASSIGN_OR_RAISE(const auto control,
                            reader.ReadBytes(static_cast<uint64_t>(words_.num_bytes())));
      records->rep.push_back(words_.Rep(control.data()));
      records->def.push_back(words_.Def(control.data()));
      const uint16_t def = records->def.back();
      if (def > levels_.max_visible_def()) continue;
      uint64_t length = 0;
      if (length_bytes_ == 0) {
        length = static_cast<uint64_t>(codec_->value_bytes());
      } else if (def == 0 && length_bytes_ == 4) {
        ARROW_ASSIGN_OR_RAISE(length, reader.Read<uint32_t>());
      } else if (def == 0) {
        ARROW_ASSIGN_OR_RAISE(length, reader.Read<uint64_t>());
      }
      ARROW_ASSIGN_OR_RAISE(const auto value, reader.ReadBytes(length));
      records->values.push_back(value);
    }
    for (size_t i = first; i < records->rep.size(); ++i) {
      if ((records->rep[i] == levels_.max_rep()) != (i == first)) {
        return arrow::Status::SerializationError("a row begins inside another, or not at all");
      }
    }
    if (records->rep.size() > first) return arrow::Status::OK();
    return arrow::Status::SerializationError("a row without records");
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> GatherByCodec(const Records& records,
                                                                 const Nesting& nesting,
                                                                 arrow::MemoryPool* pool) const {
    std::vector<Bytes> values = records.values;
    size_t item = 0;
    for (const uint16_t def : records.def) {
      if (def > levels_.max_visible_def()) continue;
      if (def > 0) values[item] = {};
      ++item;
    }
    ARROW_ASSIGN_OR_RAISE(auto block, codec_->Decode(values, pool));
    return MakeLeafArray(type(), shape_, std::move(block), nesting.leaf);
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> GatherVariable(const Records& records,
                                                                  arrow::MemoryPool* pool) const {
    VariableAssembler assembler(type(), shape_, std::ssize(records.values), pool);
    assembler.NoteUnchecked();
    uint32_t slot = 0;
    for (const uint16_t def : records.def) {
      if (def > levels_.max_visible_def()) continue;
      ARROW_RETURN_NOT_OK(def == 0 ? variable_->Note(records.values[slot], slot, &assembler)
                                   : assembler.NoteNull(slot));
      ++slot;
    }
    return assembler.Finish();
  }

  LeafShape shape_;
  ControlWords words_;
  PageLevels levels_;
  std::unique_ptr<RecordCodec> codec_;  // exactly one of the two is set
  std::optional<VariableRecordValues> variable_;
  int64_t length_bytes_ = 0;  // in front of a value; 0: of a fixed width
  RecordIndex index_;
  int64_t offset_bytes_ = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenListRecordPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  if (headers.empty()) {
    return arrow::Status::SerializationError("the page has no index of its rows");
  }
  auto page = std::make_shared<ListRecordPage>(metadata.num_rows, std::move(path));
  ARROW_RETURN_NOT_OK(page->Open(metadata, *metadata.layout.As<FullZipLayout>(), headers[0]));
  return page;
}

}  // namespace croupier::format
