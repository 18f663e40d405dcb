#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace croupier::format {

/// Append a number, seven bits a byte.
void AppendVarint(std::vector<uint8_t>* bytes, uint64_t value);

/// Writes one message in the protobuf wire format, field by field.
///
///     const auto message = WireWriter().Text(2, name).Number(3, id).Child(4, other);
///
/// Fields are written in the order of the calls, also those that hold a default: leaving these out
/// is up to the caller, since `optional` ones and members of a `oneof` must be there. The size is
/// that of what the caller gives, whose bounds are the caller's.
/// Source: Protocol Buffers, "Encoding".
class WireWriter {
 public:
  /// A varint: an unsigned number, an enum or, as 0 or 1, a bool.
  WireWriter& Number(uint32_t field, uint64_t value);
  /// An int32 or int64; negative ones take ten bytes.
  WireWriter& Signed(uint32_t field, int64_t value) {
    return Number(field, static_cast<uint64_t>(value));
  }
  /// A number that is left out if it is 0, as proto3 does with plain fields.
  WireWriter& NumberUnlessZero(uint32_t field, uint64_t value) {
    return value == 0 ? *this : Number(field, value);
  }
  /// A fixed32 or float.
  WireWriter& Fixed32(uint32_t field, uint32_t value);
  /// A fixed64 or double.
  WireWriter& Fixed64(uint32_t field, uint64_t value);
  /// A string.
  WireWriter& Text(uint32_t field, std::string_view text);
  WireWriter& TextUnlessEmpty(uint32_t field, std::string_view text) {
    return text.empty() ? *this : Text(field, text);
  }
  /// Bytes, or a message that is written already.
  WireWriter& Bytes(uint32_t field, std::span<const uint8_t> bytes);
  WireWriter& Child(uint32_t field, const WireWriter& child = {}) {
    return Bytes(field, child.bytes());
  }
  /// A repeated number in the packed form; nothing if there is none.
  WireWriter& Packed(uint32_t field, const std::vector<uint64_t>& values);
  WireWriter& PackedSigned(uint32_t field, std::span<const int32_t> values);
  /// An entry of a map<string, string> or map<string, bytes>.
  WireWriter& MapEntry(uint32_t field, std::string_view key, std::string_view value) {
    return Child(field, WireWriter().Text(1, key).Text(2, value));
  }

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  std::vector<uint8_t> Finish() && { return std::move(bytes_); }

 private:
  void AppendTag(uint32_t field, uint32_t wire_type) {
    AppendVarint(&bytes_, uint64_t{field} << 3 | wire_type);
  }

  std::vector<uint8_t> bytes_;
};

}  // namespace croupier::format
