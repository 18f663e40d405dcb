#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <arrow/result.h>

#include "croupier/format/encoding/value_block.h"

namespace croupier::format {

/// The symbols of FSST-compressed strings.
///
///     u64 header: number of symbols (bits 0-7), on (bit 24), 0x46535354 (bits 32-63)
///     8 bytes of each symbol, then one length byte of each; filled up to 2312 bytes
///
/// Code c < number of symbols is symbol c; code 255 is an escape: the next byte stands for itself.
/// Source: lance-encodings.md, section 12 (Boncz, Neumann, Leis: FSST, VLDB 2020).
class FsstSymbolTable {
 public:
  static constexpr size_t kEncodedBytes = 8 + 256 * 8 + 256;
  /// Bytes behind a destination that Decode may write to.
  static constexpr int64_t kSlackBytes = 8;

  static arrow::Result<FsstSymbolTable> Parse(std::string_view bytes);

  /// Find the size of a decoded value; SerializationError for a code without a symbol.
  arrow::Result<int64_t> DecodedSize(Bytes codes) const;

  /// Decode a value whose DecodedSize was found; gives the end. Writes up to kSlackBytes behind it.
  uint8_t* Decode(Bytes codes, uint8_t* destination) const;

 private:
  static constexpr uint8_t kEscape = 255;

  bool is_on_ = false;  // off: values are stored as they are
  std::array<uint64_t, 256> symbols_{};
  std::array<uint8_t, 256> lengths_{};  // 0: no such code
};

}  // namespace croupier::format
