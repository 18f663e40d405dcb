#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/permutation/packed_numbers.h"

namespace croupier::permutation {

/// All row ids are below: no table has a row of the largest number.
inline constexpr uint64_t kRowIdLimit = UINT64_MAX;

/// The rows of each split.
using SplitLists = std::vector<std::shared_ptr<const PackedNumbers>>;

/// Builds the lists of all splits by appending. A split without rows costs a pointer.
///
/// Not thread-safe.
class SplitListsBuilder {
 public:
  /// \param spill takes what is over its budget; null: all stays in memory
  explicit SplitListsBuilder(std::shared_ptr<SpillFile> spill) : spill_(std::move(spill)) {}

  /// \param split below OrderSpec::kMaxSplits
  arrow::Status Append(uint64_t split, uint64_t row) {
    if (split >= builders_.size()) builders_.resize(split + 1);
    auto& builder = builders_[split];
    if (builder == nullptr) builder = std::make_unique<PackedNumbersBuilder>(spill_);
    return builder->Append(row);
  }

  /// Give the lists: at least one, and at least `min_splits`. The builder cannot be used again.
  arrow::Result<SplitLists> Finish(size_t min_splits);

 private:
  const std::shared_ptr<SpillFile> spill_;
  std::vector<std::unique_ptr<PackedNumbersBuilder>> builders_;  // null without rows
};

/// Tell lists apart: a hash of the rows of each split (docs/concepts/splits.md).
///
/// \return errors of PackedNumbers::Lookup
arrow::Result<uint64_t> HashOfLists(const SplitLists& lists);

}  // namespace croupier::permutation
