#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/hash.h"

// Random arrays of any type, for tests that write them.
namespace croupier::format::test {

enum class Nulls : uint8_t { kNone, kSome, kMany, kAll };

/// Types of leaves that can be written.
inline std::vector<std::shared_ptr<arrow::DataType>> LeafTypes() {
  return {arrow::null(),
          arrow::boolean(),
          arrow::int8(),
          arrow::uint16(),
          arrow::int32(),
          arrow::uint64(),
          arrow::float16(),
          arrow::float32(),
          arrow::float64(),
          arrow::date32(),
          arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
          arrow::duration(arrow::TimeUnit::SECOND),
          arrow::fixed_size_binary(5),
          arrow::fixed_size_binary(300),
          arrow::utf8(),
          arrow::large_utf8(),
          arrow::binary(),
          arrow::large_binary(),
          arrow::fixed_size_list(arrow::float32(), 3),
          arrow::fixed_size_list(arrow::float32(), 100),
          arrow::fixed_size_list(arrow::boolean(), 5),
          arrow::fixed_size_list(arrow::fixed_size_list(arrow::int16(), 3), 2)};
}

/// A type of structs and lists, `depth` deep at most. Lists lie neither above nor below fixed-size
/// lists of structs.
inline std::shared_ptr<arrow::DataType> MakeRandomType(int depth, SplitMix64* random) {
  const auto kind = random->Next() % 5;
  if (depth == 0 || kind == 0) {
    const auto types = LeafTypes();
    return types[random->Next() % types.size()];
  }
  const auto child = [&](const char* name) {
    return arrow::field(name, MakeRandomType(depth - 1, random));
  };
  if (kind == 1) return arrow::struct_({child("a"), child("b")});
  if (kind == 2) return arrow::large_list(child("item"));
  if (kind == 3) return arrow::map(arrow::utf8(), child("value"));
  return arrow::list(child("item"));
}

inline std::shared_ptr<arrow::Buffer> MakeRandomValidity(int64_t length, Nulls nulls,
                                                         SplitMix64* random) {
  if (nulls == Nulls::kNone) return nullptr;
  auto bitmap = arrow::AllocateEmptyBitmap(length).ValueOrDie();
  for (int64_t i = 0; i < length && nulls != Nulls::kAll; ++i) {
    const bool is_valid =
        nulls == Nulls::kSome ? random->Next() % 20 != 0 : random->Next() % 3 == 0;
    arrow::bit_util::SetBitTo(bitmap->mutable_data(), i, is_valid);
  }
  return bitmap;
}

/// An array of a type; values are small, so that some repeat.
inline std::shared_ptr<arrow::ArrayData> MakeRandomData(
    const std::shared_ptr<arrow::DataType>& type, int64_t length, Nulls nulls, SplitMix64* random) {
  const auto make_offsets = [&](int64_t width, uint64_t max_size, int64_t* total) {
    auto buffer =
        std::shared_ptr<arrow::Buffer>(arrow::AllocateBuffer((length + 1) * width).ValueOrDie());
    *total = 0;
    for (int64_t i = 0; i <= length; ++i) {
      std::memcpy(buffer->mutable_data() + i * width, total, static_cast<size_t>(width));
      // Some are long, and null ones are not empty.
      *total += static_cast<int64_t>(random->Next() %
                                     (random->Next() % 50 == 0 ? 20 * max_size : max_size));
    }
    int64_t end = 0;
    std::memcpy(&end, buffer->data() + length * width, static_cast<size_t>(width));
    *total = end;
    return buffer;
  };
  const auto make_bytes = [&](int64_t size, uint64_t limit) {
    auto buffer = std::shared_ptr<arrow::Buffer>(arrow::AllocateBuffer(size).ValueOrDie());
    for (int64_t i = 0; i < size; ++i)
      buffer->mutable_data()[i] = static_cast<uint8_t>(random->Next() % limit);
    return buffer;
  };
  auto validity = MakeRandomValidity(length, nulls, random);
  const auto child_nulls =
      nulls == Nulls::kNone ? Nulls::kNone : static_cast<Nulls>(random->Next() % 4);
  switch (type->id()) {
    case arrow::Type::NA:
      return arrow::ArrayData::Make(type, length, {nullptr}, length);
    case arrow::Type::STRUCT: {
      std::vector<std::shared_ptr<arrow::ArrayData>> children;
      for (const auto& field : type->fields()) {
        children.push_back(MakeRandomData(field->type(), length, child_nulls, random));
      }
      return arrow::ArrayData::Make(type, length, {validity}, children);
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::MAP: {
      int64_t total = 0;
      auto offsets = make_offsets(type->id() == arrow::Type::LARGE_LIST ? 8 : 4, 4, &total);
      const auto& item = type->field(0)->type();
      auto child = MakeRandomData(
          item, total, type->id() == arrow::Type::MAP ? Nulls::kNone : child_nulls, random);
      return arrow::ArrayData::Make(type, length, {validity, offsets}, {child});
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListType&>(*type);
      auto child =
          MakeRandomData(list.value_type(), length * list.list_size(), child_nulls, random);
      return arrow::ArrayData::Make(type, length, {validity}, {child});
    }
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY: {
      int64_t total = 0;
      const bool is_large =
          type->id() == arrow::Type::LARGE_STRING || type->id() == arrow::Type::LARGE_BINARY;
      auto offsets = make_offsets(is_large ? 8 : 4, random->Next() % 4 == 0 ? 40 : 9, &total);
      return arrow::ArrayData::Make(type, length, {validity, offsets, make_bytes(total, 100)});
    }
    default: {
      const int64_t bits = static_cast<const arrow::FixedWidthType&>(*type).bit_width();
      const uint64_t limit = random->Next() % 2 == 0 ? 2 : 256;
      return arrow::ArrayData::Make(type, length,
                                    {validity, make_bytes((length * bits + 7) / 8, limit)});
    }
  }
}

inline std::shared_ptr<arrow::Array> MakeRandomArray(const std::shared_ptr<arrow::DataType>& type,
                                                     int64_t length, Nulls nulls,
                                                     SplitMix64* random) {
  return arrow::MakeArray(MakeRandomData(type, length, nulls, random));
}

}  // namespace croupier::format::test
