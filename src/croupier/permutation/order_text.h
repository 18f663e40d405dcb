#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arrow/status.h>

namespace croupier::permutation {

/// Read a decimal number; false for anything else.
template <typename T>
bool ParseNumber(std::string_view text, T* value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

/// Check that a text of SQL can be written in an order. Invalid unless it is UTF-8.
arrow::Status CheckText(std::string_view text);

/// Take the text up to `separator` (or the end) off the front.
std::string_view TakePart(std::string_view* text, char separator);

/// Write sizes as runs: "450", or "250x4" for four splits of 250 rows.
std::string WriteSizes(const std::vector<int64_t>& sizes);
/// Read what WriteSizes wrote; false for other text, and for sizes below `min_size`.
bool ParseSizes(std::string_view text, int64_t min_size, std::vector<int64_t>* sizes);

}  // namespace croupier::permutation
