#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/write/leaf_plan.h"

namespace croupier::format {

/// Consecutive slots [begin, end) of an array, counted from its offset.
struct SlotRange {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
};

/// Rows of a leaf column, taken apart: which slots of the leaf's array are values, and the levels
/// that say where these belong.
///
/// Levels count as lance-encodings.md, section 4, has it, with every layer nullable and every list
/// perhaps null or empty, whether or not any is. Slots below null and empty lists are left out.
struct ShreddedRows {
  int64_t num_rows = 0;       ///< as pages count them
  int64_t num_levels = 0;     ///< entries: at least as many as values
  int64_t num_values = 0;     ///< slots of the ranges
  std::vector<uint16_t> rep;  ///< of each entry; empty without lists
  std::vector<uint16_t> def;  ///< of each entry; empty if all are 0
  std::vector<SlotRange> ranges;
  std::shared_ptr<arrow::ArrayData> leaf;
};

/// Whether slots of a leaf are null, which is not always what its bitmap says.
struct LeafNulls {
  std::shared_ptr<arrow::Buffer> bitmap;  ///< null: all slots are valid
  int64_t offset_bits = 0;
  bool are_all = false;  ///< no slot is valid

  /// \return NotImplemented for a leaf whose nulls the format cannot hold
  static arrow::Result<LeafNulls> Of(const LeafPlan& plan, const arrow::ArrayData& leaf,
                                     arrow::MemoryPool* pool);
};

/// Take rows [begin, begin + num_rows) of a column apart.
///
/// \return Invalid, naming the field, for a null where the schema allows none
arrow::Result<ShreddedRows> Shred(const LeafPlan& plan,
                                  const std::shared_ptr<arrow::ArrayData>& column, int64_t begin,
                                  int64_t num_rows, arrow::MemoryPool* pool);

/// Find the slots of a leaf's array that rows of a column lie in, with those below null lists.
///
/// \param[out] leaf null if there are none
SlotRange FindLeafSlots(const LeafPlan& plan, const std::shared_ptr<arrow::ArrayData>& column,
                        int64_t begin, int64_t num_rows, std::shared_ptr<arrow::ArrayData>* leaf);

}  // namespace croupier::format
