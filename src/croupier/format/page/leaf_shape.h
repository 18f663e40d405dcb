#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::format {

/// What the values of a leaf column look like in memory and in pages.
struct LeafShape {
  /// kDictionary: Arrow's dictionary type. kPacked: a struct whose members share the column.
  enum class Kind : uint8_t { kNull, kFixed, kVariable, kDictionary, kPacked };

  Kind kind = Kind::kNull;
  /// kFixed: bits of one item; 1 for booleans, 0 for fixed_size_binary(0), else whole bytes. The
  /// item is the value itself, or the innermost item of fixed-size lists.
  int64_t item_bits = 0;
  /// kFixed: dimensions of fixed-size lists, outermost first; empty for plain values.
  std::vector<int64_t> dimensions;
  /// kFixed: items of a row: the product of the dimensions.
  int64_t items_per_row = 1;
  /// kVariable: bits of an offset: 32, or 64 for the large types.
  int64_t offset_bits = 0;
  /// kVariable: whether values must be UTF-8.
  bool is_utf8 = false;
  /// kFixed: whether Arrow forbids some bit patterns, as of decimals beyond their precision and
  /// times beyond a day.
  bool has_forbidden_values = false;
  /// kDictionary: the shape of the items, alone. kPacked: the shapes of the members.
  std::vector<LeafShape> members;

  int64_t row_bits() const { return item_bits * items_per_row; }
  /// Whether a value is one fixed-width or variable-width item.
  bool is_plain() const {
    return (kind == Kind::kFixed && dimensions.empty()) || kind == Kind::kVariable;
  }

  /// Make the shape of plain fixed-width values.
  static LeafShape Fixed(int64_t bits) {
    LeafShape shape;
    shape.kind = Kind::kFixed;
    shape.item_bits = bits;
    return shape;
  }

  /// Find the shape of values that a page stores one by one: as Of, but not of no bytes.
  static arrow::Result<LeafShape> OfStored(const arrow::DataType& type);

  /// Find the shape of a type; a struct is a packed one. NotImplemented, naming it, for a type that
  /// is no leaf or cannot be read.
  static arrow::Result<LeafShape> Of(const arrow::DataType& type);
};

/// Check that every value is UTF-8, as Arrow demands of strings.
///
/// \param validity bitmap, or null if all are valid; null values are not looked at
/// \return SerializationError that names the first bad value
template <typename Offset>
arrow::Status CheckUtf8(const Offset* offsets, const uint8_t* data, int64_t num_values,
                        const uint8_t* validity);

}  // namespace croupier::format
