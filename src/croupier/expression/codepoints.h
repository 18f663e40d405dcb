#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace croupier::expression {

// Characters are codepoints of UTF-8. Bytes that are none are passed over without leaving the text.

inline bool IsCodepointStart(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

inline int64_t CountCodepoints(std::string_view text) {
  return static_cast<int64_t>(std::count_if(text.begin(), text.end(), IsCodepointStart));
}

/// Bytes of the first `count` characters, at most those of the text.
inline size_t BytesOfFirst(std::string_view text, int64_t count) {
  size_t at = 0;
  while (at < text.size()) {
    if (IsCodepointStart(text[at]) && count-- <= 0) break;
    ++at;
  }
  return at;
}

/// The character at the begin of a text that is not empty.
inline std::string_view FirstCodepoint(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && !IsCodepointStart(text[size])) ++size;
  return text.substr(0, size);
}

/// The number of a character.
inline int32_t CodepointValue(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  int32_t value =
      lead < 0x80 ? lead : (lead < 0xE0 ? lead & 0x1F : (lead < 0xF0 ? lead & 0x0F : lead & 0x07));
  for (const char c : character.substr(1))
    value = (value << 6) | (static_cast<unsigned char>(c) & 0x3F);
  return value;
}

}  // namespace croupier::expression
