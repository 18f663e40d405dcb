#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "croupier/base/hash.h"

// Small encoders, written for tests from lance-encodings.md alone: what the decoders must undo.
namespace croupier::format::test {

using ByteVector = std::vector<uint8_t>;

// Not inlined: g++ 12 warns of overflows that cannot be when it sees through vectors that grow.
[[gnu::noinline]] inline void AppendBytes(ByteVector* bytes, const void* data, size_t size) {
  const size_t end = bytes->size();
  bytes->resize(end + size);
  if (size > 0) std::memcpy(bytes->data() + end, data, size);
}

template <typename T>
void AppendValue(ByteVector* bytes, T value) {
  AppendBytes(bytes, &value, sizeof(T));
}

template <typename T>
ByteVector BytesOf(const std::vector<T>& values) {
  const auto* data = reinterpret_cast<const uint8_t*>(values.data());
  return {data, data + values.size() * sizeof(T)};
}

/// Values that every integer encoding is tried with, by name.
template <std::unsigned_integral Word>
std::vector<std::pair<std::string, std::vector<Word>>> Distributions(size_t num_values) {
  constexpr Word kMax = std::numeric_limits<Word>::max();
  SplitMix64 random(31);
  std::vector<Word> constant(num_values, Word{5});
  std::vector<Word> zeros(num_values, Word{0});
  std::vector<Word> runs;
  std::vector<Word> sorted;
  std::vector<Word> noise;
  std::vector<Word> extremes;
  for (size_t i = 0; i < num_values; ++i) {
    runs.push_back(static_cast<Word>(i / 300 * 77));
    sorted.push_back(static_cast<Word>(i * (kMax / (num_values + 1) + 1)));
    noise.push_back(static_cast<Word>(random.Next()));
    extremes.push_back(i % 2 == 0 ? kMax : Word{0});
  }
  return {{"constant", constant}, {"zeros", zeros}, {"runs", runs},
          {"sorted", sorted},     {"noise", noise}, {"extremes", extremes}};
}

/// Bits that the largest value needs.
template <std::unsigned_integral Word>
int WidthOf(const std::vector<Word>& values) {
  Word all = 0;
  for (const Word value : values) all = static_cast<Word>(all | value);
  int width = 0;
  for (; all != 0; all = static_cast<Word>(all >> 1)) ++width;
  return width;
}

/// Pack one block, bit by bit; fewer than 1024 values are padded with zeros.
template <std::unsigned_integral Word>
ByteVector PackBlock(const std::vector<Word>& values, int width) {
  constexpr size_t kOrder[8] = {0, 4, 2, 6, 1, 5, 3, 7};
  constexpr size_t kBits = sizeof(Word) * 8;
  constexpr size_t kLanes = 1024 / kBits;
  std::vector<Word> words(kLanes * static_cast<size_t>(width), Word{0});
  for (size_t row = 0; row < kBits; ++row) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const size_t index = kOrder[row / 8] * 16 + (row % 8) * 128 + lane;
      const Word value = index < values.size() ? values[index] : Word{0};
      for (size_t bit = 0; bit < static_cast<size_t>(width); ++bit) {
        const size_t at = row * static_cast<size_t>(width) + bit;
        const auto one = static_cast<Word>((value >> bit & 1) << (at % kBits));
        Word& word = words[at / kBits * kLanes + lane];
        word = static_cast<Word>(word | one);
      }
    }
  }
  return BytesOf(words);
}

template <std::unsigned_integral Word>
ByteVector EncodeInlineBitpacking(const std::vector<Word>& values) {
  const int width = WidthOf(values);
  ByteVector bytes;
  AppendValue(&bytes, static_cast<Word>(width));
  const auto block = PackBlock(values, width);
  AppendBytes(&bytes, block.data(), block.size());
  return bytes;
}

template <std::unsigned_integral Word>
ByteVector EncodeOutOfLineBitpacking(const std::vector<Word>& values, int width, bool raw_tail) {
  ByteVector bytes;
  for (size_t begin = 0; begin < values.size(); begin += 1024) {
    const std::vector<Word> block(
        values.begin() + static_cast<int64_t>(begin),
        values.begin() + static_cast<int64_t>(std::min(values.size(), begin + 1024)));
    if (block.size() < 1024 && raw_tail) {
      for (const Word value : block) AppendValue(&bytes, value);
      break;
    }
    const auto packed = PackBlock(block, width);
    AppendBytes(&bytes, packed.data(), packed.size());
  }
  return bytes;
}

struct EncodedRuns {
  ByteVector values;
  ByteVector lengths;
};

template <typename T>
EncodedRuns EncodeRle(const std::vector<T>& values) {
  EncodedRuns runs;
  for (size_t begin = 0; begin < values.size();) {
    size_t end = begin + 1;
    while (end < values.size() && end - begin < 255 && values[end] == values[begin]) ++end;
    AppendValue(&runs.values, values[begin]);
    runs.lengths.push_back(static_cast<uint8_t>(end - begin));
    begin = end;
  }
  return runs;
}

