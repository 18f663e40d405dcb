#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/order_spec.h"
#include "croupier/permutation/selected_rows.h"
#include "croupier/permutation/split_lists.h"

namespace croupier::permutation {

/// Check a rule against itself. Invalid says what is wrong with it.
arrow::Status CheckSplitRule(const SplitRule& rule);

/// Find what a rule needs to know of each row.
///
/// \return KeyError, TypeError or Invalid if the columns or the expression do not fit the schema
arrow::Result<RowKeys> KeysOf(const SplitRule& rule,
                              const std::shared_ptr<arrow::Schema>& base_schema);

/// Rows that were divided.
struct Division {
  SplitLists lists;      ///< ascending ranks
  int64_t num_rows = 0;  ///< those in no split included
};

/// Divide rows by a rule.
///
/// \param rows with the keys that KeysOf gives; read once, twice for kStratified
/// \param num_names calculated splits are as many as there are numbers, names or, without both, one
/// \param spill takes what is over its budget
/// \return Invalid if the second reading gives other rows than the first; CapacityError for more
///         than kMaxStrata strata
arrow::Result<Division> SplitByRule(const SplitRule& rule, const SelectedRows& rows,
                                    size_t num_names, const std::shared_ptr<SpillFile>& spill);

}  // namespace croupier::permutation
