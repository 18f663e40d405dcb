#pragma once

#include <string>
#include <string_view>

namespace croupier::permutation {

/// Write text as a JSON string: quotes, backslashes and control characters escaped, UTF-8 kept.
inline std::string JsonString(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20) {
      json += "\\u00";
      json += kDigits[byte >> 4];
      json += kDigits[byte & 0xf];
    } else {
      json += c;
    }
  }
  json += '"';
  return json;
}

}  // namespace croupier::permutation
