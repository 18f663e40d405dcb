#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/manifest/deletion_vector.h"
#include "croupier/format/manifest/row_id_sequence.h"
#include "croupier/table.h"

namespace croupier::table {

inline uint64_t RowAddress(uint64_t fragment_id, uint32_t offset) {
  return fragment_id << 32 | offset;
}

/// Row ids 0 … num_rows - 1: every rank is its own row id.
class IdentityRowIds : public RowIdIndex {
 public:
  explicit IdentityRowIds(int64_t num_rows) : num_rows_(num_rows) {}
  int64_t num_rows() const override { return num_rows_; }
  void Lookup(std::span<uint64_t> /*ranks_to_row_ids*/) const override {}

 private:
  const int64_t num_rows_;
};

/// The rows of a fragment: those that are deleted, and what identifies each.
struct FragmentIds {
  uint64_t id = 0;
  int64_t num_physical_rows = 0;
  std::shared_ptr<const format::DeletionVector> deletions;  ///< null: none
  std::shared_ptr<const format::RowIdSequence> row_ids;     ///< null: row ids are row addresses
};

/// Live rows by rank: fragments with their deletions. Immutable; any number of threads.
class LanceRowIds : public RowIdIndex {
 public:
  /// \param fragments by id, ascending
  explicit LanceRowIds(const std::vector<FragmentIds>& fragments);

  int64_t num_rows() const override { return num_rows_; }
  void Lookup(std::span<uint64_t> ranks_to_row_ids) const override;
  /// Replace each rank, in [0, num_rows()), by the address of that live row.
  void LookupAddresses(std::span<uint64_t> ranks_to_addresses) const;
  /// Find the rank of the live row at `offset` of a fragment.
  uint64_t RankOf(uint64_t fragment_id, uint32_t offset) const;

 private:
  struct Place {
    const FragmentIds* fragment;
    uint32_t offset;
  };
  Place Locate(uint64_t rank) const;

  std::vector<int64_t> first_ranks_;  // of each fragment with live rows
  std::vector<FragmentIds> fragments_;
  int64_t num_rows_ = 0;
};

/// Finds rows by stable row id. Immutable; any number of threads.
///
/// Rows whose ids and addresses are both consecutive are one run; of others, at most 9 bytes a row
/// are held (8 in tables of fewer than 2^32 rows).
class RowAddressMap {
 public:
  /// \param fragments by id, ascending; each with its row ids
  /// \return SerializationError if two live rows have one id
  ///
  /// Cost: a sort of the rows that are in no run; 16 bytes for each of them while it is made.
  static arrow::Result<std::shared_ptr<const RowAddressMap>> Make(
      std::span<const FragmentIds> fragments);

  /// Find the address of the live row with an id; nothing if there is none.
  std::optional<uint64_t> Find(uint64_t row_id) const;

 private:
  // Rows are numbered over all fragments, deleted ones included.
  struct Run {
    uint64_t first_id = 0;
    uint64_t first_row = 0;
    uint64_t count = 0;
  };
  struct Row {
    uint64_t id = 0;
    uint64_t row = 0;
  };
  // Rows of no run, by id: up to kBlockRows of ids less than 2^32 apart.
  struct Block {
    uint64_t first_id = 0;
    uint64_t first_entry = 0;
  };

  void AddFragment(const FragmentIds& fragment, std::vector<Row>* rows);
  void AddLiveRows(uint64_t first_id, uint64_t first_row, uint64_t count, std::vector<Row>* rows);
  arrow::Status SortRuns();
  arrow::Status CompressRows(std::vector<Row> rows);
  const Run* RunOf(uint64_t row_id) const;
  uint64_t AddressOf(uint64_t row) const;

  std::vector<uint64_t> fragment_ids_;
  std::vector<uint64_t> first_rows_;  // of each fragment
  uint64_t num_rows_ = 0;
  std::vector<Run> runs_;  // by id
  std::vector<Block> blocks_;
  std::vector<uint32_t> id_offsets_;  // from the first id of the block
  std::vector<uint32_t> rows_low_;
  std::vector<uint8_t> rows_high_;  // empty if all rows have 32 bits
};

}  // namespace croupier::table
