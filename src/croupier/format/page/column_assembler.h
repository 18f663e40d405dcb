#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

/// Rows [row, row + count) of a page that go to slots [slot, slot + count) of a column.
struct RowRun {
  uint32_t row = 0;
  uint32_t slot = 0;
  uint32_t count = 0;
};

/// Decoded rows of a page.
struct DecodedRows {
  /// Of the leaf's type in its layers as pages have them (WrapInLayers); every array begins at its
  /// buffers' begin. In place of the leaf's values: a dictionary array of int32 and them, or a null
  /// array, if all of them are null.
  std::shared_ptr<const arrow::ArrayData> array;
  /// Outermost lists whose first slot goes on with the last slot of the rows before. Not 0: the
  /// first row is the rest of a row that begins in the chunk before.
  uint32_t continued_lists = 0;

  /// Whether they are the same rows, not only equal ones.
  bool operator==(const DecodedRows&) const = default;
};

/// Assembles one column of a batch from rows that arrive in any order.
///
/// A column is that of a leaf path: values of the leaf in their layers. Rows and slots count as
/// pages do: LeafPath::page_rows_per_row() of them are a row of the table.
///
/// Every slot [0, num_slots) is filled exactly once, by one of the Page calls that take an
/// assembler (page.h). Fixed-width values are written in place at once. Variable-width values are
/// only noted (where they are, how they are compressed) and copied, in slot order, by Finish; until
/// then the bytes they lie in must stay alive: Keep() holds them.
///
/// Calls for disjoint slots are not concurrent: one thread at a time.
class ColumnAssembler {
 public:
  virtual ~ColumnAssembler() = default;

  /// Make an assembler; NotImplemented if values of the leaf cannot be assembled.
  static arrow::Result<std::unique_ptr<ColumnAssembler>> Make(
      const std::shared_ptr<const LeafPath>& path, int64_t num_slots, arrow::MemoryPool* pool);

  /// Fill slots from decoded rows: `runs[i].row` counts from the first row of `rows`.
  ///
  /// \param rows as ChunkPage::DecodeChunk gives them for the path of this column; a run that
  ///        begins at row 0 of rows that continue others goes on with its first slot, which must
  ///        have got the rows before already
  virtual arrow::Status Append(const DecodedRows& rows, std::span<const RowRun> runs) = 0;

  /// Have the processor fetch what Append will read of the same rows. For many rows that lie far
  /// from each other: their waits for memory overlap.
  virtual void Prefetch(const DecodedRows& /*rows*/, std::span<const RowRun> /*runs*/) const {}

  /// Fill slots with nulls; `row` is ignored.
  virtual arrow::Status AppendNulls(std::span<const RowRun> runs) = 0;

  /// Fill slots with what a leaf has that no page holds: the outermost layers as in `rows`, those
  /// of another leaf, and nulls below them. A struct without members is valid in all its layers.
  ///
  /// \param rows of the table, not of pages: as Finish gives them for the other leaf
  /// \param num_layers that both paths begin with; > 0
  virtual arrow::Status AppendLayers(const DecodedRows& rows, size_t num_layers,
                                     std::span<const RowRun> runs);

  /// The assembler of the leaf's values, for pages that fill these and the structs above them
  /// apart. Null below lists.
  virtual ColumnAssembler* leaf() { return this; }
  /// Make a slot null in one of the structs above the leaf; those further in are left alone.
  virtual arrow::Status NullLayer(size_t layer, uint32_t slot);

  /// Give the memory of the values of slots [slot, slot + count), which become valid, to a caller
  /// that writes them itself, now or later, but before Finish.
  ///
  /// \return null unless values are fixed-width whole bytes (fixed-size lists of such included)
  virtual uint8_t* FillInPlace(uint32_t slot, uint32_t count) = 0;

  /// Keep an owner of bytes that noted values lie in until Finish.
  virtual void Keep(std::shared_ptr<const void> owner) = 0;

  /// Give the column: ArrayData of the path's type. CapacityError if offsets of its type are too
  /// small for the bytes.
  virtual arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() = 0;
};

}  // namespace croupier::format
