#include "croupier/base/index_shuffle.h"

#include <bit>

#include "croupier/base/hash.h"

namespace croupier {

namespace {

// The top `bits` bits of a mixed value; none for no bits.
uint64_t Round(uint64_t half, uint64_t round_key, int bits) {
  return bits == 0 ? 0 : Mix64(half + round_key) >> (64 - bits);
}

}  // namespace

KeyedBijection::KeyedBijection(uint64_t num_values, uint64_t key) : num_values_(num_values) {
  const int bits = num_values < 2 ? 0 : static_cast<int>(std::bit_width(num_values - 1));
  low_bits_ = bits / 2;
  high_bits_ = bits - low_bits_;
  num_rounds_ = bits <= kTinyBits ? kTinyRounds : kRounds;
  SplitMix64 generator(key);
  for (auto& round_key : round_keys_) round_key = generator.Next();
}

uint64_t KeyedBijection::Encrypt(uint64_t value) const {
  uint64_t high = value >> low_bits_;
  uint64_t low = value & ((uint64_t{1} << low_bits_) - 1);
  for (size_t i = 0; i < static_cast<size_t>(num_rounds_); i += 2) {
    high ^= Round(low, round_keys_[i], high_bits_);
    low ^= Round(high, round_keys_[i + 1], low_bits_);
  }
  return high << low_bits_ | low;
}

uint64_t KeyedBijection::Decrypt(uint64_t value) const {
  uint64_t high = value >> low_bits_;
  uint64_t low = value & ((uint64_t{1} << low_bits_) - 1);
  for (auto i = static_cast<size_t>(num_rounds_); i > 0; i -= 2) {
    low ^= Round(high, round_keys_[i - 1], low_bits_);
    high ^= Round(low, round_keys_[i - 2], high_bits_);
  }
  return high << low_bits_ | low;
}

uint64_t KeyedBijection::Map(uint64_t value) const {
  do {
    value = Encrypt(value);
  } while (value >= num_values_);
  return value;
}

uint64_t KeyedBijection::Unmap(uint64_t value) const {
  do {
    value = Decrypt(value);
  } while (value >= num_values_);
  return value;
}

void KeyedBijection::MapAll(std::span<uint64_t> values) const {
  for (uint64_t& value : values) value = Map(value);
}

}  // namespace croupier
