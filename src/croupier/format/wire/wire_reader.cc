#include "croupier/format/wire/wire_reader.h"

#include <arrow/util/utf8.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr uint64_t kMaxFieldNumber = (1u << 29) - 1;

// Parse a varint at `position` and move behind it.
arrow::Result<uint64_t> ReadVarint(std::span<const uint8_t> bytes, size_t* position) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (*position == bytes.size()) {
      return arrow::Status::SerializationError("protobuf: a varint is cut off at offset ",
                                               *position);
    }
    const uint8_t byte = bytes[(*position)++];
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return arrow::Status::SerializationError("protobuf: a varint is too long at offset ", *position);
}

arrow::Status WrongType(const WireField& field, const char* wanted) {
  return arrow::Status::SerializationError("protobuf: field ", field.number, " should be ", wanted,
                                           ", its wire type is ", static_cast<int>(field.type));
}

}  // namespace

arrow::Result<uint64_t> WireField::AsUnsigned() const {
  if (type == Type::kBytes) return WrongType(*this, "a number");
  return value;
}

arrow::Result<int32_t> WireField::AsInt32() const {
  ARROW_ASSIGN_OR_RAISE(const uint64_t wide, AsUnsigned());
  return static_cast<int32_t>(wide);
}

arrow::Result<uint32_t> WireField::AsUint32() const {
  ARROW_ASSIGN_OR_RAISE(const uint64_t wide, AsUnsigned());
  if (wide > UINT32_MAX) {
    return arrow::Status::SerializationError("protobuf: field ", number,
                                             " is out of the range of a uint32: ", wide);
  }
  return static_cast<uint32_t>(wide);
}

arrow::Result<bool> WireField::AsBool() const {
  ARROW_ASSIGN_OR_RAISE(const uint64_t wide, AsUnsigned());
  return wide != 0;
}

arrow::Result<std::span<const uint8_t>> WireField::AsBytes() const {
  if (type != Type::kBytes) return WrongType(*this, "bytes");
  return bytes;
}

arrow::Result<std::string> WireField::AsString() const {
  ARROW_ASSIGN_OR_RAISE(const auto text, AsBytes());
  arrow::util::InitializeUTF8();
  if (!arrow::util::ValidateUTF8(text.data(), static_cast<int64_t>(text.size()))) {
    return arrow::Status::SerializationError("protobuf: field ", number, " is not valid UTF-8");
  }
  return std::string(text.begin(), text.end());
}

arrow::Status WireField::AppendTo(std::vector<uint64_t>* values) const {
  if (type != Type::kBytes) {
    values->push_back(value);
    return arrow::Status::OK();
  }
  for (size_t position = 0; position < bytes.size();) {
    ARROW_ASSIGN_OR_RAISE(const uint64_t next, ReadVarint(bytes, &position));
    values->push_back(next);
  }
  return arrow::Status::OK();
}

arrow::Status WireField::AppendTo(std::vector<int32_t>* values) const {
  std::vector<uint64_t> wide;
  ARROW_RETURN_NOT_OK(AppendTo(&wide));
  for (const uint64_t each : wide) values->push_back(static_cast<int32_t>(each));
  return arrow::Status::OK();
}

arrow::Result<WireField> WireReader::Next() {
  ARROW_ASSIGN_OR_RAISE(const uint64_t tag, ReadVarint(message_, &position_));
  WireField field;
  if (tag >> 3 == 0 || tag >> 3 > kMaxFieldNumber) {
    return arrow::Status::SerializationError("protobuf: no field has the number ", tag >> 3,
                                             ", before offset ", position_);
  }
  field.number = static_cast<uint32_t>(tag >> 3);
  field.type = static_cast<WireField::Type>(tag & 7);
  uint64_t size = 0;
  switch (field.type) {
    case WireField::Type::kVarint: {
      ARROW_ASSIGN_OR_RAISE(field.value, ReadVarint(message_, &position_));
      return field;
    }
    case WireField::Type::kFixed64:
      size = 8;
      break;
    case WireField::Type::kFixed32:
      size = 4;
      break;
    case WireField::Type::kBytes: {
      ARROW_ASSIGN_OR_RAISE(size, ReadVarint(message_, &position_));
      break;
    }
    default:
      return arrow::Status::SerializationError("protobuf: unknown wire type ", tag & 7,
                                               " of field ", field.number, ", before offset ",
                                               position_);
  }
  if (size > message_.size() - position_) {
    return arrow::Status::SerializationError("protobuf: field ", field.number, " is cut off: want ",
                                             size, " bytes at offset ", position_, ", have ",
                                             message_.size() - position_);
  }
  const auto content = message_.subspan(position_, static_cast<size_t>(size));
  position_ += static_cast<size_t>(size);
  if (field.type == WireField::Type::kFixed64) {
    field.value = LoadLittleEndian<uint64_t>(content.data());
  } else if (field.type == WireField::Type::kFixed32) {
    field.value = LoadLittleEndian<uint32_t>(content.data());
  } else {
    field.bytes = content;
  }
  return field;
}

arrow::Result<WireMapEntry> WireMapEntry::Parse(std::span<const uint8_t> message) {
  WireMapEntry entry;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number == 1) {
      ARROW_ASSIGN_OR_RAISE(entry.key, field.AsString());
    } else if (field.number == 2) {
      ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
      entry.value.assign(bytes.begin(), bytes.end());
    }
  }
  return entry;
}

}  // namespace croupier::format
