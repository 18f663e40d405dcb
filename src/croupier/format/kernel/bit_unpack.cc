#include "croupier/format/kernel/bit_unpack.h"

#include <array>
#include <cstring>

namespace croupier::format {

template <std::unsigned_integral Word>
void UnpackBits(const uint8_t* packed, int width, Word* values) {
  constexpr int kBits = sizeof(Word) * 8;
  constexpr int kLanes = 1024 / kBits;
  constexpr std::array<int, 8> kOrder = {0, 4, 2, 6, 1, 5, 3, 7};
  if (width == 0) {
    std::memset(values, 0, 1024 * sizeof(Word));
    return;
  }
  const auto mask =
      static_cast<Word>(width == kBits ? ~Word{0} : static_cast<Word>((uint64_t{1} << width) - 1));
  // Lane arrays on the stack: loads of any alignment, and loops that the compiler vectorises.
  std::array<Word, kLanes> low;
  std::array<Word, kLanes> high;
  for (int row = 0; row < kBits; ++row) {
    const int bit = row * width;
    const int word = bit / kBits;
    const int shift = bit % kBits;
    Word* out = values + kOrder[static_cast<size_t>(row) / 8] * 16 + (row % 8) * 128;
    std::memcpy(low.data(), packed + static_cast<size_t>(word) * sizeof(low), sizeof(low));
    if (shift + width > kBits) {
      std::memcpy(high.data(), packed + (static_cast<size_t>(word) + 1) * sizeof(high),
                  sizeof(high));
      for (size_t lane = 0; lane < kLanes; ++lane) {
        out[lane] = static_cast<Word>(
            static_cast<Word>((low[lane] >> shift) | (high[lane] << (kBits - shift))) & mask);
      }
    } else {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        out[lane] = static_cast<Word>((low[lane] >> shift) & mask);
      }
    }
  }
}

template void UnpackBits(const uint8_t*, int, uint8_t*);
template void UnpackBits(const uint8_t*, int, uint16_t*);
template void UnpackBits(const uint8_t*, int, uint32_t*);
template void UnpackBits(const uint8_t*, int, uint64_t*);

}  // namespace croupier::format
