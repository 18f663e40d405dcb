// The full-zip half of PageEncoder: each value is a record by itself.
#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "croupier/format/encoding/page_layout_writer.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/write/page_encoder.h"
#include "croupier/format/write/record_writer.h"

namespace croupier::format {

namespace {

// Of values that are compressed without being asked to, the longest is longer than this; so many
// bytes have the values of a page then.
constexpr int64_t kMinLongBytes = 32 << 10;
constexpr int64_t kMinCompressedBytes = 32 << 10;
constexpr double kMinCompressionSaving = 0.1;
constexpr int64_t kNumSampled = 4;
constexpr int64_t kMaxSampledBytes = 128 << 10;

// Writes control words: repetition << bits | definition level.
class ControlWordWriter {
 public:
  explicit ControlWordWriter(const WrittenLevels& levels)
      : levels_(levels),
        bits_rep_(levels.rep.empty() ? 0 : std::bit_width(levels.max_rep)),
        bits_def_(levels.def.empty()
                      ? 0
                      : std::max(1, static_cast<int>(std::bit_width(levels.max_def)))) {
    const int bits = bits_rep_ + bits_def_;
    num_bytes_ = bits == 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
  }

  size_t num_bytes() const { return num_bytes_; }
  uint32_t bits_rep() const { return static_cast<uint32_t>(bits_rep_); }
  uint32_t bits_def() const { return static_cast<uint32_t>(bits_def_); }
  bool has_rep() const { return bits_rep_ > 0; }

  uint8_t* Write(size_t entry, uint8_t* to) const {
    const uint32_t rep = bits_rep_ == 0 ? 0 : levels_.rep[entry];
    const uint32_t def = bits_def_ == 0 ? 0 : levels_.def[entry];
    const uint32_t word = rep << bits_def_ | def;
    std::memcpy(to, &word, num_bytes_);
    return to + num_bytes_;
  }
  uint16_t Def(size_t entry) const { return bits_def_ == 0 ? 0 : levels_.def[entry]; }
  bool StartsRow(size_t entry) const {
    return bits_rep_ == 0 || levels_.rep[entry] == levels_.max_rep;
  }

 private:
  const WrittenLevels& levels_;
  int bits_rep_;
  int bits_def_;
  size_t num_bytes_ = 0;
};

// Writes where rows begin, in as few bytes each as the last offset needs.
class RecordIndexWriter {
 public:
  RecordIndexWriter(size_t num_rows, size_t data_bytes, OutputBytes* out)
      : width_(data_bytes <= UINT8_MAX    ? 1
               : data_bytes <= UINT16_MAX ? 2
               : data_bytes <= UINT32_MAX ? 4
                                          : 8),
        to_(out->Grow((num_rows + 1) * width_)) {}

  void Add(size_t offset) {
    const uint64_t wide = offset;
    std::memcpy(to_, &wide, width_);
    to_ += width_;
  }

