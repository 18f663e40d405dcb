#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <nlohmann/json.hpp>

#include "croupier/permutation.h"
#include "croupier/permutation/position_shuffle.h"
#include "croupier/permutation/table_parts.h"

namespace croupier {

namespace {

using permutation::PositionShuffle;
using permutation::TableParts;

std::shared_ptr<arrow::Schema> MakeSchema(const TableParts& parts) {
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  if (!parts.split_names.empty()) {
    std::string names = "[";
    for (const auto& name : parts.split_names) {
      if (names.size() > 1) names += ", ";
      names += nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    metadata->Append("split_names", names + "]");
  }
  metadata->Append("base_version", std::to_string(parts.spec.base_version));
  if (!parts.base_branch.empty()) metadata->Append("base_branch", parts.base_branch);
  metadata->Append("croupier.order", parts.spec.ToString());
  metadata->Append("croupier.order_id", parts.spec.OrderId());
  if (!parts.base_identity.empty()) {
    metadata->Append("croupier.base_identity", parts.base_identity);
  }
  return arrow::schema(
      {arrow::field("row_id", arrow::uint64()), arrow::field("split_id", arrow::uint64(), false)},
      std::move(metadata));
}

arrow::Status CheckSizes(const OrderSpec& spec) {
  if (spec.num_base_rows < 0 || spec.num_selected_rows < 0 ||
      spec.num_selected_rows > spec.num_base_rows) {
    return arrow::Status::Invalid("an order of ", spec.num_selected_rows, " of ",
                                  spec.num_base_rows, " rows");
  }
  if (!spec.filter.has_value() && spec.num_selected_rows != spec.num_base_rows) {
    return arrow::Status::Invalid("an order without a filter is of all rows: ",
                                  spec.num_selected_rows, " of ", spec.num_base_rows);
  }
  if (spec.split_sizes.empty() || std::ssize(spec.split_sizes) > OrderSpec::kMaxSplits) {
    return arrow::Status::Invalid("an order has 1 to ", OrderSpec::kMaxSplits,
                                  " splits: ", spec.split_sizes.size());
  }
  ARROW_RETURN_NOT_OK(spec.shuffle.value_or(ShuffleSpec()).Check());
  ARROW_RETURN_NOT_OK(spec.split_shuffle.Check());
  if (spec.split_shuffle.window_clumps != 1) {
    return arrow::Status::Invalid("splits are cut without windows");
  }
  int64_t rest = spec.split == OrderSpec::Split::kListed ? INT64_MAX : spec.num_selected_rows;
  for (const int64_t size : spec.split_sizes) {
    if (size < 0 || size > rest) {
      return arrow::Status::Invalid("the splits have more rows than there are: ",
                                    spec.num_selected_rows);
    }
    rest -= size;
  }
  if (spec.split == OrderSpec::Split::kNone &&
      spec.split_sizes != std::vector<int64_t>{spec.num_selected_rows}) {
    return arrow::Status::Invalid("an order without splits has all rows that are selected");
  }
  return spec.shard.Check();
}

arrow::Status CheckNames(const std::vector<std::string>& names, size_t num_splits) {
  if (!names.empty() && names.size() != num_splits) {
    return arrow::Status::Invalid("there are ", names.size(), " split names for ", num_splits,
                                  " splits");
  }
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) {
    return arrow::Status::Invalid("split names must be different from each other");
  }
  return arrow::Status::OK();
}

arrow::Status CheckLists(const TableParts& parts) {
  const OrderSpec& spec = parts.spec;
  const bool has_lists =
      spec.split == OrderSpec::Split::kRule || spec.split == OrderSpec::Split::kListed;
  bool fit = parts.lists.size() == (has_lists ? spec.split_sizes.size() : 0);
  for (size_t i = 0; fit && i < parts.lists.size(); ++i) {
    fit = parts.lists[i] == nullptr ? !parts.has_all_lists
                                    : parts.lists[i]->size() == spec.split_sizes[i];
  }
  const bool is_selected = !has_lists && spec.filter.has_value();
  fit = fit && is_selected == (parts.selected != nullptr);
  if (is_selected) fit = fit && parts.selected->size() == spec.num_selected_rows;
  return fit ? arrow::Status::OK()
             : arrow::Status::Invalid("the lists of rows do not fit the order: ", spec.ToString());
}

}  // namespace

struct PermutationTable::Impl {
  explicit Impl(TableParts table_parts) : parts(std::move(table_parts)) {}

