#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <arrow/result.h>

#include "croupier/expression.h"
#include "croupier/permutation.h"
#include "croupier/permutation/packed_numbers.h"
#include "croupier/permutation/split_lists.h"

namespace croupier::permutation {

/// What an order lists of a table, because it depends on what is in the rows.
struct RowLists {
  /// The ranks that the filter keeps, ascending, where splits are cut; else null.
  std::shared_ptr<const PackedNumbers> selected = nullptr;
  SplitLists lists = {};          ///< the ranks of each split, ascending, where a rule divides them
  int64_t num_selected_rows = 0;  ///< rows that the filter keeps
};

/// Read the rows of a table that an order lists.
///
/// \param rule nothing: splits are cut
/// \param num_names splits that the rule has at least, see SplitByRule
/// \return errors of TableSource::Scan, KeysOf and SplitByRule
arrow::Result<RowLists> ListRows(const std::shared_ptr<const TableSource>& base,
                                 const std::optional<Expression>& filter,
                                 const std::optional<SplitRule>& rule, size_t num_names,
                                 const BuildOptions& options);

}  // namespace croupier::permutation
