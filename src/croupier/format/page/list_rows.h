#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/leaf_path.h"
#include "croupier/format/page/list_page.h"

namespace croupier::format {

/// Wanted rows of a leaf below lists in a file of format 2.0, found list by list.
///
/// There each list is a column of its own. The rows that are wanted of the outermost one are those
/// of the table; their items are the rows that are wanted of the column below, down to the leaf:
///
///     ListRows rows(path, runs, pool);
///     for each list above the leaf:  AddLists for every page of rows(); Descend
///     read rows() of the leaf's own column; Finish
///
/// One thread at a time.
class ListRows {
 public:
  /// Rows [row, row + count) of a column of the file, and their place among all that are wanted.
  struct Run {
    int64_t row = 0;
    uint32_t slot = 0;
    uint32_t count = 0;
  };

  /// \param path of the leaf in the table
  /// \param runs by row, ascending; rows may repeat
  /// \param is_text whether the leaf, strings or binary values, is itself stored as a list of bytes
  ///        (writers before 0.13)
  ListRows(std::shared_ptr<const LeafPath> path, std::span<const RowRun> runs, bool is_text,
           arrow::MemoryPool* pool);

  /// What is wanted of the column at the present depth: ascending, no row twice, slots without
  /// gaps.
  const std::vector<Run>& rows() const { return rows_; }
  /// Rows of rows() together.
  int64_t num_slots() const { return num_slots_; }

  /// Add the lists of rows [row, row + count) of a page; calls come in the order of rows().
  ///
  /// \param first_item the row of the items' column at which the items of the page begin
  arrow::Status AddLists(const ListPage& page, int64_t first_item, int64_t row, int64_t count);
  /// Go on to the items of the lists, when all of rows() have been added.
  ///
  /// \return CapacityError for more items than a batch can have
  arrow::Status Descend();

  /// Wrap the values of the leaf, one for each slot, in the layers above it: rows of the path, for
  /// an assembler of it, by runs().
  arrow::Result<DecodedRows> Finish(std::shared_ptr<arrow::ArrayData> leaf) const;
  /// Where the rows of Finish go to.
  std::span<const RowRun> runs() const { return runs_; }

 private:
  // Ends and validity of one list's wanted rows.
  struct Layer {
    std::vector<int64_t> offsets = {0};
    std::shared_ptr<arrow::ResizableBuffer> validity;  // null until a row is
  };

  arrow::Status AddItems(int64_t row, int64_t count);
  arrow::Status NoteNull(int64_t slot);
  arrow::Result<std::shared_ptr<arrow::ArrayData>> MakeText(
      const std::shared_ptr<arrow::ArrayData>& bytes) const;

  const std::shared_ptr<const LeafPath> path_;
  const bool is_text_;
  arrow::MemoryPool* const pool_;
  std::vector<RowRun> runs_;
  std::vector<Run> rows_;
  int64_t num_slots_ = 0;
  std::vector<Layer> layers_;  // outermost first; the last is being added to
  std::vector<Run> items_;     // of its lists
  int64_t num_items_ = 0;
};

}  // namespace croupier::format
