#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// Compresses short strings, each by itself, by a table of up to 255 symbols of 1 to 8 bytes.
///
/// Symbols are learned from a sample, in rounds: encode it with the symbols so far, count how often
/// each occurs and which follow each other, and keep those, also as pairs, that would save the
/// most. Immutable once made. Source: Boncz, Neumann, Leis: FSST, VLDB 2020; the format:
/// lance-encodings.md, section 12.
class FsstEncoder {
 public:
  /// Learn symbols.
  ///
  /// \param sample strings of the kind that is to be encoded; some 16 KiB in all do
  static FsstEncoder Train(std::span<const Bytes> sample);

  /// Bytes that a value of some size takes at most: every byte escaped.
  static constexpr size_t MaxEncodedBytes(size_t size) { return 2 * size; }

  /// Encode a value; gives the end.
  ///
  /// \param to MaxEncodedBytes of it, and one more
  uint8_t* Encode(Bytes value, uint8_t* to) const;

  /// The symbol table, as FsstSymbolTable::Parse reads it.
  std::string SymbolTable() const;

 private:
  static constexpr size_t kNumSlots = 2048;
  static constexpr size_t kMaxSymbols = 255;

  struct Symbol {
    uint64_t bytes = 0;  // the first is the lowest; zeros behind the last
    uint32_t length = 0;
  };
  struct Slot {
    uint64_t bytes = 0;
    uint64_t mask = ~uint64_t{0};  // of the bytes that must match; of an empty slot, none can
    uint32_t code = 0;
    uint32_t length = 0;
  };
  struct Match {
    uint32_t code = 0;  // 256 and more: no symbol
    uint32_t length = 0;
  };
  class Counter;

  FsstEncoder();

  static size_t SlotOf(uint64_t word) {
    return static_cast<size_t>(((word & 0xffffff) * 2971215073U) >> 15) % kNumSlots;
  }
  /// Whether there is place for one more symbol with these first bytes.
  bool Add(const Symbol& symbol);
  /// The longest symbol that a word begins with; `limit` bytes of it are there, zeros follow.
  Match Find(uint64_t word, size_t limit) const;

  std::vector<Symbol> symbols_;
  std::vector<Slot> slots_;              // symbols of three bytes and more, by their first three
  std::vector<uint16_t> shorts_;         // by two bytes: length << 12 | code
  std::array<uint16_t, 256> singles_{};  // by one byte, the same
};

}  // namespace croupier::format
