#include "croupier/base/index_shuffle.h"

#include <algorithm>
#include <bit>

#include "croupier/base/hash.h"

namespace croupier {

namespace {

// Values that are mapped side by side: one alone waits for every multiplication of its rounds.
constexpr size_t kLanes = 8;

// The top `bits` bits of a mixed value; none for no bits.
uint64_t Round(uint64_t half, uint64_t round_key, int bits) {
  return Mix64(half + round_key) >> 1 >> (63 - bits);
}

}  // namespace

KeyedBijection::KeyedBijection(uint64_t num_values, uint64_t key) : num_values_(num_values) {
  const int bits = num_values < 2 ? 0 : static_cast<int>(std::bit_width(num_values - 1));
  low_bits_ = bits / 2;
  high_bits_ = bits - low_bits_;
  num_rounds_ = bits <= kTinyBits ? kTinyRounds : kRounds;
  SplitMix64 generator(key);
  for (size_t i = 0; i < static_cast<size_t>(num_rounds_); ++i) round_keys_[i] = generator.Next();
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

void KeyedBijection::EncryptAll(std::span<uint64_t> values) const {
  for (; values.size() >= kLanes; values = values.subspan(kLanes)) {
    std::array<uint64_t, kLanes> high;
    std::array<uint64_t, kLanes> low;
    for (size_t k = 0; k < kLanes; ++k) {
      high[k] = values[k] >> low_bits_;
      low[k] = values[k] & ((uint64_t{1} << low_bits_) - 1);
    }
    for (size_t i = 0; i < static_cast<size_t>(num_rounds_); i += 2) {
      for (size_t k = 0; k < kLanes; ++k) high[k] ^= Round(low[k], round_keys_[i], high_bits_);
      for (size_t k = 0; k < kLanes; ++k) low[k] ^= Round(high[k], round_keys_[i + 1], low_bits_);
    }
    for (size_t k = 0; k < kLanes; ++k) values[k] = high[k] << low_bits_ | low[k];
  }
  for (uint64_t& value : values) value = Encrypt(value);
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
  constexpr size_t kChunk = 256;
  // Values that have not left the cycle above n yet, and their places in the chunk.
  std::array<uint64_t, kChunk> walking;
  std::array<size_t, kChunk> places;
  while (!values.empty()) {
    const auto chunk = values.first(std::min(kChunk, values.size()));
    values = values.subspan(chunk.size());
    EncryptAll(chunk);
    size_t num_walking = 0;
    for (size_t place = 0; place < chunk.size(); ++place) {
      walking[num_walking] = chunk[place];
      places[num_walking] = place;
      num_walking += chunk[place] >= num_values_;
    }
    while (num_walking > 0) {
      EncryptAll(std::span(walking).first(num_walking));
      size_t num_left = 0;
      for (size_t i = 0; i < num_walking; ++i) {
        const uint64_t value = walking[i];
        const size_t place = places[i];
        chunk[place] = value;
        walking[num_left] = value;
        places[num_left] = place;
        num_left += value >= num_values_;
      }
      num_walking = num_left;
    }
  }
}

}  // namespace croupier
