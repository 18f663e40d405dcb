#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <arrow/status.h>

#include "croupier/order_spec.h"
#include "croupier/permutation.h"
#include "croupier/permutation/packed_numbers.h"

namespace croupier::permutation {

/// Positions [0, num_rows()) → rows, or positions of another map. Immutable; any number of threads.
class PositionMap {
 public:
  explicit PositionMap(int64_t num_rows) : num_rows_(num_rows) {}
  virtual ~PositionMap() = default;
  PositionMap(const PositionMap&) = delete;
  PositionMap& operator=(const PositionMap&) = delete;

  int64_t num_rows() const { return num_rows_; }
  /// Replace each position by what it is mapped to; errors of PermutationTable::MapPositions.
  virtual arrow::Status Map(std::span<uint64_t> positions) const = 0;

 private:
  const int64_t num_rows_;
};

using PositionMapPtr = std::shared_ptr<const PositionMap>;

/// Every position is its own rank.
PositionMapPtr MapInOrder(int64_t num_rows);
/// One split of a permutation table.
PositionMapPtr MapSplit(std::shared_ptr<const PermutationTable> table, int64_t split);
/// Position i stands for begin + i * step, modulo the rows of `map` (which are some).
PositionMapPtr MapSteps(PositionMapPtr map, int64_t begin, int64_t step, int64_t num_rows);
/// Position i stands for the i-th number of a list of positions.
PositionMapPtr MapList(PositionMapPtr map, std::shared_ptr<const PackedNumbers> positions);
/// What ranks stand for as row ids.
PositionMapPtr MapRowIds(PositionMapPtr map, std::shared_ptr<const RowIdIndex> row_ids);
/// Maps one behind another; if `shuffle` is set, in one order over all.
PositionMapPtr MapJoined(std::vector<PositionMapPtr> maps,
                         const std::optional<ShuffleSpec>& shuffle);

}  // namespace croupier::permutation
