#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace croupier {

/// Mix 64 bits so that every input bit changes every output bit with probability one half.
///
/// Source: the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, OOPSLA 2014; variant 13 of Stafford's mixers). Part of the specified order.
constexpr uint64_t Mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// The generator SplitMix64: the sequence Mix64(seed + k * golden gamma), k = 1, 2, …
class SplitMix64 {
 public:
  explicit constexpr SplitMix64(uint64_t seed) : state_(seed) {}
  constexpr uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return Mix64(state_);
  }

 private:
  uint64_t state_;
};

/// Hash bytes: FNV-1a, 64 bits (Fowler, Noll, Vo). Not for tables that an adversary fills.
constexpr uint64_t Fnv1a64(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3ULL;
  }
  return hash;
}

/// Write 64 bits as 16 lower-case hexadecimal digits.
inline std::string HexDigits(uint64_t bits) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[bits >> shift & 0xf];
  return text;
}

}  // namespace croupier
