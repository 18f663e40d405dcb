#pragma once

#include <concepts>
#include <cstdint>

namespace croupier::format {

/// Values of one FastLanes block.
inline constexpr int64_t kBitpackedBlockValues = 1024;

/// Bytes of a block of 1024 values of `width` bits each.
constexpr int64_t BitpackedBlockBytes(int64_t width) { return 128 * width; }

/// Unpack one FastLanes block: 1024 values of `width` bits, interleaved over 1024 / bits(Word)
/// lanes.
///
/// \param packed BitpackedBlockBytes(width) bytes, any alignment
/// \param width 0 … bits of Word; 0 gives zeros
/// \param values 1024 words
/// Source: lance-encodings.md, section 11 (Afroozeh, Boncz: The FastLanes Compression Layout, VLDB
/// 2023).
template <std::unsigned_integral Word>
void UnpackBits(const uint8_t* packed, int width, Word* values);

}  // namespace croupier::format