template <typename T>
ByteVector EncodeByteStreamSplit(const std::vector<T>& values) {
  const auto plain = BytesOf(values);
  ByteVector bytes(plain.size());
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < sizeof(T); ++j) bytes[j * values.size() + i] = plain[i * sizeof(T) + j];
  }
  return bytes;
}

/// Offsets that count from the start of the buffer, then the bytes, padded to the offset width.
template <std::unsigned_integral Offset>
ByteVector EncodeVariableMiniBlock(const std::vector<std::string>& values) {
  ByteVector bytes;
  auto offset = static_cast<Offset>((values.size() + 1) * sizeof(Offset));
  AppendValue(&bytes, offset);
  for (const auto& value : values) {
    offset = static_cast<Offset>(offset + value.size());
    AppendValue(&bytes, offset);
  }
  for (const auto& value : values) AppendBytes(&bytes, value.data(), value.size());
  while (bytes.size() % sizeof(Offset) != 0) bytes.push_back(0x48);
  return bytes;
}

/// The offset width in bits, where the bytes start, offsets from there, then the bytes.
template <std::unsigned_integral Offset>
ByteVector EncodeVariableBlock(const std::vector<std::string>& values) {
  ByteVector bytes;
  AppendValue(&bytes, static_cast<Offset>(sizeof(Offset) * 8));
  AppendValue(&bytes, static_cast<Offset>((values.size() + 3) * sizeof(Offset)));
  Offset offset = 0;
  AppendValue(&bytes, offset);
  for (const auto& value : values) {
    offset = static_cast<Offset>(offset + value.size());
    AppendValue(&bytes, offset);
  }
  for (const auto& value : values) AppendBytes(&bytes, value.data(), value.size());
  return bytes;
}

/// An FSST symbol table as it lies in a page.
inline std::string EncodeFsstTable(const std::vector<std::string>& symbols, bool is_on = true) {
  std::string table(8 + 256 * 8 + 256, '\0');
  const uint64_t header = uint64_t{0x46535354} << 32 | uint64_t{is_on} << 24 | symbols.size();
  std::memcpy(table.data(), &header, 8);
  for (size_t i = 0; i < symbols.size(); ++i) {
    std::memcpy(table.data() + 8 + 8 * i, symbols[i].data(), symbols[i].size());
    table[8 + 8 * symbols.size() + i] = static_cast<char>(symbols[i].size());
  }
  return table;
}

/// Encode a value by the longest symbol at each place, escaping bytes without one.
inline std::string EncodeFsst(const std::vector<std::string>& symbols, std::string_view value) {
  std::string codes;
  while (!value.empty()) {
    size_t best = symbols.size();
    for (size_t i = 0; i < symbols.size(); ++i) {
      if (value.starts_with(symbols[i]) &&
          (best == symbols.size() || symbols[i].size() > symbols[best].size())) {
        best = i;
      }
    }
    if (best == symbols.size()) {
      codes += '\xff';
      codes += value[0];
      value.remove_prefix(1);
    } else {
      codes += static_cast<char>(best);
      value.remove_prefix(symbols[best].size());
    }
  }
  return codes;
}

/// A block of a zstd frame.
struct ZstdBlock {
  enum Type : uint8_t { kRaw = 0, kRun = 1, kCompressed = 2, kReserved = 3 };

  Type type = kRaw;
  uint32_t size = 0;
  ByteVector content;
};

/// A zstd frame of given blocks, with its content size in 8 bytes if `content_size` is not
/// negative.
inline ByteVector EncodeZstdFrame(const std::vector<ZstdBlock>& blocks, int64_t content_size) {
  ByteVector frame;
  AppendValue(&frame, uint32_t{0xfd2fb528});
  frame.push_back(content_size < 0 ? 0 : 0xc0);
  frame.push_back(0x58);  // a window of 2 MiB
  if (content_size >= 0) AppendValue(&frame, content_size);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const uint32_t header = blocks[i].size << 3 | uint32_t{blocks[i].type} << 1 |
                            static_cast<uint32_t>(i + 1 == blocks.size());
    for (int byte = 0; byte < 3; ++byte) frame.push_back(static_cast<uint8_t>(header >> 8 * byte));
    AppendBytes(&frame, blocks[i].content.data(), blocks[i].content.size());
  }
  return frame;
}

/// Bytes behind their size, as the format frames zstd (8 bytes) and LZ4 (4 bytes).
template <std::unsigned_integral Size>
ByteVector WithRawSize(Size raw_size, const ByteVector& compressed) {
  ByteVector bytes;
  AppendValue(&bytes, raw_size);
  AppendBytes(&bytes, compressed.data(), compressed.size());
  return bytes;
}

}  // namespace croupier::format::test
