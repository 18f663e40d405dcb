#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <arrow/result.h>

namespace croupier::format {

struct CompressiveEncoding;
using EncodingPtr = std::shared_ptr<const CompressiveEncoding>;

/// Compression of one buffer or value (BufferCompression).
enum class CompressionScheme : uint8_t { kLz4 = 1, kZstd = 2 };

// The members of CompressiveEncoding, named as in protos/encodings_v2_1.proto.
struct FlatEncoding {
  uint64_t bits_per_value = 0;
};
struct VariableEncoding {
  EncodingPtr offsets;
};
struct ConstantEncoding {
  std::optional<std::string> value;
};
struct OutOfLineBitpackingEncoding {
  uint64_t uncompressed_bits_per_value = 0;
  EncodingPtr values;
};
struct InlineBitpackingEncoding {
  uint64_t uncompressed_bits_per_value = 0;
};
struct FsstEncoding {
  std::string symbol_table;
  EncodingPtr values;
};
struct DictionaryEncoding {
  EncodingPtr indices;
  EncodingPtr items;
  uint32_t num_dictionary_items = 0;
};
struct RleEncoding {
  EncodingPtr values;
  EncodingPtr run_lengths;
};
struct ByteStreamSplitEncoding {
  EncodingPtr values;
};
struct GeneralEncoding {
  CompressionScheme scheme = CompressionScheme::kZstd;
  EncodingPtr values;
};
struct FixedSizeListEncoding {
  uint64_t items_per_value = 0;
  bool has_validity = false;
  EncodingPtr values;
};
struct PackedStructEncoding {
  std::vector<uint64_t> bits_per_value;
  EncodingPtr values;
};
struct VariablePackedStructEncoding {
  struct Field {
    EncodingPtr value;
    std::optional<uint64_t> bits_per_value;
    std::optional<uint64_t> bits_per_length;
  };
  std::vector<Field> fields;
};

/// How values became bytes: a tree, outermost step first.
///
/// Source: lance-encodings.md, section 5 (package lance.encodings21).
struct CompressiveEncoding {
  std::variant<FlatEncoding, VariableEncoding, ConstantEncoding, OutOfLineBitpackingEncoding,
               InlineBitpackingEncoding, FsstEncoding, DictionaryEncoding, RleEncoding,
               ByteStreamSplitEncoding, GeneralEncoding, FixedSizeListEncoding,
               PackedStructEncoding, VariablePackedStructEncoding>
      kind;

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&kind);
  }
};

/// One Arrow layer on the path from a leaf to the root of its column, as it occurs in a page.
enum class RepDefLayer : uint8_t {
  kAllValidItem = 1,
  kAllValidList = 2,
  kNullableItem = 3,
  kNullableList = 4,
  kEmptyableList = 5,
  kNullAndEmptyList = 6,
};

struct MiniBlockLayout {
  EncodingPtr rep_compression;    ///< null: no repetition levels
  EncodingPtr def_compression;    ///< null: no definition levels
  EncodingPtr value_compression;  ///< never null
  EncodingPtr dictionary;         ///< null: values are stored themselves
  uint64_t num_dictionary_items = 0;
  std::vector<RepDefLayer> layers;  ///< innermost first
  uint64_t num_buffers = 0;         ///< value buffers of a chunk
  uint32_t repetition_index_depth = 0;
  uint64_t num_items = 0;
  bool has_large_chunk = false;
};

struct FullZipLayout {
  uint32_t bits_rep = 0;
  uint32_t bits_def = 0;
  std::optional<uint32_t> bits_per_value;  ///< fixed-width values
  std::optional<uint32_t>
      bits_per_offset;  ///< variable-width values; exactly one of the two is set
  uint32_t num_items = 0;
  uint32_t num_visible_items = 0;
  EncodingPtr value_compression;  ///< never null
  std::vector<RepDefLayer> layers;
};

struct ConstantLayout {
  std::vector<RepDefLayer> layers;
  std::optional<std::string> inline_value;
  EncodingPtr rep_compression;
  EncodingPtr def_compression;
  uint64_t num_rep_values = 0;
  uint64_t num_def_values = 0;
};

struct PageLayout;
struct BlobLayout {
  std::shared_ptr<const PageLayout> inner;
  std::vector<RepDefLayer> layers;
};

struct ArrayEncoding;
/// A page of format 2.0: its encoding says all (array_encoding.h).
struct ArrayLayout {
  std::shared_ptr<const ArrayEncoding> encoding;  ///< never null
};

/// How one page of a data file is laid out.
struct PageLayout {
  std::variant<MiniBlockLayout, ConstantLayout, FullZipLayout, BlobLayout, ArrayLayout> kind;

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&kind);
  }

  /// Parse the message of a file of format 2.1 or 2.2.
  ///
  /// \return SerializationError for malformed bytes; NotImplemented for a layout or an encoding
  ///         with an unknown number
  static arrow::Result<PageLayout> Parse(std::span<const uint8_t> message);
};

/// Write an encoding for people: "general(zstd, variable(flat(32)))".
std::string Describe(const CompressiveEncoding& encoding);
std::string Describe(const EncodingPtr& encoding);
/// Write a layout for people: "mini-block(fsst(variable(flat(32))))".
std::string Describe(const PageLayout& layout);

}  // namespace croupier::format
