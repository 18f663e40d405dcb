#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/general_compression.h"
#include "croupier/format/page/array_values.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/variable_assembler.h"

namespace croupier::format {

namespace {

/// Strings and binary values: ends and nulls in a header, bytes one behind the other.
class VariableArrayValues : public ArrayValues {
 public:
  arrow::Status Open(const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type,
                     int64_t num_rows, const ArrayBuffers& buffers) {
    type_ = type;
    num_rows_ = num_rows;
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::OfStored(*type));
    const ArrayEncoding* inner = &encoding;
    if (const auto* fsst = encoding.As<FsstArray>()) {
      ARROW_ASSIGN_OR_RAISE(fsst_, FsstSymbolTable::Parse(fsst->symbol_table));
      inner = &fsst->binary->WithoutNoNulls();
    }
    const auto* binary = inner->As<BinaryArray>();
    if (shape_.kind != LeafShape::Kind::kVariable || binary == nullptr) {
      return arrow::Status::SerializationError("the encoding ", Describe(encoding),
                                               " cannot give values of the type ",
                                               type->ToString());
    }
    ARROW_ASSIGN_OR_RAISE(const auto indices,
                          FlatIntegers::Open(*binary->indices, num_rows, buffers));
    ARROW_ASSIGN_OR_RAISE(ends_, NullableEnds::Parse(indices, binary->null_adjustment, num_rows));
    return OpenBytes(*binary->bytes, buffers);
  }

  int64_t memory_bytes() const override {
    return ends_.memory_bytes() +
           (fsst_.has_value() ? static_cast<int64_t>(sizeof(FsstSymbolTable)) : 0);
  }
  int64_t mean_row_bits() const override { return ends_.total / num_rows_ * 8; }
  int64_t row_alignment() const override { return compression_.has_value() ? INT64_MAX : 1; }

  ByteRange DataRange(int64_t begin, int64_t end) const override {
    if (compression_.has_value()) return data_;
    return {data_.offset_bytes + ends_.Begin(begin), ends_.Begin(end) - ends_.Begin(begin)};
  }

