#include "croupier/format/write/value_encoding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "croupier/format/encoding/fsst_encoder.h"
#include "croupier/format/encoding/rle.h"
#include "croupier/format/encoding/value_block.h"
#include "croupier/format/kernel/bit_pack.h"

namespace croupier::format {

namespace {

// Bit packing must save this part to be worth the work of unpacking: noise saves some bits too.
constexpr double kMinPackedSaving = 0.04;
// Byte streams are split if their bytes hold less than this many bits each.
constexpr double kMaxStreamEntropy = 4;
constexpr int64_t kEntropySample = 4096;
constexpr double kMinFsstSaving = 0.05;
constexpr int64_t kFsstMinLongest = 5;
constexpr int64_t kFsstMinBytes = 32 << 10;
// What symbols are learned from.
constexpr int64_t kFsstSampleBytes = 16 << 10;
constexpr int64_t kFsstMaxSampledBytes = 512;  // of one value

struct WordSizes {
  int64_t packed_bytes = 0;  // in blocks of 1024, each of the width that it needs
  int64_t num_runs = 0;
};

template <typename Word>
WordSizes Measure(const LeafValues& values) {
  WordSizes sizes;
  for (int64_t first = 0; first < values.num_values; first += kBitpackedBlockValues) {
    const int64_t count = std::min(kBitpackedBlockValues, values.num_values - first);
    const uint8_t* block = values.data + static_cast<size_t>(first) * sizeof(Word);
    sizes.packed_bytes +=
        static_cast<int64_t>(sizeof(Word)) + BitpackedBlockBytes(BitWidthOf<Word>(block, count));
    // A chunk has its own runs.
    int64_t num_changes = 1;
    for (int64_t i = 1; i < count; ++i) {
      num_changes +=
          std::memcmp(block + (i - 1) * sizeof(Word), block + i * sizeof(Word), sizeof(Word)) != 0
              ? 1
              : 0;
    }
    sizes.num_runs += num_changes + count / 256;  // long runs are several
  }
  return sizes;
}

WordSizes Measure(const LeafValues& values) {
  switch (values.shape->item_bits) {
    case 8:
      return Measure<uint8_t>(values);
    case 16:
      return Measure<uint16_t>(values);
    case 32:
      return Measure<uint32_t>(values);
    default:
      return Measure<uint64_t>(values);
  }
}

// Mean entropy of the bytes at each place of the values, in bits.
double StreamEntropy(const LeafValues& values) {
  const int64_t width = values.shape->item_bits / 8;
  const int64_t count = std::min(kEntropySample, values.num_values);
  double sum = 0;
  for (int64_t byte = 0; byte < width; ++byte) {
    std::array<int, 256> counts{};
    for (int64_t i = 0; i < count; ++i) {
      ++counts[values.data[i * values.num_values / count * width + byte]];
    }
    for (const int occurrences : counts) {
      if (occurrences == 0) continue;
      const double part = static_cast<double>(occurrences) / static_cast<double>(count);
      sum -= part * std::log2(part);
    }
  }
  return sum / static_cast<double>(width);
}

}  // namespace

bool IsWord(const LeafShape& shape) {
  return shape.kind == LeafShape::Kind::kFixed && shape.dimensions.empty() &&
         (shape.item_bits == 8 || shape.item_bits == 16 || shape.item_bits == 32 ||
          shape.item_bits == 64);
}

int64_t LongestValue(const LeafValues& values) {
  if (values.shape->kind != LeafShape::Kind::kVariable) {
    return BytesForValues(1, values.shape->row_bits());
  }
  int64_t longest = 0;
  int64_t begin = values.offset(0);
  for (int64_t i = 1; i <= values.num_values; ++i) {
    const int64_t end = values.offset(i);
    longest = std::max(longest, end - begin);
    begin = end;
  }
  return longest;
}

int64_t PlainBytes(const LeafValues& values) {
  const int64_t raw = values.SizeOf(0, values.num_values);
  if (values.shape->kind == LeafShape::Kind::kVariable) {
    return raw + (values.num_values + 1) * (values.shape->offset_bits / 8);
  }
  if (!IsWord(*values.shape)) return raw;
  const auto sizes = Measure(values);
  return std::min({raw, sizes.packed_bytes, sizes.num_runs * (values.shape->item_bits / 8 + 1)});
}

ChunkEncoderPtr ChooseFixedChunks(const LeafValues& values, const EncodingKeys& keys) {
  const LeafShape& shape = *values.shape;
  if (!IsWord(shape) || keys.compression == EncodingKeys::Compression::kNone) {
    return MakeFlatChunks(values);
  }
  const int64_t bits = shape.item_bits;
  if (keys.compression == EncodingKeys::Compression::kGeneral && bits >= 32 &&
      keys.byte_streams != EncodingKeys::ByteStreams::kOff &&
      (keys.byte_streams == EncodingKeys::ByteStreams::kOn ||
       StreamEntropy(values) < kMaxStreamEntropy)) {
    return MakeByteStreamChunks(values.data, values.num_values, bits);
  }
  const auto sizes = Measure(values);
  const auto raw_bytes = values.num_values * bits / 8;
  const int64_t run_bytes = sizes.num_runs * (bits / 8 + 1);
  const bool are_few = !keys.rle_threshold.has_value() ||
                       static_cast<double>(sizes.num_runs) <
                           *keys.rle_threshold * static_cast<double>(values.num_values);
  if (run_bytes < raw_bytes && run_bytes <= sizes.packed_bytes && are_few) {
    return MakeRunChunks(values.data, values.num_values, bits);
  }
  const auto max_packed = static_cast<double>(raw_bytes) * (1 - kMinPackedSaving);
  if (static_cast<double>(sizes.packed_bytes) < max_packed) {
    return MakeBitpackedChunks(values.data, values.num_values, bits);
  }
  return MakeFlatChunks(values);
}

arrow::Result<ChunkEncoderPtr> CompressChunks(ChunkEncoderPtr chunks, int64_t num_values,
                                              const EncodingKeys& keys, arrow::MemoryPool* pool) {
  if (keys.compression != EncodingKeys::Compression::kGeneral || num_values == 0) return chunks;
  ARROW_ASSIGN_OR_RAISE(auto compressor,
                        GeneralCompressor::Make(keys.scheme, keys.compression_level));
  // The first chunk stands for all.
  OutputBytes raw(pool);
  ChunkBuffers buffers(&raw);
  ARROW_RETURN_NOT_OK(chunks->Encode(0, chunks->ItemsOf(0), &buffers));
  buffers.End();
  OutputBytes compressed(pool);
  const size_t raw_size = buffers.sizes()[0];
  ARROW_RETURN_NOT_OK(compressor->Append(raw.bytes().first(raw_size), &compressed));
  if (compressed.size() >= raw_size) return chunks;
  return MakeCompressedChunks(std::move(chunks), std::move(compressor), pool);
}

bool WantsFsst(const LeafValues& values, const EncodingKeys& keys) {
  switch (keys.compression) {
    case EncodingKeys::Compression::kFsst:
      return true;
    case EncodingKeys::Compression::kAutomatic:
      return values.shape->is_utf8 && LongestValue(values) >= kFsstMinLongest &&
             values.SizeOf(0, values.num_values) >= kFsstMinBytes;
    default:
      return false;
  }
}

double MinFsstSaving(const EncodingKeys& keys) {
  return keys.compression == EncodingKeys::Compression::kFsst ? 0 : kMinFsstSaving;
}

bool FsstStrings::Encode(const LeafValues& values, double min_saving) {
  const int64_t raw_size = values.SizeOf(0, values.num_values);
  const int64_t mean = std::max<int64_t>(1, raw_size / std::max<int64_t>(1, values.num_values));
  const int64_t num_sampled = std::clamp<int64_t>(
      kFsstSampleBytes / std::min(mean, kFsstMaxSampledBytes), 1, values.num_values);
  std::vector<Bytes> sample;
  int64_t sample_size = 0;
  for (int64_t i = 0; i < num_sampled; ++i) {
    const int64_t value = i * values.num_values / num_sampled;
    const int64_t size = std::min(values.SizeOf(value, value + 1), kFsstMaxSampledBytes);
    if (size == 0) continue;
    sample.emplace_back(values.data + values.offset(value), static_cast<size_t>(size));
    sample_size += size;
  }
  if (sample.empty()) return false;
  const auto encoder = FsstEncoder::Train(sample);
  // Symbols fit the sample better than the rest: what saves too little there, does nowhere.
  const auto max_part = 1 - min_saving;
  data_.Clear();
  int64_t encoded_sample = 0;
  for (const Bytes value : sample) {
    data_.Clear();
    uint8_t* to = data_.Grow(FsstEncoder::MaxEncodedBytes(value.size()) + 1);
    encoded_sample += encoder.Encode(value, to) - to;
  }
  if (static_cast<double>(encoded_sample) > max_part * static_cast<double>(sample_size)) {
    return false;
  }
  data_.Clear();
  offsets_.Clear();
  const auto width = static_cast<size_t>(values.shape->offset_bits / 8);
  uint8_t* offsets = offsets_.Grow(static_cast<size_t>(values.num_values + 1) * width);
  const auto put_offset = [&] {
    const uint64_t offset = data_.size();
    std::memcpy(offsets, &offset, width);
    offsets += width;
  };
  put_offset();
  int64_t begin = values.offset(0);
  for (int64_t i = 0; i < values.num_values; ++i) {
    const int64_t end = values.offset(i + 1);
    const auto size = static_cast<size_t>(end - begin);
    const size_t from = data_.size();
    uint8_t* to = data_.Grow(FsstEncoder::MaxEncodedBytes(size) + 1);
    const uint8_t* encoded_end = encoder.Encode({values.data + begin, size}, to);
    data_.Truncate(from + static_cast<size_t>(encoded_end - to));
    put_offset();
    begin = end;
  }
  const bool fits_offsets = width == 8 || data_.size() <= INT32_MAX;
  if (!fits_offsets ||
      static_cast<double>(data_.size()) > max_part * static_cast<double>(raw_size)) {
    return false;
  }
  shape_ = values.shape;
  num_values_ = values.num_values;
  symbol_table_ = encoder.SymbolTable();
  return true;
}

LeafValues FsstStrings::values() const {
  LeafValues values;
  values.shape = shape_;
  values.num_values = num_values_;
  values.data = data_.data();
  values.offsets = offsets_.data();
  return values;
}

}  // namespace croupier::format
