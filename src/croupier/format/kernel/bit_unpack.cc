#include "croupier/format/kernel/bit_unpack.h"

#include <array>
#include <cstring>
#include <utility>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr int kOrder[8] = {0, 4, 2, 6, 1, 5, 3, 7};

constexpr int IndexOfRow(int row) { return kOrder[row / 8] * 16 + (row % 8) * 128; }

// One function for every word and width: shifts and masks are constants, the rows of a lane are
// unrolled, and the loop over lanes becomes vector code. Measured four times as fast as one
// function for all widths.
template <typename Word, int kWidth>
void UnpackLanes(const uint8_t* __restrict packed, Word* __restrict values) {
  constexpr int kBits = sizeof(Word) * 8;
  constexpr int kLanes = static_cast<int>(kBitpackedBlockValues) / kBits;
  constexpr Word kMask = static_cast<Word>((Word{1} << kWidth) - 1);
  for (int lane = 0; lane < kLanes; ++lane) {
    auto word = LoadLittleEndian<Word>(packed + static_cast<size_t>(lane) * sizeof(Word));
#pragma GCC unroll 64
    for (int row = 0; row < kBits; ++row) {
      const int shift = row * kWidth % kBits;
      const int next_word = row * kWidth / kBits + 1;
      auto value = static_cast<Word>(word >> shift);
      if (shift + kWidth >= kBits && next_word < kWidth) {
        word = LoadLittleEndian<Word>(packed + static_cast<size_t>(next_word * kLanes + lane) *
                                                   sizeof(Word));
        if (shift + kWidth > kBits) value = static_cast<Word>(value | (word << (kBits - shift)));
      }
      values[IndexOfRow(row) + lane] = static_cast<Word>(value & kMask);
    }
  }
}

// Words that are not packed, only in another order.
template <typename Word>
void CopyLanes(const uint8_t* packed, Word* values) {
  constexpr size_t kRowBytes = kBitpackedBlockValues / 8;
  for (int row = 0; row < static_cast<int>(sizeof(Word) * 8); ++row) {
    std::memcpy(values + IndexOfRow(row), packed + static_cast<size_t>(row) * kRowBytes, kRowBytes);
  }
}

template <typename Word>
using Unpacker = void (*)(const uint8_t*, Word*);

// The unpackers of the widths 1 … bits of a word - 1.
template <typename Word>
constexpr auto MakeUnpackers() {
  return []<size_t... kWidths>(std::index_sequence<kWidths...>) {
    return std::array<Unpacker<Word>, sizeof...(kWidths)>{
        &UnpackLanes<Word, static_cast<int>(kWidths) + 1>...};
  }(std::make_index_sequence<sizeof(Word) * 8 - 1>{});
}

}  // namespace

template <std::unsigned_integral Word>
void UnpackBits(const uint8_t* packed, int width, Word* values) {
  static constexpr auto kUnpackers = MakeUnpackers<Word>();
  if (width == 0) {
    std::memset(values, 0, kBitpackedBlockValues * sizeof(Word));
  } else if (width == static_cast<int>(sizeof(Word) * 8)) {
    CopyLanes(packed, values);
  } else {
    kUnpackers[static_cast<size_t>(width) - 1](packed, values);
  }
}

template void UnpackBits(const uint8_t*, int, uint8_t*);
template void UnpackBits(const uint8_t*, int, uint16_t*);
template void UnpackBits(const uint8_t*, int, uint32_t*);
template void UnpackBits(const uint8_t*, int, uint64_t*);

}  // namespace croupier::format
