#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace croupier {

/// A keyed bijection of [0, n): the order "shuffled" as a function of position, in constant memory.
///
/// A Feistel network over the b bits that n - 1 needs (halves of b - b/2 and b/2 bits), walked
/// along its cycle until the value lies below n. The domain is less than 2n, so two steps are
/// enough on average. Specified in docs/concepts/order.md with test vectors: every language gives
/// the same values.
///
/// Source: Black, Rogaway: Ciphers with arbitrary finite domains, CT-RSA 2002 (cycle walking).
class KeyedBijection {
 public:
  /// \param num_values n, at most 2^63
  KeyedBijection(uint64_t num_values, uint64_t key);

  uint64_t num_values() const { return num_values_; }

  /// Map a value in [0, num_values()).
  uint64_t Map(uint64_t value) const;
  /// Undo Map.
  uint64_t Unmap(uint64_t value) const;
  /// Map each value in place; many cost a third of what they do one by one.
  void MapAll(std::span<uint64_t> values) const;

 private:
  // Tiny domains have so few round functions that more of them are needed to reach all orders.
  static constexpr int kTinyBits = 4;
  static constexpr int kTinyRounds = 48;
  static constexpr int kRounds = 12;

  uint64_t Encrypt(uint64_t value) const;
  void EncryptAll(std::span<uint64_t> values) const;
  uint64_t Decrypt(uint64_t value) const;

  uint64_t num_values_;
  int high_bits_ = 0;
  int low_bits_ = 0;
  int num_rounds_ = kRounds;
  std::array<uint64_t, kTinyRounds> round_keys_{};  // the first num_rounds_
};

}  // namespace croupier