  TableParts parts;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int64_t> split_starts;  // in the order that splits are cut from, and the end
  std::optional<PositionShuffle> split_shuffle;
  int64_t num_rows = 0;
};

PermutationTable::PermutationTable(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
PermutationTable::~PermutationTable() = default;

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationTable::Make(
    OrderSpec spec, std::vector<std::string> split_names, std::string base_branch) {
  if (!spec.is_computed()) {
    return arrow::Status::Invalid("an order that depends on what is in the rows has to be built");
  }
  return FromParts({.spec = std::move(spec),
                    .split_names = std::move(split_names),
                    .base_branch = std::move(base_branch)});
}

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationTable::FromParts(
    TableParts parts) {
  ARROW_RETURN_NOT_OK(CheckSizes(parts.spec));
  ARROW_RETURN_NOT_OK(CheckNames(parts.split_names, parts.spec.split_sizes.size()));
  ARROW_RETURN_NOT_OK(CheckLists(parts));
  auto impl = std::make_unique<Impl>(std::move(parts));
  const OrderSpec& spec = impl->parts.spec;
  impl->split_starts.push_back(0);
  for (const int64_t size : spec.split_sizes) {
    impl->split_starts.push_back(impl->split_starts.back() + size);
    impl->num_rows += spec.shard.NumRows(size);
  }
  if (spec.split == OrderSpec::Split::kRandom) {
    impl->split_shuffle.emplace(static_cast<uint64_t>(spec.num_selected_rows), spec.split_shuffle,
                                "split", 0);
  }
  impl->schema = MakeSchema(impl->parts);
  return std::shared_ptr<const PermutationTable>(new PermutationTable(std::move(impl)));
}

const permutation::TableParts& PermutationTable::parts() const { return impl_->parts; }
const OrderSpec& PermutationTable::spec() const { return impl_->parts.spec; }
int64_t PermutationTable::num_rows() const { return impl_->num_rows; }
int64_t PermutationTable::num_splits() const { return std::ssize(spec().split_sizes); }
int64_t PermutationTable::split_num_rows(int64_t split) const {
  return spec().shard.NumRows(spec().split_sizes[static_cast<size_t>(split)]);
}
const std::vector<std::string>& PermutationTable::split_names() const {
  return impl_->parts.split_names;
}
uint64_t PermutationTable::base_version() const { return spec().base_version; }
const std::string& PermutationTable::base_branch() const { return impl_->parts.base_branch; }
std::string PermutationTable::order_id() const { return spec().OrderId(); }
const std::shared_ptr<arrow::Schema>& PermutationTable::schema() const { return impl_->schema; }
bool PermutationTable::maps_to_row_ids() const { return spec().split == OrderSpec::Split::kListed; }

int64_t PermutationTable::num_list_bytes() const {
  int64_t num_bytes = 0;
  if (impl_->parts.selected != nullptr) num_bytes += impl_->parts.selected->num_bytes();
  for (const auto& list : impl_->parts.lists) num_bytes += list == nullptr ? 0 : list->num_bytes();
  return num_bytes;
}

arrow::Status PermutationTable::CheckBase(const TableSource& base) const {
  const auto name = [](const std::string& branch) { return branch.empty() ? "main" : branch; };
  if (base.branch() != base_branch()) {
    return arrow::Status::Invalid("the permutation was built for branch '", name(base_branch()),
                                  "' of the table, ", base.location(), " is on branch '",
                                  name(base.branch()), "'");
  }
  if (base.version() != base_version()) {
    return arrow::Status::Invalid("the permutation was built for version ", base_version(),
                                  " of the table, ", base.location(), " is at version ",
                                  base.version());
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t num_rows, base.CountRows());
  if (num_rows != spec().num_base_rows) {
    return arrow::Status::Invalid("the permutation was built for a table of ", spec().num_base_rows,
                                  " rows, ", base.location(), " has ", num_rows);
  }
  const std::string identity = base.identity();
  const std::string& built_for = impl_->parts.base_identity;
  if (!identity.empty() && !built_for.empty() && identity != built_for) {
    return arrow::Status::Invalid("the permutation was built for another table: ", base.location(),
                                  " at version ", base.version(),
                                  " was written anew since then; build the permutation again");
  }
  return arrow::Status::OK();
}

arrow::Result<int64_t> PermutationTable::SplitByName(const std::string& name) const {
  const auto& names = split_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return found - names.begin();
  std::string known;
  for (const auto& each : names) known += (known.empty() ? "" : ", ") + each;
  return arrow::Status::KeyError("No split named `", name,
                                 "` found; the splits are: ", known.empty() ? "(unnamed)" : known);
}

arrow::Status PermutationTable::MapPositions(int64_t split, std::span<uint64_t> positions) const {
  const auto index = static_cast<size_t>(split);
  const auto num_rows = static_cast<uint64_t>(spec().split_sizes[index]);
  if (spec().shard.num_shards > 1) {
    const auto step = static_cast<uint64_t>(spec().shard.num_shards);
    for (uint64_t& position : positions) {
      position = position * step + static_cast<uint64_t>(spec().shard.index);
      if (position >= num_rows) position %= num_rows;
    }
  }
  if (spec().shuffle.has_value()) {
    // Made for the call: a table may have a million splits.
    PositionShuffle(num_rows, *spec().shuffle, "shuffle", index).MapAll(positions);
  }
  if (!impl_->parts.lists.empty()) {
    const auto& list = impl_->parts.lists[index];
    if (list == nullptr) {
      return arrow::Status::Invalid("the rows of split ", split, " are not here: a permutation of ",
                                    "other splits was pickled; pickle the permutation table");
    }
    return list->Lookup(positions);
  }
  const auto start = static_cast<uint64_t>(impl_->split_starts[index]);
  for (uint64_t& position : positions) position += start;
  if (impl_->split_shuffle.has_value()) impl_->split_shuffle->MapAll(positions);
  return impl_->parts.selected == nullptr ? arrow::Status::OK()
                                          : impl_->parts.selected->Lookup(positions);
}

}  // namespace croupier
