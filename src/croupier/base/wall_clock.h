#pragma once

#include <chrono>
#include <cstdint>

namespace croupier {

/// Nanoseconds since 1970 in UTC, by a clock that may be set back: for what is written down, not
/// for waiting.
inline int64_t WallClockNanoseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace croupier
