#include "croupier/format/wire/wire_writer.h"

#include <cstring>

namespace croupier::format {

namespace {

constexpr uint32_t kVarint = 0;
constexpr uint32_t kFixed64 = 1;
constexpr uint32_t kBytes = 2;
constexpr uint32_t kFixed32 = 5;

// Not inlined: g++ 12 warns of overflows that cannot be when it sees through vectors that grow.
[[gnu::noinline]] void Append(std::vector<uint8_t>* bytes, const void* data, size_t size) {
  if (size == 0) return;
  const size_t end = bytes->size();
  bytes->resize(end + size);
  std::memcpy(bytes->data() + end, data, size);
}

}  // namespace

void AppendVarint(std::vector<uint8_t>* bytes, uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes->push_back(static_cast<uint8_t>(value | 0x80));
  bytes->push_back(static_cast<uint8_t>(value));
}

WireWriter& WireWriter::Number(uint32_t field, uint64_t value) {
  AppendTag(field, kVarint);
  AppendVarint(&bytes_, value);
  return *this;
}

WireWriter& WireWriter::Fixed32(uint32_t field, uint32_t value) {
  AppendTag(field, kFixed32);
  Append(&bytes_, &value, sizeof(value));
  return *this;
}

WireWriter& WireWriter::Fixed64(uint32_t field, uint64_t value) {
  AppendTag(field, kFixed64);
  Append(&bytes_, &value, sizeof(value));
  return *this;
}

WireWriter& WireWriter::Text(uint32_t field, std::string_view text) {
  return Bytes(field, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

WireWriter& WireWriter::Bytes(uint32_t field, std::span<const uint8_t> bytes) {
  AppendTag(field, kBytes);
  AppendVarint(&bytes_, bytes.size());
  Append(&bytes_, bytes.data(), bytes.size());
  return *this;
}

WireWriter& WireWriter::Packed(uint32_t field, const std::vector<uint64_t>& values) {
  if (values.empty()) return *this;
  std::vector<uint8_t> content;
  for (const uint64_t value : values) AppendVarint(&content, value);
  return Bytes(field, content);
}

WireWriter& WireWriter::PackedSigned(uint32_t field, std::span<const int32_t> values) {
  if (values.empty()) return *this;
  std::vector<uint8_t> content;
  for (const int32_t value : values) AppendVarint(&content, static_cast<uint64_t>(int64_t{value}));
  return Bytes(field, content);
}

}  // namespace croupier::format
