#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::format {

/// The deleted rows of one fragment, by physical offset.
///
/// Held as runs, so that memory follows the size of the deletion file. Immutable; any number of
/// threads.
class DeletionVector {
 public:
  /// The deleted offsets [begin, end).
  struct Run {
    uint32_t begin = 0;
    uint32_t end = 0;
    uint32_t num_deleted_before = 0;
  };

  /// Parse the bitmap form: portable 32-bit Roaring (lance-table.md, 8.1).
  ///
  /// \param num_physical_rows of the fragment, below 2^32: every offset must be below
  static arrow::Result<std::shared_ptr<const DeletionVector>> ParseBitmap(
      std::span<const uint8_t> bytes, int64_t num_physical_rows);

  /// Parse the Arrow form: an IPC file with one uint32 column (lance-table.md, 8.2).
  static arrow::Result<std::shared_ptr<const DeletionVector>> ParseArrow(
      const std::shared_ptr<arrow::Buffer>& bytes, int64_t num_physical_rows);

  /// Make one of ascending, distinct offsets.
  static arrow::Result<std::shared_ptr<const DeletionVector>> FromSorted(
      std::span<const uint32_t> offsets, int64_t num_physical_rows);

  /// Make the union of two.
  static std::shared_ptr<const DeletionVector> Union(const DeletionVector& a,
                                                     const DeletionVector& b);

  /// Write the bitmap form, without run containers: what ParseBitmap reads.
  std::vector<uint8_t> WriteBitmap() const;

  int64_t num_deleted() const { return num_deleted_; }
  const std::vector<Run>& runs() const { return runs_; }

  bool Contains(uint32_t offset) const;

  /// Find the physical offset of the live row with this rank, in [0, physical rows -
  /// num_deleted()). In constant time where deleted rows are scattered evenly.
  uint32_t Select(uint32_t live_rank) const;

  /// Find the first run that ends behind `offset`: the position of a walk over live rows.
  size_t FirstRunEndingAfter(uint32_t offset) const;

 private:
  arrow::Status Append(uint32_t begin, uint64_t end, int64_t num_physical_rows);
  void IndexRuns();

  std::vector<Run> runs_;  // ascending, not touching
  int64_t num_deleted_ = 0;
  // Element i is the first run with i << rank_shift_ or more live rows before it: Select looks at
  // some four runs.
  std::vector<uint32_t> first_runs_;
  int rank_shift_ = 0;
};

}  // namespace croupier::format
