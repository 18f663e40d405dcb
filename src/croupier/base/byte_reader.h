#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

/// Load a little-endian value from bytes that are known to be there; any alignment.
template <typename T>
T LoadLittleEndian(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Reads little-endian values from the front of some bytes, each read checked.
///
/// Borrows the bytes. Not thread-safe.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  /// Read one value; SerializationError if the bytes end before it.
  template <std::integral T>
  arrow::Result<T> Read() {
    ARROW_ASSIGN_OR_RAISE(auto bytes, ReadBytes(sizeof(T)));
    return LoadLittleEndian<T>(bytes.data());
  }

  /// Borrow the next `size` bytes; SerializationError if there are fewer.
  arrow::Result<std::span<const uint8_t>> ReadBytes(uint64_t size) {
    if (size > remaining()) {
      return arrow::Status::SerializationError("unexpected end of data: want ", size,
                                               " bytes at offset ", position_, ", have ",
                                               remaining());
    }
    const auto bytes = bytes_.subspan(position_, static_cast<size_t>(size));
    position_ += static_cast<size_t>(size);
    return bytes;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
};

}  // namespace croupier
