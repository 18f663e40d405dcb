#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::format {

/// One layer above a leaf. A map is a list and a struct.
struct PathLayer {
  enum class Kind : uint8_t {
    kStruct,
    kList,
    kLargeList,
    kFixedSizeList,  ///< of structs: the next layer; lists of values belong to the leaf
  };

  Kind kind = Kind::kStruct;
  int32_t dimension = 1;  ///< items of a fixed-size list

  /// The layer that a field of this type, which has fields below it, is for these.
  static PathLayer Of(const arrow::DataType& type);

  bool is_list() const { return kind == Kind::kList || kind == Kind::kLargeList; }
  bool operator==(const PathLayer&) const = default;
};

/// What a leaf holds. Not a matter of its Arrow type: a struct may be a leaf.
enum class LeafKind : uint8_t {
  kValues,       ///< values of leaf_type(), by LeafShape
  kJson,         ///< JSONB in pages, of the leaf_type() large_binary; JSON text (utf8) in columns
  kEmptyStruct,  ///< a struct without members; its pages hold nothing, not even the layers above
};

/// A physical column: a leaf and the layers above it, down from a column of the table.
///
/// Pages are opened, and columns assembled, by it. Immutable.
class LeafPath {
 public:
  /// \param layers outermost first
  /// \return NotImplemented for lists above or below fixed-size lists of structs, which no writer
  ///         can read back
  static arrow::Result<std::shared_ptr<const LeafPath>> Make(
      std::vector<PathLayer> layers, std::shared_ptr<arrow::DataType> leaf_type,
      LeafKind kind = LeafKind::kValues);

  /// A leaf that is a column of the table itself.
  static std::shared_ptr<const LeafPath> Flat(std::shared_ptr<arrow::DataType> leaf_type,
                                              LeafKind kind = LeafKind::kValues);

  const std::vector<PathLayer>& layers() const { return layers_; }
  const std::shared_ptr<arrow::DataType>& leaf_type() const { return leaf_type_; }
  LeafKind kind() const { return kind_; }
  /// Layers that are lists of any length: the largest repetition level.
  uint32_t num_lists() const { return num_lists_; }
  /// Rows that pages count for a row of the table: the product of the fixed-size lists' dimensions.
  int64_t page_rows_per_row() const { return page_rows_per_row_; }

  /// The type of the leaf's values in a column, in its layers, each with this one member.
  const std::shared_ptr<arrow::DataType>& type() const { return type_; }

  /// Whether pages opened by one path may be read by the other.
  bool Equals(const LeafPath& other) const;

 private:
  LeafPath() = default;

  std::vector<PathLayer> layers_;
  std::shared_ptr<arrow::DataType> leaf_type_;
  LeafKind kind_ = LeafKind::kValues;
  uint32_t num_lists_ = 0;
  int64_t page_rows_per_row_ = 1;
  std::shared_ptr<arrow::DataType> type_;
};

/// Wrap a type in layers, outermost first.
///
/// \param as_in_pages with fixed-size lists as structs: pages have one row for each of their items
std::shared_ptr<arrow::DataType> WrapInLayers(const std::vector<PathLayer>& layers,
                                              std::shared_ptr<arrow::DataType> type,
                                              bool as_in_pages);

}  // namespace croupier::format
