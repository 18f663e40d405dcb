#include <random>
#include <utility>

#include <arrow/status.h>

#include "croupier/permutation.h"

namespace croupier {

namespace {

uint64_t DrawSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

PermutationBuilder::PermutationBuilder(std::shared_ptr<const TableSource> base)
    : base_(std::move(base)) {}

arrow::Status PermutationBuilder::CheckNotConsumed() const {
  return consumed_ ? arrow::Status::Invalid("Builder already consumed") : arrow::Status::OK();
}

arrow::Status PermutationBuilder::SplitRandom(SplitSizes sizes, std::optional<uint64_t> seed,
                                              std::vector<std::string> split_names) {
  ARROW_RETURN_NOT_OK(SplitSequential(std::move(sizes), std::move(split_names)));
  split_ = OrderSpec::Split::kRandom;
  split_seed_ = seed.has_value() ? *seed : DrawSeed();
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::SplitSequential(SplitSizes sizes,
                                                  std::vector<std::string> split_names) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  ARROW_RETURN_NOT_OK(sizes.Validate());
  split_ = OrderSpec::Split::kSequential;
  sizes_ = std::move(sizes);
  split_names_ = std::move(split_names);
  return arrow::Status::OK();
}

arrow::Status PermutationBuilder::Shuffle(std::optional<uint64_t> seed) {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  shuffle_seed_ = seed.has_value() ? *seed : DrawSeed();
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationBuilder::Execute() {
  ARROW_RETURN_NOT_OK(CheckNotConsumed());
  OrderSpec spec;
  spec.base_version = base_->version();
  ARROW_ASSIGN_OR_RAISE(spec.num_base_rows, base_->CountRows());
  spec.split = split_;
  spec.shuffle_seed = shuffle_seed_;
  spec.split_sizes = {spec.num_base_rows};
  if (split_ != OrderSpec::Split::kNone) {
    ARROW_ASSIGN_OR_RAISE(spec.split_sizes, sizes_.Resolve(spec.num_base_rows));
  }
  if (split_ == OrderSpec::Split::kRandom) spec.split_seed = split_seed_;
  ARROW_ASSIGN_OR_RAISE(auto table,
                        PermutationTable::Make(std::move(spec), split_names_, base_->branch()));
  consumed_ = true;
  return table;
}

}  // namespace croupier
