#include "croupier/format/encoding/fsst_encoder.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "croupier/base/byte_reader.h"
#include "croupier/base/hash.h"
#include "croupier/format/encoding/fsst.h"

namespace croupier::format {

namespace {

constexpr size_t kMaxSymbolBytes = 8;
constexpr uint8_t kEscape = 255;
// Codes of bytes that are no symbols, in front of whose own codes.
constexpr uint32_t kNoSymbol = 256;
constexpr uint16_t kUnknown = 1 << 12 | kEscape;
constexpr int kNumRounds = 5;

uint64_t LoadUpTo8(const uint8_t* bytes, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, std::min(size, kMaxSymbolBytes));
  return word;
}

uint64_t MaskOf(uint32_t length) { return ~uint64_t{0} >> (8 * (kMaxSymbolBytes - length)); }

}  // namespace

// Counts how often symbols occur in a sample, and which come right behind which.
class FsstEncoder::Counter {
 public:
  Counter() : pairs_(kNumCodes * kNumCodes) {}

  void Count(const FsstEncoder& encoder, Bytes value) {
    auto previous = static_cast<uint32_t>(kNumCodes);
    for (size_t at = 0; at < value.size();) {
      const size_t left = value.size() - at;
      const auto match = encoder.Find(LoadUpTo8(value.data() + at, left), left);
      Add(match.code, &previous);
      // A symbol's first byte by itself may be the better symbol.
      if (match.length > 1) ++singles_[kNoSymbol + value[at]];
      at += match.length;
    }
  }

  // The symbols that save the most, best first.
  std::vector<Symbol> Best(const FsstEncoder& encoder, uint32_t min_count) const {
    const auto hash = [](const std::pair<uint64_t, uint32_t>& symbol) {
      return static_cast<size_t>(Mix64(symbol.first ^ symbol.second));
    };
    std::unordered_map<std::pair<uint64_t, uint32_t>, uint64_t, decltype(hash)> gains(1024, hash);
    const auto add = [&](const Symbol& symbol, uint64_t count, uint64_t weight) {
      if (count >= min_count)
        gains[{symbol.bytes, symbol.length}] += count * symbol.length * weight;
    };
    for (uint32_t first = 0; first < kNumCodes; ++first) {
      if (singles_[first] == 0) continue;
      const Symbol one = SymbolOf(encoder, first);
      // Bytes without a symbol cost two: they are worth more than what they are long.
      add(one, singles_[first], one.length == 1 ? 8 : 1);
      if (one.length == kMaxSymbolBytes) continue;
      const uint16_t* row = pairs_.data() + first * kNumCodes;
      for (uint32_t second = 0; second < kNumCodes; ++second) {
        if (row[second] == 0) continue;
        const Symbol other = SymbolOf(encoder, second);
        Symbol both;
        both.length = std::min<uint32_t>(one.length + other.length, kMaxSymbolBytes);
        both.bytes = (one.bytes | other.bytes << (8 * one.length)) & MaskOf(both.length);
        add(both, row[second], 1);
      }
    }
    std::vector<std::pair<uint64_t, Symbol>> ranked;
    ranked.reserve(gains.size());
    for (const auto& [symbol, gain] : gains)
      ranked.push_back({gain, {symbol.first, symbol.second}});
    // The order of equal ones must not be that of the table.
    std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
      return std::tie(b.first, a.second.length, a.second.bytes) <
             std::tie(a.first, b.second.length, b.second.bytes);
    });
    std::vector<Symbol> best;
    best.reserve(ranked.size());
    for (const auto& [gain, symbol] : ranked) best.push_back(symbol);
    return best;
  }

  void Clear() {
    std::fill(singles_.begin(), singles_.end(), 0);
    std::fill(pairs_.begin(), pairs_.end(), uint16_t{0});
  }

 private:
  static constexpr size_t kNumCodes = 512;

  static Symbol SymbolOf(const FsstEncoder& encoder, uint32_t code) {
    if (code >= kNoSymbol) return {code - kNoSymbol, 1};
    return encoder.symbols_[code];
  }

  void Add(uint32_t code, uint32_t* previous) {
    ++singles_[code];
    if (*previous < kNumCodes) {
      uint16_t& count = pairs_[*previous * kNumCodes + code];
      if (count < UINT16_MAX) ++count;
    }
    *previous = code;
  }

  std::array<uint32_t, kNumCodes> singles_{};
  std::vector<uint16_t> pairs_;
};

