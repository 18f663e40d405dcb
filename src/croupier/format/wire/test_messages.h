#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "croupier/format/encoding/test_encoders.h"
#include "croupier/format/wire/wire_writer.h"

// Messages and damage for tests of parsers.
namespace croupier::format::test {

/// The bytes of "0a 19 ff".
inline ByteVector FromHex(std::string_view text) {
  ByteVector bytes;
  int num_digits = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (num_digits++ % 2 == 0) bytes.push_back(0);
    bytes.back() = static_cast<uint8_t>(bytes.back() << 4 | digit);
  }
  return bytes;
}

/// A protobuf message, put together field by field.
using Message = WireWriter;

/// Calls `check(cut)` with the first 0, 1, … size - 1 bytes. Each lies in memory of its own, so
/// that a sanitizer sees reads behind it.
template <typename Check>
void ForEachTruncation(const ByteVector& bytes, const Check& check) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    check(ByteVector(bytes.begin(), bytes.begin() + static_cast<int64_t>(size)));
  }
}

/// Calls `check(changed, place)` with each byte from `begin` on changed in several ways, one at a
/// time.
template <typename Check>
void ForEachChangedByte(ByteVector bytes, size_t begin, size_t stride, const Check& check) {
  for (size_t place = begin; place < bytes.size(); place += stride) {
    const uint8_t original = bytes[place];
    for (const int change : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      bytes[place] = static_cast<uint8_t>(original ^ change);
      check(bytes, place);
    }
    bytes[place] = original;
  }
}

}  // namespace croupier::format::test
