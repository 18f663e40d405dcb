#include "croupier/permutation/row_lists.h"

#include <utility>

#include "croupier/permutation/selected_rows.h"
#include "croupier/permutation/spill_file.h"
#include "croupier/permutation/split_rule.h"

namespace croupier::permutation {

arrow::Result<RowLists> ListRows(const std::shared_ptr<const TableSource>& base,
                                 const std::optional<Expression>& filter,
                                 const std::optional<SplitRule>& rule, size_t num_names,
                                 const BuildOptions& options) {
  RowLists listed;
  ARROW_ASSIGN_OR_RAISE(listed.num_selected_rows, base->CountRows());
  if (!rule.has_value() && !filter.has_value()) return listed;
  ARROW_ASSIGN_OR_RAISE(const auto spill, SpillFile::Make(options));
  if (rule.has_value()) {
    ARROW_ASSIGN_OR_RAISE(auto keys, KeysOf(*rule, base->schema()));
    const SelectedRows rows(base, filter, std::move(keys), options);
    ARROW_ASSIGN_OR_RAISE(auto division, SplitByRule(*rule, rows, num_names, spill));
    listed.num_selected_rows = division.num_rows;
    listed.lists = std::move(division.lists);
    return listed;
  }
  PackedNumbersBuilder selected(spill);
  const SelectedRows rows(base, filter, std::nullopt, options);
  ARROW_RETURN_NOT_OK(
      rows.ForEach([&](auto ranks, auto /*keys*/) { return selected.Append(ranks); }));
  ARROW_ASSIGN_OR_RAISE(listed.selected, selected.Finish());
  listed.num_selected_rows = listed.selected->size();
  return listed;
}

}  // namespace croupier::permutation
