#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::format {

using Bytes = std::span<const uint8_t>;

/// Decoded values, before levels say which are null. Memory is owned.
struct ValueBlock {
  int64_t num_values = 0;
  /// Fixed-width values: 1 bit (a bitmap) or whole bytes each. Variable-width: all bytes.
  std::shared_ptr<arrow::Buffer> data;
  /// Variable-width values: num_values + 1 offsets from 0, ascending, of 32 or 64 bits.
  std::shared_ptr<arrow::Buffer> offsets;
  /// Fixed-size lists: a bitmap of the items of each dimension, outermost first; null where all are
  /// valid.
  std::vector<std::shared_ptr<arrow::Buffer>> item_validity;
  /// Packed structs: the values of each member; nothing else is set.
  std::vector<ValueBlock> members = {};
};

/// What kind of values an encoding is to give.
struct ValueKind {
  bool is_variable = false;
  int64_t bits = 0;  ///< of a value, or of an offset if variable

  bool operator==(const ValueKind&) const = default;
};

/// Copy bytes into a buffer of their own.
arrow::Result<std::shared_ptr<arrow::Buffer>> CopyBytes(Bytes bytes, arrow::MemoryPool* pool);

/// Bytes of `num_values` values of `bits` bits, the last byte filled up.
constexpr int64_t BytesForValues(int64_t num_values, int64_t bits) {
  return bits % 8 == 0 ? num_values * (bits / 8) : (num_values * bits + 7) / 8;
}

}  // namespace croupier::format
