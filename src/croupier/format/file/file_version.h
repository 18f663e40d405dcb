#pragma once

#include <cstdint>

namespace croupier::format {

/// A version of data files that can be written.
enum class FileVersion : uint8_t { kV2_1 = 1, kV2_2 = 2 };

}  // namespace croupier::format