FsstEncoder::FsstEncoder() : slots_(kNumSlots), shorts_(1 << 16, kUnknown) {
  singles_.fill(kUnknown);
}

bool FsstEncoder::Add(const Symbol& symbol) {
  const auto code = static_cast<uint32_t>(symbols_.size());
  const auto entry = static_cast<uint16_t>(symbol.length << 12 | code);
  if (symbol.length == 1) {
    const auto byte = static_cast<uint8_t>(symbol.bytes);
    singles_[byte] = entry;
    for (uint32_t next = 0; next < 256; ++next) {
      uint16_t& two = shorts_[next << 8 | byte];
      if (two >> 12 != 2) two = entry;
    }
  } else if (symbol.length == 2) {
    shorts_[static_cast<uint16_t>(symbol.bytes)] = entry;
  } else {
    Slot& slot = slots_[SlotOf(symbol.bytes)];
    if (slot.length > 0) return false;
    slot = {symbol.bytes, MaskOf(symbol.length), code, symbol.length};
  }
  symbols_.push_back(symbol);
  return true;
}

FsstEncoder::Match FsstEncoder::Find(uint64_t word, size_t limit) const {
  const Slot& slot = slots_[SlotOf(word)];
  if ((word & slot.mask) == slot.bytes && slot.length > 0 && slot.length <= limit) {
    return {slot.code, slot.length};
  }
  uint16_t entry = shorts_[static_cast<uint16_t>(word)];
  if (entry >> 12 > limit) entry = singles_[static_cast<uint8_t>(word)];
  if (entry == kUnknown) return {kNoSymbol + static_cast<uint32_t>(word & 0xff), 1};
  return {entry & 0xffU, static_cast<uint32_t>(entry >> 12)};
}

FsstEncoder FsstEncoder::Train(std::span<const Bytes> sample) {
  FsstEncoder encoder;
  Counter counter;
  for (int round = 1; round <= kNumRounds; ++round) {
    // The first rounds look at a part: their symbols are only steps to longer ones.
    const size_t count =
        std::max<size_t>(1, sample.size() * static_cast<size_t>(round) / kNumRounds);
    counter.Clear();
    for (size_t i = 0; i < count && i < sample.size(); ++i) {
      counter.Count(encoder, sample[i * sample.size() / count]);
    }
    FsstEncoder next;
    for (const Symbol& symbol : counter.Best(encoder, round < kNumRounds ? 2 : 3)) {
      if (next.symbols_.size() == kMaxSymbols) break;
      next.Add(symbol);
    }
    encoder = std::move(next);
  }
  return encoder;
}

uint8_t* FsstEncoder::Encode(Bytes value, uint8_t* to) const {
  const uint8_t* at = value.data();
  const uint8_t* end = at + value.size();
  while (end - at >= static_cast<std::ptrdiff_t>(kMaxSymbolBytes)) {
    const auto word = LoadLittleEndian<uint64_t>(at);
    const Slot& slot = slots_[SlotOf(word)];
    const uint16_t entry = shorts_[static_cast<uint16_t>(word)];
    to[1] = *at;  // counts only behind an escape
    if ((word & slot.mask) == slot.bytes && slot.length > 0) {
      *to++ = static_cast<uint8_t>(slot.code);
      at += slot.length;
    } else {
      *to = static_cast<uint8_t>(entry);
      to += entry == kUnknown ? 2 : 1;
      at += entry >> 12;
    }
  }
  while (at < end) {
    const auto left = static_cast<size_t>(end - at);
    const auto match = Find(LoadUpTo8(at, left), left);
    if (match.code >= kNoSymbol) {
      *to++ = kEscape;
      *to++ = *at;
    } else {
      *to++ = static_cast<uint8_t>(match.code);
    }
    at += match.length;
  }
  return to;
}

std::string FsstEncoder::SymbolTable() const {
  std::string table(FsstSymbolTable::kEncodedBytes, '\0');
  const uint64_t header = uint64_t{0x46535354} << 32 | uint64_t{1} << 24 | symbols_.size();
  std::memcpy(table.data(), &header, sizeof(header));
  for (size_t i = 0; i < symbols_.size(); ++i) {
    std::memcpy(table.data() + 8 + 8 * i, &symbols_[i].bytes, 8);
    table[8 + 8 * symbols_.size() + i] = static_cast<char>(symbols_[i].length);
  }
  return table;
}

}  // namespace croupier::format
