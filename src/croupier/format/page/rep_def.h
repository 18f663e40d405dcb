#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

/// A validity bitmap and how many bits of it are unset; no bitmap if all values are valid.
struct Validity {
  std::shared_ptr<arrow::Buffer> bitmap;
  int64_t null_count = 0;
};

/// Repetition and definition levels of some consecutive rows of a page. Borrowed.
struct Levels {
  const uint16_t* rep = nullptr;  ///< null: none, as without lists
  const uint16_t* def = nullptr;  ///< null: none, as without nulls and empty lists
  int64_t count = 0;
};

/// What levels say: validity and lists of a leaf and of every layer above it.
struct Nesting {
  struct Layer {
    int64_t num_slots = 0;
    Validity validity;
    std::shared_ptr<arrow::Buffer> offsets;  ///< of lists, as wide as the list's kind has them
  };

  int64_t num_rows = 0;
  uint32_t continued_lists = 0;  ///< as DecodedRows has it
  int64_t num_items = 0;         ///< values of the leaf
  Validity leaf;
  std::vector<Layer> layers;  ///< outermost first
};

/// What the levels of one page mean.
///
/// A definition level names the layer that ended the path of an entry, counted from the leaf: 0 is
/// a valid value. A repetition level numbers lists from the innermost, 1: it is the outermost list
/// in which the entry begins a new slot.
///
/// Source: lance-encodings.md, sections 4 and 15.
class PageLevels {
 public:
  /// \param layers of the page, innermost first
  /// \param array_type of the arrays of leaf values that the page decodes to
  /// \return SerializationError unless the layers are those of the path
  static arrow::Result<PageLevels> Make(const LeafPath& path,
                                        const std::vector<RepDefLayer>& layers,
                                        std::shared_ptr<arrow::DataType> array_type);

  /// Whether the leaf has no layers above it.
  bool is_flat() const { return layers_.size() == 1; }
  uint16_t max_rep() const { return max_rep_; }
  uint16_t max_def() const { return static_cast<uint16_t>(lists_below_.size() - 1); }
  /// The largest definition level of an entry that has a value in the leaf.
  uint16_t max_visible_def() const { return max_visible_def_; }

  /// Count the entries that have a value in the leaf.
  int64_t CountValues(const Levels& levels) const;

  /// Turn levels into validity and offsets.
  ///
  /// \param levels where the path has lists: with repetition levels
  /// \param num_items values of the leaf that the levels must have
  /// \return SerializationError for levels that are out of range, or say otherwise
  arrow::Result<Nesting> Unravel(const Levels& levels, int64_t num_items,
                                 arrow::MemoryPool* pool) const;

  /// Put values into their layers.
  ///
  /// \param leaf nesting.num_items values of the array type, with nesting.leaf as validity
  DecodedRows Nest(Nesting nesting, std::shared_ptr<arrow::ArrayData> leaf) const;

  /// Whether an entry is null in a layer of the path, which has no lists.
  bool IsNullIn(size_t path_layer, uint16_t def) const { return def > null_above_[path_layer]; }

 private:
  class Unraveling;

  std::vector<RepDefLayer> layers_;                      // innermost first
  std::vector<bool> is_large_;                           // whether offsets have 64 bits
  std::vector<std::shared_ptr<arrow::DataType>> types_;  // of the arrays, innermost first
  uint16_t max_rep_ = 0;
  uint16_t max_visible_def_ = 0;
  std::vector<uint16_t> lists_below_;  // by definition level: lists that have no slot for its entry
  std::vector<uint16_t> null_above_;   // by layer of the path: larger levels are null in it
};

}  // namespace croupier::format
