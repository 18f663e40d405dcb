#include "croupier/format/page/array_page.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/page/array_values.h"
#include "croupier/format/page/list_page.h"

namespace croupier::format {

namespace {

// Pages have no chunks of their own: they are cut into some of about the size that later formats
// have, each a power of two of rows.
constexpr int64_t kChunkBits = 8 * (8 << 10);
constexpr int64_t kMaxChunkRows = 1 << 20;
// Short strings with a few very long ones among them are rather read one by one.
constexpr int64_t kMaxChunkBytes = 1 << 20;

class ArrayChunkPage : public ChunkPage {
 public:
  ArrayChunkPage(int64_t num_rows, std::shared_ptr<const LeafPath> path,
                 std::unique_ptr<const ArrayValues> values, int64_t rows_per_chunk)
      : ChunkPage(num_rows, std::move(path)),
        values_(std::move(values)),
        rows_per_chunk_(rows_per_chunk) {}

  int64_t memory_bytes() const override { return values_->memory_bytes(); }
  int64_t num_chunks() const override { return (num_rows() - 1) / rows_per_chunk_ + 1; }
  Chunk chunk(int64_t chunk_index) const override {
    const int64_t begin = chunk_index * rows_per_chunk_;
    const int64_t count = std::min(rows_per_chunk_, num_rows() - begin);
    return {begin, count, values_->DataRange(begin, begin + count)};
  }
  int64_t ChunkOf(int64_t row) const override { return row / rows_per_chunk_; }

  arrow::Result<DecodedRows> DecodeChunk(int64_t chunk_index, Bytes bytes,
                                         arrow::MemoryPool* pool) const override {
    const Chunk rows = chunk(chunk_index);
    auto decoded = values_->Decode(rows.first_row, rows.first_row + rows.num_rows, bytes, pool);
    if (!decoded.ok()) {
      return decoded.status().WithMessage("chunk ", chunk_index, ": ", decoded.status().message());
    }
    return DecodedRows{*std::move(decoded)};
  }

 private:
  const std::unique_ptr<const ArrayValues> values_;
  const int64_t rows_per_chunk_;
};

class ArrayRecordPage : public RecordPage {
 public:
  ArrayRecordPage(int64_t num_rows, std::shared_ptr<const LeafPath> path,
                  std::unique_ptr<const ArrayValues> values)
      : RecordPage(num_rows, std::move(path)), values_(std::move(values)) {}

  int64_t memory_bytes() const override { return values_->memory_bytes(); }
  ByteRange RecordRange(int64_t begin, int64_t end) const override {
    return values_->DataRange(begin, end);
  }
  int64_t plain_record_bytes() const override { return values_->plain_row_bytes(); }
  arrow::Status Decode(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                       ColumnAssembler* assembler) const override {
    return values_->Append(first_row, bytes, runs, assembler);
  }

 private:
  const std::unique_ptr<const ArrayValues> values_;
};

class AllNullPage : public ConstantPage {
 public:
  AllNullPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : ConstantPage(num_rows, std::move(path)) {}

  int64_t memory_bytes() const override { return 0; }
  arrow::Status Decode(std::span<const RowRun> runs, ColumnAssembler* assembler) const override {
    return assembler->AppendNulls(runs);
  }
};

// Structs without members, which are never null in this format.
class EmptyStructPage : public ConstantPage {
 public:
  EmptyStructPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : ConstantPage(num_rows, std::move(path)) {}

  int64_t memory_bytes() const override { return 0; }
  arrow::Status Decode(std::span<const RowRun> runs, ColumnAssembler* assembler) const override {
    return assembler->Append({arrow::ArrayData::Make(type(), num_rows(), {nullptr}, 0)}, runs);
  }
};

int64_t RowsPerChunk(const ArrayValues& values, int64_t num_rows) {
  if (values.row_alignment() == INT64_MAX) return num_rows;
  const int64_t row_bits = std::max<int64_t>(values.mean_row_bits(), 1);
  const auto rows = static_cast<int64_t>(std::bit_floor(
      static_cast<uint64_t>(std::clamp(kChunkBits / row_bits, int64_t{1}, kMaxChunkRows))));
  return std::max(rows, values.row_alignment());
}

// Whether every chunk is of a size that is worth reading for one of its rows, or rows cannot be
// read otherwise.
bool AreChunksSmall(const ArrayValues& values, int64_t num_rows, int64_t rows_per_chunk) {
  if (values.row_alignment() != 1) return true;
  for (int64_t begin = 0; begin < num_rows; begin += rows_per_chunk) {
    const int64_t end = std::min(begin + rows_per_chunk, num_rows);
    if (values.DataRange(begin, end).size_bytes > kMaxChunkBytes) return false;
  }
  return true;
}

}  // namespace

std::vector<ByteRange> ArrayHeaderRanges(const PageMetadata& metadata) {
  const auto& encoding = *metadata.layout.As<ArrayLayout>()->encoding;
  std::vector<ByteRange> ranges;
  for (const uint32_t number : ArrayBuffers::HeaderNumbers(encoding)) {
    // A number without a buffer is found when the page is opened.
    ranges.push_back(number < metadata.buffers.size() ? metadata.buffers[number] : ByteRange());
  }
  return ranges;
}

arrow::Result<std::shared_ptr<const Page>> OpenArrayPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  const auto& encoding = *metadata.layout.As<ArrayLayout>()->encoding;
  const int64_t num_rows = metadata.num_rows;
  const auto* nullable = encoding.WithoutNoNulls().As<NullableArray>();
  if (nullable != nullptr && nullable->values == nullptr) {
    return std::make_shared<AllNullPage>(num_rows, std::move(path));
  }
  if (path->kind() == LeafKind::kEmptyStruct && encoding.As<StructArray>() != nullptr) {
    return std::make_shared<EmptyStructPage>(num_rows, std::move(path));
  }
  const ArrayBuffers buffers(encoding, metadata.buffers, headers);
  if (const auto* list = encoding.As<ListArray>()) {
    return ListPage::Open(*list, num_rows, std::move(path), buffers);
  }
  ARROW_ASSIGN_OR_RAISE(auto values,
                        ArrayValues::Open(encoding, path->leaf_type(), num_rows, buffers));
  const int64_t rows_per_chunk = RowsPerChunk(*values, num_rows);
  if (values->are_wide() || !AreChunksSmall(*values, num_rows, rows_per_chunk)) {
    return std::make_shared<ArrayRecordPage>(num_rows, std::move(path), std::move(values));
  }
  return std::make_shared<ArrayChunkPage>(num_rows, std::move(path), std::move(values),
                                          rows_per_chunk);
}

}  // namespace croupier::format
