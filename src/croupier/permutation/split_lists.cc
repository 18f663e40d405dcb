#include "croupier/permutation/split_lists.h"

#include <algorithm>
#include <numeric>

#include "croupier/base/hash.h"

namespace croupier::permutation {

arrow::Result<SplitLists> SplitListsBuilder::Finish(size_t min_splits) {
  builders_.resize(std::max({builders_.size(), min_splits, size_t{1}}));
  ARROW_ASSIGN_OR_RAISE(const auto empty, PackedNumbersBuilder().Finish());
  SplitLists lists;
  lists.reserve(builders_.size());
  for (auto& builder : builders_) {
    if (builder == nullptr) {
      lists.push_back(empty);
    } else {
      ARROW_ASSIGN_OR_RAISE(lists.emplace_back(), builder->Finish());
      builder.reset();
    }
  }
  return lists;
}

arrow::Result<uint64_t> HashOfLists(const SplitLists& lists) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
  constexpr int64_t kStepRows = 4096;
  const auto add = [](uint64_t hash, uint64_t value) { return Mix64((hash ^ value) + kGamma); };
  std::vector<uint64_t> rows;
  uint64_t hash = 0;
  for (const auto& list : lists) {
    uint64_t of_split = 0;
    for (int64_t begin = 0; begin < list->size(); begin += kStepRows) {
      rows.resize(static_cast<size_t>(std::min(kStepRows, list->size() - begin)));
      std::iota(rows.begin(), rows.end(), static_cast<uint64_t>(begin));
      ARROW_RETURN_NOT_OK(list->Lookup(rows));
      for (const uint64_t row : rows) of_split = add(of_split, Mix64(row));
    }
    hash = add(hash, of_split);
  }
  return hash;
}

}  // namespace croupier::permutation
