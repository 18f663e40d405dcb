#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "croupier/order_spec.h"
#include "croupier/permutation/packed_numbers.h"
#include "croupier/permutation/split_lists.h"

namespace croupier::permutation {

/// A permutation that was kept as a table, which can be opened again.
struct KeptPlace {
  std::string location = {};  ///< empty: it was not kept, or where no other process finds it
  uint64_t version = 0;
};

/// What a permutation table is made of.
struct TableParts {
  OrderSpec spec;
  /// The ranks that the filter keeps, ascending, where splits are cut; else null.
  std::shared_ptr<const PackedNumbers> selected = nullptr;
  /// The rows of each split: ranks for kRule, row ids for kListed; else none. Null for a split
  /// whose rows were left behind in another process, see has_all_lists.
  SplitLists lists = {};
  bool has_all_lists = true;
  /// The file of an order in which all lists are; empty if they are in none.
  std::string file = {};
  /// OrderImage::hash of the lists once it is known, else 0. Copies of the parts share it.
  std::shared_ptr<std::atomic<uint64_t>> hash = std::make_shared<std::atomic<uint64_t>>(0);
  /// Of kListed: the table that the lists were read from.
  KeptPlace kept = {};
  std::vector<std::string> split_names = {};
  std::string base_branch = {};
  std::string base_identity = {};  ///< TableSource::identity
};

}  // namespace croupier::permutation
