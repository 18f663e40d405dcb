#pragma once

#include <cstdint>
#include <string_view>

#include "croupier/base/hash.h"

namespace croupier::permutation {

/// The key of one bijection, from a seed and what it is for. Part of the specified order.
inline uint64_t DeriveKey(uint64_t seed, std::string_view purpose, uint64_t index) {
  constexpr uint64_t kGoldenGamma = 0x9e3779b97f4a7c15ULL;
  return Mix64(Mix64(seed ^ Fnv1a64(purpose)) + index * kGoldenGamma);
}

}  // namespace croupier::permutation
