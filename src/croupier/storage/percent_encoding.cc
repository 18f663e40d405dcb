#include "croupier/storage/percent_encoding.h"

#include <cstdint>

namespace croupier::storage {

std::string PercentEncode(std::string_view text, bool keep_slashes) {
  constexpr char kHexDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool is_unreserved = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') ||
                               ('0' <= c && c <= '9') || c == '-' || c == '.' || c == '_' ||
                               c == '~' || (keep_slashes && c == '/');
    if (is_unreserved) {
      encoded += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      encoded += {'%', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace croupier::storage