 private:
  size_t width_;
  uint8_t* to_;
};

FullZipLayout LayoutOf(const PageRows& rows, const WrittenLevels& levels,
                       const ControlWordWriter& words) {
  FullZipLayout layout;
  layout.bits_rep = words.bits_rep();
  layout.bits_def = words.bits_def();
  layout.num_items = static_cast<uint32_t>(levels.num_levels);
  layout.num_visible_items = static_cast<uint32_t>(rows.values.num_values);
  layout.layers = levels.layers;
  return layout;
}

// Whether values are to be compressed one by one: those of which one is long, or on request.
bool WantsCompression(const LeafValues& values, const EncodingKeys& keys) {
  if (values.SizeOf(0, values.num_values) < kMinCompressedBytes) return false;
  if (keys.compression == EncodingKeys::Compression::kAutomatic) {
    return LongestValue(values) > kMinLongBytes;
  }
  return keys.compression == EncodingKeys::Compression::kGeneral;
}

// Compress some of the values, to see whether the rest is worth the work: images are not.
arrow::Result<bool> DoesCompress(const LeafValues& values, GeneralCompressor* compressor,
                                 OutputBytes* scratch) {
  size_t raw_size = 0;
  scratch->Clear();
  const int64_t count = std::min(kNumSampled, values.num_values);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t value = i * values.num_values / count;
    const auto size =
        static_cast<size_t>(std::min(values.SizeOf(value, value + 1), kMaxSampledBytes));
    raw_size += size;
    ARROW_RETURN_NOT_OK(compressor->Append({values.data + values.offset(value), size}, scratch));
  }
  return static_cast<double>(scratch->size()) <
         static_cast<double>(raw_size) * (1 - kMinCompressionSaving);
}

// Compress each value by itself, into `data` and `offsets` as wide as those of the values.
arrow::Status CompressValues(const LeafValues& values, GeneralCompressor* compressor,
                             OutputBytes* data, OutputBytes* offsets) {
  const auto width = static_cast<size_t>(values.shape->offset_bits / 8);
  offsets->AppendZeros(width);
  for (int64_t i = 0; i < values.num_values; ++i) {
    const auto size = static_cast<size_t>(values.SizeOf(i, i + 1));
    if (size > 0) {
      ARROW_RETURN_NOT_OK(compressor->Append({values.data + values.offset(i), size}, data));
    }
    const uint64_t end = data->size();
    offsets->Append(&end, width);
  }
  if (width == 4 && data->size() > INT32_MAX) {
    return arrow::Status::CapacityError("a page has more than 2 GiB of compressed values");
  }
  return arrow::Status::OK();
}

bool IsBool(const LeafShape& shape) { return shape.item_bits == 1 && shape.dimensions.empty(); }

}  // namespace

FixedRecordWriter::FixedRecordWriter(const LeafValues& values)
    : values_(values), is_bool_(IsBool(*values.shape)) {
  const LeafShape& shape = *values.shape;
  int64_t items = 1;
  for (size_t i = 0; i < shape.dimensions.size(); ++i) {
    items *= shape.dimensions[i];
    if (values.item_validity[i] == nullptr) continue;
    bitmaps_.push_back({values.item_validity[i], items});
    num_bytes_ += static_cast<size_t>(BytesForValues(items, 1));
  }
  row_bytes_ = is_bool_ ? 1 : static_cast<size_t>(shape.row_bits() / 8);
  num_bytes_ += row_bytes_;
}

EncodingPtr MakeFixedRecordEncoding(const LeafValues& values) {
  return IsBool(*values.shape) ? MakeFlat(8) : MakeFlatEncoding(values);
}

arrow::Result<PageLayout> PageEncoder::EncodeFixedRecords(const PageRows& rows,
                                                          const WrittenLevels& levels,
                                                          EncodingPtr encoding) {
  const ControlWordWriter words(levels);
  const FixedRecordWriter records(rows.values);
  auto layout = LayoutOf(rows, levels, words);
  layout.bits_per_value = static_cast<uint32_t>(records.num_bytes() * 8);
  layout.value_compression = std::move(encoding);
  const auto num_levels = static_cast<size_t>(levels.num_levels);
  const auto num_values = static_cast<size_t>(rows.values.num_values);
  if (words.num_bytes() == 0 && records.is_plain()) {
    buffers_ = {{rows.values.data, num_values * records.num_bytes()}};
    return PageLayout{std::move(layout)};
  }
  const size_t data_bytes = num_levels * words.num_bytes() + num_values * records.num_bytes();
  std::optional<RecordIndexWriter> index;
  if (words.has_rep()) index.emplace(static_cast<size_t>(rows.num_rows), data_bytes, &index_);
  uint8_t* to = data_.Grow(data_bytes);
  int64_t value = 0;
  for (size_t entry = 0; entry < num_levels; ++entry) {
    if (index.has_value() && words.StartsRow(entry)) {
      index->Add(static_cast<size_t>(to - data_.data()));
    }
    to = words.Write(entry, to);
    if (words.Def(entry) <= levels.max_visible_def) to = records.Write(value++, to);
  }
  buffers_ = {data_.bytes()};
  if (index.has_value()) {
    index->Add(data_bytes);
    buffers_.push_back(index_.bytes());
  }
  return PageLayout{std::move(layout)};
}

