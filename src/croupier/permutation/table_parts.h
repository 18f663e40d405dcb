#pragma once

#include <memory>
#include <string>
#include <vector>

#include "croupier/order_spec.h"
#include "croupier/permutation/packed_numbers.h"
#include "croupier/permutation/split_lists.h"

namespace croupier::permutation {

/// What a permutation table is made of.
struct TableParts {
  OrderSpec spec;
  /// The ranks that the filter keeps, ascending, where splits are cut; else null.
  std::shared_ptr<const PackedNumbers> selected = nullptr;
  /// The rows of each split: ranks for kRule, row ids for kListed; else none.
  SplitLists lists = {};
  std::vector<std::string> split_names = {};
  std::string base_branch = {};
  std::string base_identity = {};  ///< TableSource::identity
};

}  // namespace croupier::permutation
