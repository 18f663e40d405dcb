#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/encoding/page_layout.h"

namespace croupier::format {

struct ArrayEncoding;
using ArrayEncodingPtr = std::shared_ptr<const ArrayEncoding>;

// The members of ArrayEncoding, named as in protos/encodings.proto. A buffer is one of the page's,
// by its number.
struct FlatArray {
  uint64_t bits_per_value = 0;
  uint32_t buffer = 0;
  std::optional<CompressionScheme> compression;  ///< of the whole buffer
};
struct NullableArray {
  ArrayEncodingPtr validity;  ///< null: no value is null, or, without values, each one is
  ArrayEncodingPtr values;    ///< null: all values are null
};
struct FixedSizeListArray {
  uint32_t dimension = 0;
  ArrayEncodingPtr items;
};
struct ListArray {
  ArrayEncodingPtr offsets;
  uint64_t null_offset_adjustment = 0;
  uint64_t num_items = 0;
};
struct StructArray {};
struct BinaryArray {
  ArrayEncodingPtr indices;
  ArrayEncodingPtr bytes;
  uint64_t null_adjustment = 0;
};
struct DictionaryArray {
  ArrayEncodingPtr indices;
  ArrayEncodingPtr items;
  uint32_t num_dictionary_items = 0;
};
struct FsstArray {
  ArrayEncodingPtr binary;
  std::string symbol_table;
};
struct PackedStructArray {
  std::vector<ArrayEncodingPtr> inner;
  uint32_t buffer = 0;
};
/// One stream of bits, or (is_fast_lanes: bitpacked_for_non_neg) blocks of 1024 values.
struct BitpackedArray {
  uint64_t compressed_bits_per_value = 0;
  uint64_t uncompressed_bits_per_value = 0;
  uint32_t buffer = 0;
  bool is_signed = false;
  bool is_fast_lanes = false;
};
struct FixedSizeBinaryArray {
  ArrayEncodingPtr bytes;
  uint32_t byte_width = 0;
};

/// How the values of a page of format 2.0 became bytes: a tree that follows their Arrow form.
///
/// Source: lance-file.md, part B (package lance.encodings).
struct ArrayEncoding {
  std::variant<FlatArray, NullableArray, FixedSizeListArray, ListArray, StructArray, BinaryArray,
               DictionaryArray, FsstArray, PackedStructArray, BitpackedArray, FixedSizeBinaryArray>
      kind;

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&kind);
  }

  /// Parse the message.
  ///
  /// \return SerializationError for malformed bytes; NotImplemented for an encoding that files of
  ///         format 2.0 do not have, or a buffer that is not one of the page
  static arrow::Result<ArrayEncodingPtr> Parse(std::span<const uint8_t> message);

  /// The encoding below `nullable` that says that no value is null, or this one.
  const ArrayEncoding& WithoutNoNulls() const;
};

/// Write an encoding for people: "nullable(flat(1), flat(32))".
std::string Describe(const ArrayEncoding& encoding);

}  // namespace croupier::format