arrow::Result<PageLayout> PageEncoder::EncodeVariableRecords(const EncodingKeys& keys,
                                                             const PageRows& rows,
                                                             const WrittenLevels& levels) {
  const LeafValues& values = rows.values;
  const auto variable =
      MakeEncoding(VariableEncoding{MakeFlat(static_cast<uint64_t>(values.shape->offset_bits))});
  if (WantsCompression(values, keys)) {
    // Not LZ4: the reference reader fails on pages of it with nulls.
    ARROW_ASSIGN_OR_RAISE(
        auto compressor, GeneralCompressor::Make(CompressionScheme::kZstd, keys.compression_level));
    ARROW_ASSIGN_OR_RAISE(const bool does_compress,
                          DoesCompress(values, compressor.get(), &extra_));
    extra_.Clear();
    if (does_compress) {
      ARROW_RETURN_NOT_OK(CompressValues(values, compressor.get(), &extra_, &words_));
      LeafValues compressed;
      compressed.shape = values.shape;
      compressed.num_values = values.num_values;
      compressed.data = extra_.data();
      compressed.offsets = words_.data();
      return WriteVariableRecords(
          compressed, rows, levels,
          MakeEncoding(GeneralEncoding{CompressionScheme::kZstd, variable}));
    }
  }
  if (WantsFsst(values, keys) && fsst_.Encode(values, MinFsstSaving(keys))) {
    return WriteVariableRecords(fsst_.values(), rows, levels,
                                MakeEncoding(FsstEncoding{fsst_.symbol_table(), variable}));
  }
  return WriteVariableRecords(values, rows, levels, variable);
}

PageLayout PageEncoder::WriteVariableRecords(const LeafValues& values, const PageRows& rows,
                                             const WrittenLevels& levels, EncodingPtr encoding) {
  const ControlWordWriter words(levels);
  auto layout = LayoutOf(rows, levels, words);
  const auto length_bytes = static_cast<size_t>(values.shape->offset_bits / 8);
  layout.bits_per_offset = static_cast<uint32_t>(values.shape->offset_bits);
  layout.value_compression = std::move(encoding);
  const auto num_levels = static_cast<size_t>(levels.num_levels);
  size_t data_bytes = num_levels * words.num_bytes() +
                      static_cast<size_t>(levels.num_valid) * length_bytes +
                      static_cast<size_t>(values.SizeOf(0, values.num_values));
  data_.Grow(data_bytes);  // at most: nulls may have bytes, which are not written
  RecordIndexWriter index(static_cast<size_t>(rows.num_rows), data_bytes, &index_);
  uint8_t* to = data_.data();
  int64_t value = 0;
  for (size_t entry = 0; entry < num_levels; ++entry) {
    if (words.StartsRow(entry)) index.Add(static_cast<size_t>(to - data_.data()));
    to = words.Write(entry, to);
    const uint16_t def = words.Def(entry);
    if (def == 0) {
      const int64_t begin = values.offset(value);
      const int64_t size = values.offset(value + 1) - begin;
      std::memcpy(to, &size, length_bytes);
      std::memcpy(to + length_bytes, values.data + begin, static_cast<size_t>(size));
      to += length_bytes + static_cast<size_t>(size);
    }
    if (def <= levels.max_visible_def) ++value;
  }
  data_bytes = static_cast<size_t>(to - data_.data());
  data_.Truncate(data_bytes);
  index.Add(data_bytes);
  buffers_ = {data_.bytes(), index_.bytes()};
  return PageLayout{std::move(layout)};
}

}  // namespace croupier::format
