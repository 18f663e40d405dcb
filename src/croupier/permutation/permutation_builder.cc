#include <algorithm>
#include <random>
#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/permutation.h"
#include "croupier/permutation/order_text.h"
#include "croupier/permutation/row_lists.h"
#include "croupier/permutation/split_rule.h"
#include "croupier/permutation/table_parts.h"
#include "croupier/table/system_columns.h"

namespace croupier {

namespace {

uint64_t DrawSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

arrow::Result<ShuffleSpec> MakeShuffle(std::optional<uint64_t> seed, int64_t clump_size,
                                       int64_t window_clumps) {
  const ShuffleSpec shuffle{seed.has_value() ? *seed : DrawSeed(), clump_size, window_clumps};
  ARROW_RETURN_NOT_OK(shuffle.Check());
  return shuffle;
}

}  // namespace

PermutationBuilder::PermutationBuilder(std::shared_ptr<const TableSource> base)
    : base_(std::move(base)) {}

arrow::Status PermutationBuilder::CheckNotConsumed() const {
  return consumed_ ? arrow::Status::Invalid("Builder already consumed") : arrow::Status::OK();
}

arrow::Status PermutationBuilder::Filter(const std::string& filter) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  ARROW_RETURN_NOT_OK(permutation::CheckText(filter));
  ARROW_ASSIGN_OR_RAISE(auto expression, Expression::Parse(filter));
  ARROW_RETURN_NOT_OK(expression.BindFilter(table::WithSystemColumns(*base_->schema())).status());
  filter_ = std::move(expression);
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::CutSplits(OrderSpec::Split split, SplitSizes sizes,
                                            std::vector<std::string> split_names) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  ARROW_RETURN_NOT_OK(sizes.Validate());
  split_ = split;
  sizes_ = std::move(sizes);
  split_names_ = std::move(split_names);
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::SplitRandom(SplitSizes sizes, std::optional<uint64_t> seed,
                                              std::vector<std::string> split_names,
                                              int64_t clump_size) {
  ARROW_ASSIGN_OR_RAISE(const auto shuffle, MakeShuffle(seed, clump_size, 1));
  ARROW_RETURN_NOT_OK(
      CutSplits(OrderSpec::Split::kRandom, std::move(sizes), std::move(split_names)));
  split_shuffle_ = shuffle;
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::SplitSequential(SplitSizes sizes,
                                                  std::vector<std::string> split_names) {
  return CutSplits(OrderSpec::Split::kSequential, std::move(sizes), std::move(split_names));
}

arrow::Status PermutationBuilder::SplitBy(SplitRule rule, std::vector<std::string> split_names) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  ARROW_RETURN_NOT_OK(permutation::KeysOf(rule, base_->schema()).status());
  split_ = OrderSpec::Split::kRule;
  split_rule_ = std::move(rule);
  split_names_ = std::move(split_names);
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::Shuffle(std::optional<uint64_t> seed, int64_t clump_size,
                                          int64_t window_clumps) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  ARROW_ASSIGN_OR_RAISE(shuffle_, MakeShuffle(seed, clump_size, window_clumps));
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::Shard(ShardSpec shard) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  ARROW_RETURN_NOT_OK(shard.Check());
  shard_ = shard;
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationBuilder::Execute(
    const BuildOptions& options) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  permutation::TableParts parts;
  OrderSpec& spec = parts.spec;
  spec.base_version = base_->version();
  ARROW_ASSIGN_OR_RAISE(spec.num_base_rows, base_->CountRows());
  if (filter_.has_value()) spec.filter = filter_->text();
  spec.split = split_;
  spec.shuffle = shuffle_;
  spec.shard = shard_;
  if (split_ == OrderSpec::Split::kRule) spec.split_rule = split_rule_;
  ARROW_ASSIGN_OR_RAISE(auto rows, permutation::ListRows(base_, filter_, spec.split_rule,
                                                         split_names_.size(), options));
  spec.num_selected_rows = rows.num_selected_rows;
  parts.selected = std::move(rows.selected);
  parts.lists = std::move(rows.lists);
  if (split_ == OrderSpec::Split::kRandom) spec.split_shuffle = split_shuffle_;
  if (split_ == OrderSpec::Split::kRule) {
    for (const auto& list : parts.lists) spec.split_sizes.push_back(list->size());
  } else if (split_ == OrderSpec::Split::kNone) {
    spec.split_sizes = {spec.num_selected_rows};
  } else {
    ARROW_ASSIGN_OR_RAISE(spec.split_sizes, sizes_.Resolve(spec.num_selected_rows));
  }
  parts.split_names = split_names_;
  parts.base_branch = base_->branch();
  parts.base_identity = base_->identity();
  ARROW_ASSIGN_OR_RAISE(auto table, PermutationTable::FromParts(std::move(parts)));
  consumed_ = true;
  return table;
}

}  // namespace croupier
