#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/base/hash.h"
#include "croupier/base/index_shuffle.h"
#include "croupier/permutation.h"
#include "croupier/permutation/json_string.h"

namespace croupier {

namespace {

constexpr uint64_t kGoldenGamma = 0x9e3779b97f4a7c15ULL;

// The key of one bijection, from a seed and what it is for. Part of the specified order.
uint64_t DeriveKey(uint64_t seed, std::string_view purpose, uint64_t index) {
  return Mix64(Mix64(seed ^ Fnv1a64(purpose)) + index * kGoldenGamma);
}

std::shared_ptr<arrow::Schema> MakeSchema(const OrderSpec& spec,
                                          const std::vector<std::string>& split_names,
                                          const std::string& base_branch) {
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  if (!split_names.empty()) {
    std::string names = "[";
    for (const auto& name : split_names) {
      if (names.size() > 1) names += ", ";
      names += permutation::JsonString(name);
    }
    metadata->Append("split_names", names + "]");
  }
  metadata->Append("base_version", std::to_string(spec.base_version));
  if (!base_branch.empty()) metadata->Append("base_branch", base_branch);
  metadata->Append("croupier.order", spec.ToString());
  metadata->Append("croupier.order_id", spec.OrderId());
  return arrow::schema(
      {arrow::field("row_id", arrow::uint64()), arrow::field("split_id", arrow::uint64(), false)},
      std::move(metadata));
}

}  // namespace

struct PermutationTable::Impl {
  OrderSpec spec;
  std::vector<std::string> split_names;
  std::string base_branch;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int64_t> split_starts;  // in the order that splits are cut from, and the end
  KeyedBijection split_order{0, 0};
};

PermutationTable::PermutationTable(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
PermutationTable::~PermutationTable() = default;

arrow::Result<std::shared_ptr<const PermutationTable>> PermutationTable::Make(
    OrderSpec spec, std::vector<std::string> split_names, std::string base_branch) {
  if (spec.num_base_rows < 0) {
    return arrow::Status::Invalid("an order of ", spec.num_base_rows, " rows");
  }
  auto impl = std::make_unique<Impl>();
  impl->split_starts.push_back(0);
  for (const int64_t size : spec.split_sizes) {
    if (size < 0 || size > spec.num_base_rows - impl->split_starts.back()) {
      return arrow::Status::Invalid("the splits have more rows than the table: ",
                                    spec.num_base_rows);
    }
    impl->split_starts.push_back(impl->split_starts.back() + size);
  }
  if (spec.split == OrderSpec::Split::kNone &&
      spec.split_sizes != std::vector<int64_t>{spec.num_base_rows}) {
    return arrow::Status::Invalid("an order without splits has all rows of the table");
  }
  if (!split_names.empty() && split_names.size() != spec.split_sizes.size()) {
    return arrow::Status::Invalid("there are ", split_names.size(), " split names for ",
                                  spec.split_sizes.size(), " splits");
  }
  std::set<std::string> distinct(split_names.begin(), split_names.end());
  if (distinct.size() != split_names.size()) {
    return arrow::Status::Invalid("split names must be different from each other");
  }
  if (spec.split == OrderSpec::Split::kRandom) {
    impl->split_order = KeyedBijection(static_cast<uint64_t>(spec.num_base_rows),
                                       DeriveKey(spec.split_seed, "split", 0));
  }
  impl->schema = MakeSchema(spec, split_names, base_branch);
  impl->spec = std::move(spec);
  impl->split_names = std::move(split_names);
  impl->base_branch = std::move(base_branch);
  return std::shared_ptr<const PermutationTable>(new PermutationTable(std::move(impl)));
}

const OrderSpec& PermutationTable::spec() const { return impl_->spec; }
int64_t PermutationTable::num_rows() const { return impl_->split_starts.back(); }
int64_t PermutationTable::num_splits() const { return std::ssize(impl_->spec.split_sizes); }
int64_t PermutationTable::split_num_rows(int64_t split) const {
  return impl_->spec.split_sizes[static_cast<size_t>(split)];
}
const std::vector<std::string>& PermutationTable::split_names() const { return impl_->split_names; }
uint64_t PermutationTable::base_version() const { return impl_->spec.base_version; }
const std::string& PermutationTable::base_branch() const { return impl_->base_branch; }
std::string PermutationTable::order_id() const { return impl_->spec.OrderId(); }
const std::shared_ptr<arrow::Schema>& PermutationTable::schema() const { return impl_->schema; }

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
  if (num_rows != impl_->spec.num_base_rows) {
    return arrow::Status::Invalid("the permutation was built for a table of ",
                                  impl_->spec.num_base_rows, " rows, ", base.location(), " has ",
                                  num_rows);
  }
  return arrow::Status::OK();
}

arrow::Result<int64_t> PermutationTable::SplitByName(const std::string& name) const {
  const auto found = std::find(impl_->split_names.begin(), impl_->split_names.end(), name);
  if (found != impl_->split_names.end()) return found - impl_->split_names.begin();
  std::string known;
  for (const auto& each : impl_->split_names) known += (known.empty() ? "" : ", ") + each;
  return arrow::Status::KeyError("No split named `", name,
                                 "` found; the splits are: ", known.empty() ? "(unnamed)" : known);
}

void PermutationTable::PositionsToRanks(int64_t split, std::span<uint64_t> positions) const {
  const auto& spec = impl_->spec;
  if (spec.shuffle_seed.has_value()) {
    const KeyedBijection shuffle(
        static_cast<uint64_t>(split_num_rows(split)),
        DeriveKey(*spec.shuffle_seed, "shuffle", static_cast<uint64_t>(split)));
    shuffle.MapAll(positions);
  }
  const auto start = static_cast<uint64_t>(impl_->split_starts[static_cast<size_t>(split)]);
  for (uint64_t& position : positions) position += start;
  if (spec.split == OrderSpec::Split::kRandom) impl_->split_order.MapAll(positions);
}

namespace {

// The rows (row_id, split_id), computed batch by batch.
class PermutationRows : public arrow::RecordBatchReader {
 public:
  PermutationRows(std::shared_ptr<const PermutationTable> table,
                  std::shared_ptr<const RowIdIndex> row_ids, int64_t batch_rows)
      : table_(std::move(table)), row_ids_(std::move(row_ids)), batch_rows_(batch_rows) {}

