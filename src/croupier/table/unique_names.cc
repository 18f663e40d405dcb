#include "croupier/table/unique_names.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

namespace croupier::table {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
// Of a data file: this many bytes as binary digits, the rest in hex.
constexpr size_t kBinaryBytes = 3;

std::array<uint8_t, 16> RandomBytes() {
  std::random_device entropy;
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); i += 4) {
    const uint32_t word = entropy();
    for (size_t k = 0; k < 4; ++k) bytes[i + k] = static_cast<uint8_t>(word >> 8 * k);
  }
  return bytes;
}

void AppendHex(uint8_t byte, std::string* text) {
  text->push_back(kHexDigits[byte >> 4]);
  text->push_back(kHexDigits[byte & 15]);
}

}  // namespace

std::string NewUuid() {
  auto bytes = RandomBytes();
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    AppendHex(bytes[i], &text);
  }
  return text;
}

std::string NewDataFileName() {
  const auto bytes = RandomBytes();
  std::string text;
  for (size_t i = 0; i < kBinaryBytes; ++i) {
    for (int bit = 7; bit >= 0; --bit) text.push_back((bytes[i] >> bit & 1) != 0 ? '1' : '0');
  }
  for (size_t i = kBinaryBytes; i < bytes.size(); ++i) AppendHex(bytes[i], &text);
  return text + ".lance";
}

}  // namespace croupier::table
