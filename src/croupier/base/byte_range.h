#pragma once

#include <cstdint>

namespace croupier {

/// The bytes [offset_bytes, offset_bytes + size_bytes) of a file or buffer.
struct ByteRange {
  int64_t offset_bytes = 0;
  int64_t size_bytes = 0;

  int64_t end_bytes() const { return offset_bytes + size_bytes; }
  bool operator==(const ByteRange&) const = default;
};

}  // namespace croupier
