#include "croupier/format/kernel/bit_pack.h"

#include <array>
#include <cstring>
#include <utility>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr int kOrder[8] = {0, 4, 2, 6, 1, 5, 3, 7};

constexpr int IndexOfRow(int row) { return kOrder[row / 8] * 16 + (row % 8) * 128; }

// The inverse of UnpackLanes, unrolled for the same reasons.
template <typename Word, int kWidth>
void PackLanes(const Word* __restrict values, uint8_t* __restrict packed) {
  constexpr int kBits = sizeof(Word) * 8;
  constexpr int kLanes = static_cast<int>(kBitpackedBlockValues) / kBits;
  for (int lane = 0; lane < kLanes; ++lane) {
    Word word = 0;
#pragma GCC unroll 64
    for (int row = 0; row < kBits; ++row) {
      const int shift = row * kWidth % kBits;
      const int this_word = row * kWidth / kBits;
      const Word value = values[IndexOfRow(row) + lane];
      word = static_cast<Word>(word | static_cast<Word>(value << shift));
      if (shift + kWidth >= kBits) {
        std::memcpy(packed + static_cast<size_t>(this_word * kLanes + lane) * sizeof(Word), &word,
                    sizeof(Word));
        word = shift + kWidth > kBits ? static_cast<Word>(value >> (kBits - shift)) : Word{0};
      }
    }
  }
}

template <typename Word>
using Packer = void (*)(const Word*, uint8_t*);

// The packers of the widths 1 … bits of a word - 1.
template <typename Word>
constexpr auto MakePackers() {
  return []<size_t... kWidths>(std::index_sequence<kWidths...>) {
    return std::array<Packer<Word>, sizeof...(kWidths)>{
        &PackLanes<Word, static_cast<int>(kWidths) + 1>...};
  }(std::make_index_sequence<sizeof(Word) * 8 - 1>{});
}

}  // namespace

template <std::unsigned_integral Word>
void PackBits(const Word* values, int width, uint8_t* packed) {
  static constexpr auto kPackers = MakePackers<Word>();
  if (width == 0) return;
  if (width < static_cast<int>(sizeof(Word) * 8)) {
    kPackers[static_cast<size_t>(width) - 1](values, packed);
    return;
  }
  // Words that are not packed, only in another order.
  constexpr size_t kRowBytes = kBitpackedBlockValues / 8;
  for (int row = 0; row < static_cast<int>(sizeof(Word) * 8); ++row) {
    std::memcpy(packed + static_cast<size_t>(row) * kRowBytes, values + IndexOfRow(row), kRowBytes);
  }
}

template <std::unsigned_integral Word>
int BitWidthOf(const uint8_t* values, int64_t num_values) {
  Word all = 0;
  for (int64_t i = 0; i < num_values; ++i) {
    all = static_cast<Word>(all |
                            LoadLittleEndian<Word>(values + static_cast<size_t>(i) * sizeof(Word)));
  }
  return static_cast<int>(std::bit_width(all));
}

template void PackBits(const uint8_t*, int, uint8_t*);
template void PackBits(const uint16_t*, int, uint8_t*);
template void PackBits(const uint32_t*, int, uint8_t*);
template void PackBits(const uint64_t*, int, uint8_t*);
template int BitWidthOf<uint8_t>(const uint8_t*, int64_t);
template int BitWidthOf<uint16_t>(const uint8_t*, int64_t);
template int BitWidthOf<uint32_t>(const uint8_t*, int64_t);
template int BitWidthOf<uint64_t>(const uint8_t*, int64_t);

}  // namespace croupier::format
