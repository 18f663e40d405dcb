#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier::format {

/// One field of a message in the protobuf wire format.
///
/// Source: Protocol Buffers, "Encoding". Groups (wire types 3 and 4) are refused: no Lance message
/// has any.
struct WireField {
  enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;              ///< of a varint or fixed field
  std::span<const uint8_t> bytes;  ///< of a length-delimited field; borrowed from the message

  /// The value of a scalar field; SerializationError if the field is not one.
  arrow::Result<uint64_t> AsUnsigned() const;
  /// An int32 (sign-extended to 64 bits on the wire).
  arrow::Result<int32_t> AsInt32() const;
  arrow::Result<uint32_t> AsUint32() const;
  arrow::Result<bool> AsBool() const;
  /// The bytes of a length-delimited field; SerializationError if the field is not one.
  arrow::Result<std::span<const uint8_t>> AsBytes() const;
  /// The same as text; must be valid UTF-8.
  arrow::Result<std::string> AsString() const;
  /// Append one value, or all values of the packed form.
  arrow::Status AppendTo(std::vector<uint64_t>* values) const;
  arrow::Status AppendTo(std::vector<int32_t>* values) const;
};

/// Reads the fields of one message in order. Borrows the bytes.
///
///     for (WireReader reader(bytes); !reader.done();) {
///       ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
///       switch (field.number) { … }   // unknown numbers are passed over
///     }
class WireReader {
 public:
  explicit WireReader(std::span<const uint8_t> message) : message_(message) {}

  bool done() const { return position_ == message_.size(); }

  /// Read the next field; SerializationError, with the offset, for malformed bytes.
  arrow::Result<WireField> Next();

 private:
  std::span<const uint8_t> message_;
  size_t position_ = 0;
};

/// Call `handle(field)` for each field of a message; ends with the first error.
template <typename Handle>
arrow::Status ForEachField(std::span<const uint8_t> message, Handle handle) {
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    ARROW_RETURN_NOT_OK(handle(field));
  }
  return arrow::Status::OK();
}

/// The same for a message that is a field of another.
template <typename Handle>
arrow::Status ForEachField(const WireField& message, Handle handle) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, message.AsBytes());
  return ForEachField(bytes, std::move(handle));
}

/// An entry of a map<string, bytes> field.
struct WireMapEntry {
  std::string key;
  std::string value;

  static arrow::Result<WireMapEntry> Parse(std::span<const uint8_t> message);
};

}  // namespace croupier::format