  bool are_wide() const override {
    return !compression_.has_value() && mean_row_bits() >= kWideRowBits;
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> Decode(int64_t begin, int64_t end, Bytes bytes,
                                                          arrow::MemoryPool* pool) const override {
    std::shared_ptr<arrow::Buffer> decompressed;
    if (compression_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(decompressed, Decompress(*compression_, bytes, pool));
      bytes = {decompressed->data(), static_cast<size_t>(decompressed->size())};
    }
    if (ends_.Begin(end) - ends_.Begin(begin) > std::ssize(bytes)) {
      return arrow::Status::SerializationError("values are cut off: ", bytes.size(), " bytes of ",
                                               ends_.Begin(end) - ends_.Begin(begin));
    }
    ARROW_ASSIGN_OR_RAISE(auto block, shape_.offset_bits == 32
                                          ? DecodeBlock<int32_t>(begin, end, bytes, pool)
                                          : DecodeBlock<int64_t>(begin, end, bytes, pool));
    ARROW_ASSIGN_OR_RAISE(auto validity, SliceValidity(ends_.validity, begin, end - begin, pool));
    const int64_t null_count = validity == nullptr ? 0 : arrow::kUnknownNullCount;
    return MakeLeafArray(type_, shape_, std::move(block), {std::move(validity), null_count});
  }

  arrow::Status Append(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    // Assemblers of variable-width types are of one class.
    auto* values = static_cast<VariableAssembler*>(assembler);
    values->NoteUnchecked();
    const int64_t base = ends_.Begin(first_row);
    for (const RowRun& run : runs) {
      for (uint32_t i = 0; i < run.count; ++i) {
        const int64_t row = int64_t{run.row} + i;
        if (ends_.validity != nullptr && !arrow::bit_util::GetBit(ends_.validity->data(), row)) {
          ARROW_RETURN_NOT_OK(values->NoteNull(run.slot + i));
          continue;
        }
        const int64_t begin = ends_.Begin(row) - base;
        const int64_t end = ends_.Begin(row + 1) - base;
        if (begin < 0 || end > std::ssize(bytes)) {
          return arrow::Status::SerializationError("values are cut off");
        }
        const auto value =
            bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
        if (fsst_.has_value()) {
          ARROW_RETURN_NOT_OK(values->NoteFsst(run.slot + i, &*fsst_, value));
        } else {
          values->NotePlain(run.slot + i, value);
        }
      }
    }
    return arrow::Status::OK();
  }

 private:
  arrow::Status OpenBytes(const ArrayEncoding& encoding, const ArrayBuffers& buffers) {
    const auto* flat = encoding.WithoutNoNulls().As<FlatArray>();
    if (flat == nullptr || !flat->compression.has_value()) {
      // A page of nulls alone may have no bytes, and then says so.
      const auto* nullable = encoding.As<NullableArray>();
      if (nullable != nullptr && nullable->values == nullptr && ends_.total == 0) {
        return arrow::Status::OK();
      }
      return LocateFlat(encoding, 8, ends_.total, buffers).Value(&data_);
    }
    compression_ = flat->compression;
    return buffers.Range(flat->buffer).Value(&data_);
  }

  // Copy or decode the values of `bytes`, which begin with that of row `begin`.
  template <typename Offset>
  arrow::Result<ValueBlock> DecodeBlock(int64_t begin, int64_t end, Bytes bytes,
                                        arrow::MemoryPool* pool) const {
    ValueBlock block;
    block.num_values = end - begin;
    const int64_t base = ends_.Begin(begin);
    const auto value = [&](int64_t row) {
      return bytes.subspan(static_cast<size_t>(ends_.Begin(row) - base),
                           static_cast<size_t>(ends_.Begin(row + 1) - ends_.Begin(row)));
    };
    ARROW_ASSIGN_OR_RAISE(
        auto buffer,
        arrow::AllocateBuffer((block.num_values + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
    auto* offsets = reinterpret_cast<Offset*>(buffer->mutable_data());
    int64_t total = 0;
    for (int64_t row = begin; row < end; ++row) {
      offsets[row - begin] = static_cast<Offset>(total);
      if (fsst_.has_value()) {
        ARROW_ASSIGN_OR_RAISE(const int64_t size, fsst_->DecodedSize(value(row)));
        total += size;
      } else {
        total = ends_.Begin(row + 1) - base;
      }
      if (total > std::numeric_limits<Offset>::max()) {
        return arrow::Status::CapacityError(
            "a chunk of values has more than 2 GiB, which the type ", type_->ToString(),
            " cannot hold");
      }
    }
    offsets[block.num_values] = static_cast<Offset>(total);
    block.offsets = std::move(buffer);
    if (!fsst_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(block.data, CopyBytes(bytes.first(static_cast<size_t>(total)), pool));
      return block;
    }
    ARROW_ASSIGN_OR_RAISE(
        auto data, arrow::AllocateResizableBuffer(total + FsstSymbolTable::kSlackBytes, pool));
    uint8_t* destination = data->mutable_data();
    for (int64_t row = begin; row < end; ++row)
      destination = fsst_->Decode(value(row), destination);
    ARROW_RETURN_NOT_OK(data->Resize(total, /*shrink_to_fit=*/false));
    block.data = std::move(data);
    return block;
  }

  std::shared_ptr<arrow::DataType> type_;
  LeafShape shape_;
  int64_t num_rows_ = 0;
  NullableEnds ends_;  // in the bytes, decompressed but still coded
  ByteRange data_;
  std::optional<CompressionScheme> compression_;  // of all bytes together
  std::optional<FsstSymbolTable> fsst_;           // of each value by itself
};

}  // namespace

arrow::Result<std::unique_ptr<const ArrayValues>> OpenVariableArray(
    const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers) {
  auto values = std::make_unique<VariableArrayValues>();
  ARROW_RETURN_NOT_OK(values->Open(encoding, type, num_rows, buffers));
  return values;
}

}  // namespace croupier::format
