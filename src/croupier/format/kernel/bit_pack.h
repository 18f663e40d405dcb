#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

#include "croupier/format/kernel/bit_unpack.h"

namespace croupier::format {

/// Pack 1024 values into one FastLanes block, as UnpackBits reads it.
///
/// \param values 1024 words, each below 2^width
/// \param width 0 … bits of Word; 0 writes nothing
/// \param packed BitpackedBlockBytes(width) bytes, any alignment
template <std::unsigned_integral Word>
void PackBits(const Word* values, int width, uint8_t* packed);

/// Bits that the largest of some values needs.
///
/// \param values any alignment
template <std::unsigned_integral Word>
int BitWidthOf(const uint8_t* values, int64_t num_values);

}  // namespace croupier::format
