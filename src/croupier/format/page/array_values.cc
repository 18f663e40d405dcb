#include "croupier/format/page/array_values.h"

#include <cstring>
#include <limits>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"

namespace croupier::format {

namespace {

constexpr uint64_t kMaxTotal = uint64_t{1} << 62;

// Append the numbers of the headers below an encoding; of `whole` ones all buffers are.
void AppendHeaders(const ArrayEncoding& encoding, bool whole, std::vector<uint32_t>* numbers) {
  if (const auto* flat = encoding.As<FlatArray>()) {
    if (whole) numbers->push_back(flat->buffer);
  } else if (const auto* nullable = encoding.As<NullableArray>()) {
    if (nullable->validity != nullptr) AppendHeaders(*nullable->validity, true, numbers);
    if (nullable->values != nullptr) AppendHeaders(*nullable->values, whole, numbers);
  } else if (const auto* fixed_list = encoding.As<FixedSizeListArray>()) {
    AppendHeaders(*fixed_list->items, whole, numbers);
  } else if (const auto* list = encoding.As<ListArray>()) {
    AppendHeaders(*list->offsets, true, numbers);
  } else if (const auto* binary = encoding.As<BinaryArray>()) {
    AppendHeaders(*binary->indices, true, numbers);
    AppendHeaders(*binary->bytes, whole, numbers);
  } else if (const auto* dictionary = encoding.As<DictionaryArray>()) {
    AppendHeaders(*dictionary->indices, whole, numbers);
    AppendHeaders(*dictionary->items, true, numbers);
  } else if (const auto* fsst = encoding.As<FsstArray>()) {
    AppendHeaders(*fsst->binary, whole, numbers);
  } else if (const auto* packed = encoding.As<BitpackedArray>()) {
    if (whole) numbers->push_back(packed->buffer);
  } else if (const auto* fixed_binary = encoding.As<FixedSizeBinaryArray>()) {
    AppendHeaders(*fixed_binary->bytes, whole, numbers);
  }
}

template <typename Offset>
arrow::Result<NullableEnds> ParseEnds(const FlatIntegers& stored, uint64_t adjustment,
                                      int64_t num_rows) {
  auto* pool = DefaultMemoryPool();
  NullableEnds ends;
  ends.offset_bits = sizeof(Offset) * 8;
  ARROW_ASSIGN_OR_RAISE(
      auto offsets,
      arrow::AllocateBuffer((num_rows + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
  auto* out = reinterpret_cast<Offset*>(offsets->mutable_data());
  out[0] = 0;
  uint64_t previous = 0;
  for (int64_t i = 0; i < num_rows; ++i) {
    uint64_t end = stored[i];
    if (end >= adjustment) {
      end -= adjustment;
      if (ends.validity == nullptr) {
        ARROW_ASSIGN_OR_RAISE(ends.validity, arrow::AllocateBitmap(num_rows, pool));
        std::memset(ends.validity->mutable_data(), 0xff,
                    static_cast<size_t>(ends.validity->size()));
      }
      arrow::bit_util::ClearBit(ends.validity->mutable_data(), i);
    }
    if (end < previous || end > std::numeric_limits<Offset>::max() || end > kMaxTotal) {
      return arrow::Status::SerializationError("row ", i, " ends at ", end, ", the one before at ",
                                               previous);
    }
    out[i + 1] = static_cast<Offset>(end);
    previous = end;
  }
  ends.offsets = std::move(offsets);
  ends.total = static_cast<int64_t>(previous);
  return ends;
}

}  // namespace

ArrayBuffers::ArrayBuffers(const ArrayEncoding& encoding, const std::vector<ByteRange>& ranges,
                           const std::vector<std::shared_ptr<arrow::Buffer>>& headers)
    : ranges_(ranges), headers_(ranges.size()) {
  const auto numbers = HeaderNumbers(encoding);
  for (size_t i = 0; i < numbers.size() && i < headers.size(); ++i) {
    if (numbers[i] >= ranges.size()) continue;
    headers_[numbers[i]] = {headers[i]->data(), static_cast<size_t>(headers[i]->size())};
  }
}

std::vector<uint32_t> ArrayBuffers::HeaderNumbers(const ArrayEncoding& encoding) {
  std::vector<uint32_t> numbers;
  AppendHeaders(encoding, false, &numbers);
  return numbers;
}

arrow::Result<ByteRange> ArrayBuffers::Range(uint32_t buffer) const {
  if (buffer < ranges_.size()) return ranges_[buffer];
  return arrow::Status::SerializationError("the page has ", ranges_.size(),
                                           " buffers, its encoding refers to number ", buffer);
}

arrow::Result<Bytes> ArrayBuffers::Header(uint32_t buffer) const {
  ARROW_ASSIGN_OR_RAISE(const ByteRange range, Range(buffer));
  return Slice(range);
}

arrow::Result<Bytes> ArrayBuffers::Slice(ByteRange range) const {
  if (range.size_bytes == 0) return Bytes();
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (range.offset_bytes < ranges_[i].offset_bytes ||
        range.end_bytes() > ranges_[i].end_bytes() ||
        headers_[i].size() != static_cast<size_t>(ranges_[i].size_bytes)) {
      continue;
    }
    return headers_[i].subspan(static_cast<size_t>(range.offset_bytes - ranges_[i].offset_bytes),
                               static_cast<size_t>(range.size_bytes));
  }
  return arrow::Status::SerializationError("the headers of the page are cut off");
}

arrow::Status ArrayValues::Append(int64_t first_row, Bytes bytes, std::span<const RowRun> runs,
                                  ColumnAssembler* assembler) const {
  const ByteRange whole = DataRange(first_row, first_row);
  for (const RowRun& run : runs) {
    const ByteRange range = DataRange(run.row, int64_t{run.row} + run.count);
    const auto begin = static_cast<uint64_t>(range.offset_bytes - whole.offset_bytes);
    const auto size = static_cast<uint64_t>(range.size_bytes);
    if (begin > bytes.size() || size > bytes.size() - begin) {
      return arrow::Status::SerializationError("values are cut off");
    }
    ARROW_ASSIGN_OR_RAISE(const auto rows, Decode(run.row, int64_t{run.row} + run.count,
                                                  bytes.subspan(begin, size), DefaultMemoryPool()));
    const RowRun all{0, run.slot, run.count};
    ARROW_RETURN_NOT_OK(assembler->Append({rows, 0}, {&all, 1}));
  }
  return arrow::Status::OK();
}

arrow::Result<std::unique_ptr<const ArrayValues>> ArrayValues::Open(
    const ArrayEncoding& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers) {
  const ArrayEncoding& values = encoding.WithoutNoNulls();
  if (const auto* dictionary = values.As<DictionaryArray>()) {
    return OpenDictionaryArray(*dictionary, type, num_rows, buffers);
  }
  if (const auto* packed = values.As<PackedStructArray>()) {
    return OpenPackedStructArray(*packed, type, num_rows, buffers);
  }
  if (values.As<BinaryArray>() != nullptr || values.As<FsstArray>() != nullptr) {
    return OpenVariableArray(values, type, num_rows, buffers);
  }
  return OpenFixedArray(encoding, type, num_rows, buffers);
}

arrow::Result<std::shared_ptr<arrow::Buffer>> SliceValidity(
    const std::shared_ptr<arrow::Buffer>& bitmap, int64_t begin, int64_t count,
    arrow::MemoryPool* pool) {
  if (bitmap == nullptr || arrow::internal::CountSetBits(bitmap->data(), begin, count) == count) {
    return nullptr;
  }
  return arrow::internal::CopyBitmap(pool, bitmap->data(), begin, count);
}

arrow::Result<ByteRange> LocateFlat(const ArrayEncoding& encoding, int64_t bits, int64_t num_values,
                                    const ArrayBuffers& buffers) {
  const auto* flat = encoding.WithoutNoNulls().As<FlatArray>();
  if (flat == nullptr || flat->compression.has_value()) {
    return arrow::Status::NotImplemented("cannot read the encoding ", Describe(encoding),
                                         " for fixed-width values");
  }
  if (flat->bits_per_value != static_cast<uint64_t>(bits)) {
    return arrow::Status::SerializationError("the encoding ", Describe(encoding), " for values of ",
                                             bits, " bits");
  }
  ARROW_ASSIGN_OR_RAISE(const ByteRange range, buffers.Range(flat->buffer));
  // Files are far smaller than 2^60 bytes, but num_values may be anything.
  if (num_values > range.size_bytes * 8 / bits) {
    return arrow::Status::SerializationError(num_values, " values of ", bits, " bits in ",
                                             range.size_bytes, " bytes");
  }
  return ByteRange{range.offset_bytes, BytesForValues(num_values, bits)};
}

arrow::Result<FlatIntegers> FlatIntegers::Open(const ArrayEncoding& encoding, int64_t num_values,
                                               const ArrayBuffers& buffers) {
  FlatIntegers integers;
  if (const auto* flat = encoding.WithoutNoNulls().As<FlatArray>()) {
    const uint64_t bits = flat->bits_per_value;
    if (bits == 8 || bits == 16 || bits == 32) integers.bits = static_cast<int64_t>(bits);
  }
  ARROW_ASSIGN_OR_RAISE(const ByteRange range,
                        LocateFlat(encoding, integers.bits, num_values, buffers));
  ARROW_ASSIGN_OR_RAISE(integers.bytes, buffers.Slice(range));
  return integers;
}

uint64_t FlatIntegers::operator[](int64_t i) const {
  const uint8_t* integer = bytes.data() + i * (bits / 8);
  switch (bits) {
    case 8:
      return *integer;
    case 16:
      return LoadLittleEndian<uint16_t>(integer);
    case 32:
      return LoadLittleEndian<uint32_t>(integer);
    default:
      return LoadLittleEndian<uint64_t>(integer);
  }
}

arrow::Result<NullableEnds> NullableEnds::Parse(const FlatIntegers& stored, uint64_t adjustment,
                                                int64_t num_rows) {
  // An adjustment is one more than the total; hostile ones are found row by row.
  return adjustment <= uint64_t{UINT32_MAX} + 1 ? ParseEnds<uint32_t>(stored, adjustment, num_rows)
                                                : ParseEnds<uint64_t>(stored, adjustment, num_rows);
}

int64_t NullableEnds::Begin(int64_t row) const {
  return offset_bits == 32
             ? int64_t{reinterpret_cast<const uint32_t*>(offsets->data())[row]}
             : static_cast<int64_t>(reinterpret_cast<const uint64_t*>(offsets->data())[row]);
}

int64_t NullableEnds::memory_bytes() const {
  return offsets->size() + (validity != nullptr ? validity->size() : 0);
}

}  // namespace croupier::format