  std::shared_ptr<arrow::Schema> schema() const override { return table_->schema(); }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    std::vector<uint64_t> row_ids;
    std::vector<uint64_t> split_ids;
    while (std::ssize(row_ids) < batch_rows_ && split_ < table_->num_splits()) {
      const int64_t num_rows = std::min(batch_rows_ - std::ssize(row_ids),
                                        table_->split_num_rows(split_) - next_position_);
      const size_t first = row_ids.size();
      row_ids.resize(first + static_cast<size_t>(num_rows));
      split_ids.resize(row_ids.size(), static_cast<uint64_t>(split_));
      const auto part = std::span(row_ids).subspan(first);
      std::iota(part.begin(), part.end(), static_cast<uint64_t>(next_position_));
      table_->PositionsToRanks(split_, part);
      row_ids_->Lookup(part);
      next_position_ += num_rows;
      if (next_position_ == table_->split_num_rows(split_)) {
        ++split_;
        next_position_ = 0;
      }
    }
    const int64_t num_rows = std::ssize(row_ids);
    if (num_rows == 0) {
      *batch = nullptr;
      return arrow::Status::OK();
    }
    *batch =
        arrow::RecordBatch::Make(table_->schema(), num_rows,
                                 {std::make_shared<arrow::UInt64Array>(
                                      num_rows, arrow::Buffer::FromVector(std::move(row_ids))),
                                  std::make_shared<arrow::UInt64Array>(
                                      num_rows, arrow::Buffer::FromVector(std::move(split_ids)))});
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<const PermutationTable> table_;
  const std::shared_ptr<const RowIdIndex> row_ids_;
  const int64_t batch_rows_;
  int64_t split_ = 0;
  int64_t next_position_ = 0;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> PermutationTable::ToReader(
    const std::shared_ptr<const TableSource>& base, int64_t batch_rows) const {
  if (batch_rows <= 0) return arrow::Status::Invalid("batch_rows must be positive: ", batch_rows);
  ARROW_RETURN_NOT_OK(CheckBase(*base));
  ARROW_ASSIGN_OR_RAISE(auto row_ids, base->RowIds());
  if (row_ids->num_rows() != impl_->spec.num_base_rows) {
    return arrow::Status::Invalid("the permutation was built for ", impl_->spec.num_base_rows,
                                  " rows, ", base->location(), " has ", row_ids->num_rows());
  }
  return std::make_shared<PermutationRows>(shared_from_this(), std::move(row_ids), batch_rows);
}

}  // namespace croupier
