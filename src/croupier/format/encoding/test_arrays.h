#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "croupier/format/wire/test_messages.h"

// ArrayEncoding messages of format 2.0, by number: lance-file.md, section B.1.
namespace croupier::format::test {

inline Message BufferOf(uint32_t number) { return Message().Number(1, number); }

inline Message FlatArrayOf(uint64_t bits, uint32_t buffer, std::string_view scheme = {}) {
  Message flat = Message().Number(1, bits).Child(2, BufferOf(buffer));
  if (!scheme.empty()) flat.Child(3, Message().Text(1, scheme));
  return Message().Child(1, flat);
}
inline Message NoNullsArrayOf(const Message& values) {
  return Message().Child(2, Message().Child(1, Message().Child(1, values)));
}
inline Message SomeNullsArrayOf(const Message& validity, const Message& values) {
  return Message().Child(2, Message().Child(2, Message().Child(1, validity).Child(2, values)));
}
inline Message AllNullsArray() { return Message().Child(2, Message().Child(3)); }
inline Message FixedSizeListArrayOf(uint64_t dimension, const Message& items) {
  return Message().Child(3, Message().Number(1, dimension).Child(2, items));
}
inline Message ListArrayOf(const Message& offsets, uint64_t adjustment, uint64_t num_items) {
  return Message().Child(4, Message().Child(1, offsets).Number(2, adjustment).Number(3, num_items));
}
inline Message BinaryArrayOf(const Message& indices, const Message& bytes, uint64_t adjustment) {
  return Message().Child(6, Message().Child(1, indices).Child(2, bytes).Number(3, adjustment));
}
inline Message DictionaryArrayOf(const Message& indices, const Message& items, uint64_t num_items) {
  return Message().Child(7, Message().Child(1, indices).Child(2, items).Number(3, num_items));
}
inline Message FsstArrayOf(const Message& binary, std::string_view table) {
  return Message().Child(8, Message().Child(1, binary).Text(2, table));
}
inline Message PackedStructArrayOf(const std::vector<Message>& members, uint32_t buffer) {
  Message packed;
  for (const auto& member : members) packed.Child(1, member);
  return Message().Child(9, packed.Child(2, BufferOf(buffer)));
}
inline Message BitpackedArrayOf(uint64_t compressed, uint64_t uncompressed, uint32_t buffer,
                                bool is_signed) {
  return Message().Child(10, Message()
                                 .Number(1, compressed)
                                 .Number(2, uncompressed)
                                 .Child(3, BufferOf(buffer))
                                 .Number(4, is_signed));
}
inline Message FixedSizeBinaryArrayOf(uint64_t width, const Message& bytes) {
  return Message().Child(11, Message().Child(1, bytes).Number(2, width));
}
inline Message FastLanesArrayOf(uint64_t compressed, uint64_t uncompressed, uint32_t buffer) {
  return Message().Child(
      12, Message().Number(1, compressed).Number(2, uncompressed).Child(3, BufferOf(buffer)));
}

}  // namespace croupier::format::test
