#include "croupier/permutation/split_rule.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "croupier/base/hash.h"
#include "croupier/base/index_shuffle.h"
#include "croupier/base/memory_pool.h"
#include "croupier/permutation/order_key.h"
#include "croupier/permutation/order_text.h"
#include "croupier/permutation/row_hash.h"
#include "croupier/table/system_columns.h"

namespace croupier::permutation {

namespace {

// The key of a row that is in no split.
constexpr uint64_t kNoSplit = UINT64_MAX;
__extension__ using Wide = unsigned __int128;

arrow::Status CheckDistinct(const std::vector<std::string>& columns) {
  if (columns.empty())
    return arrow::Status::Invalid("At least one column must be given to split by");
  if (std::set<std::string>(columns.begin(), columns.end()).size() != columns.size()) {
    return arrow::Status::Invalid("a column is given twice to split by");
  }
  return arrow::Status::OK();
}

RowKeys HashedColumns(const SplitRule& rule) {
  std::vector<int> numbers(rule.columns.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  const uint64_t start =
      rule.kind == SplitRule::Kind::kGrouped ? DeriveKey(rule.seed, "group", 0) : 0;
  return {rule.columns,
          [numbers, start](const arrow::RecordBatch& batch, std::span<uint64_t> keys) {
            return HashRows(batch, numbers, start, keys);
          }};
}

arrow::Status ReadSplitIds(const arrow::Array& values, std::span<uint64_t> keys) {
  arrow::compute::ExecContext exec(DefaultMemoryPool());
  exec.set_use_threads(false);
  auto cast =
      arrow::compute::Cast(values, arrow::int64(), arrow::compute::CastOptions::Safe(), &exec);
  if (!cast.ok()) {
    return arrow::Status::Invalid("a split number is out of range: ", cast.status().message());
  }
  const auto& ids = static_cast<const arrow::Int64Array&>(**cast);
  for (int64_t i = 0; i < ids.length(); ++i) {
    uint64_t& key = keys[static_cast<size_t>(i)];
    if (ids.IsNull(i)) {
      key = kNoSplit;
    } else if (ids.Value(i) < 0 || ids.Value(i) >= OrderSpec::kMaxSplits) {
      return arrow::Status::Invalid("a split number is out of range: ", ids.Value(i),
                                    "; splits are numbered from 0 to ", OrderSpec::kMaxSplits - 1,
                                    ", a null leaves the row out");
    } else {
      key = static_cast<uint64_t>(ids.Value(i));
    }
  }
  return arrow::Status::OK();
}

arrow::Result<RowKeys> CalculatedSplit(const SplitRule& rule,
                                       const std::shared_ptr<arrow::Schema>& base_schema) {
  ARROW_ASSIGN_OR_RAISE(const auto expression, Expression::Parse(rule.expression));
  ARROW_ASSIGN_OR_RAISE(const auto bound,
                        expression.BindToInputs(table::WithSystemColumns(*base_schema)));
  if (!arrow::is_integer(bound.type()->id()) && bound.type()->id() != arrow::Type::BOOL) {
    return arrow::Status::TypeError("the number of a split must be an integer, not ",
                                    bound.type()->ToString(), ": ", rule.expression);
  }
  RowKeys keys;
  keys.columns = bound.schema()->field_names();
  keys.compute = [bound](const arrow::RecordBatch& batch, std::span<uint64_t> split_ids) {
    const auto& columns = batch.columns();
    const auto inputs = arrow::RecordBatch::Make(
        bound.schema(), batch.num_rows(),
        arrow::ArrayVector(columns.begin(), columns.begin() + bound.schema()->num_fields()));
    ARROW_ASSIGN_OR_RAISE(const auto values, bound.Evaluate(*inputs));
    return ReadSplitIds(*values, split_ids);
  };
  return keys;
}

// Where splits end, summed up; the last entry of ratios that sum to 1 is kRatioUnit.
std::vector<uint64_t> Sums(const std::vector<int64_t>& parts) {
  std::vector<uint64_t> sums;
  sums.reserve(parts.size());
  uint64_t sum = 0;
  for (const int64_t part : parts) sums.push_back(sum += static_cast<uint64_t>(part));
  return sums;
}

// The first split that ends behind a value; kNoSplit if none does.
uint64_t SplitAt(const std::vector<uint64_t>& ends, uint64_t value) {
  const auto found = std::upper_bound(ends.begin(), ends.end(), value);
  return found == ends.end() ? kNoSplit : static_cast<uint64_t>(found - ends.begin());
}

// Deals out the rows of equal values, after they were counted.
class Strata {
 public:
  explicit Strata(const SplitRule& rule)
      : key_(DeriveKey(rule.seed, "stratum", 0)), ends_(Sums(rule.ratios)) {}

  arrow::Status Count(uint64_t value) {
    ++strata_[value].num_rows;
    ++num_rows_left_;
    if (strata_.size() <= kMaxStrata) return arrow::Status::OK();
    return arrow::Status::CapacityError("rows to be stratified have more than ", kMaxStrata,
                                        " different values");
  }

  arrow::Result<uint64_t> SplitOfNext(uint64_t value) {
    const auto found = strata_.find(value);
    if (found == strata_.end() || found->second.next == found->second.num_rows) return OtherRows();
    Stratum& stratum = found->second;
    Order& order = orders_[value % kNumOrders];
    if (!order.rows.has_value() || order.value != value) {
      const uint64_t key = Mix64(key_ + value);
      order.value = value;
      order.rows.emplace(stratum.num_rows, key);
      order.phase = Mix64(key ^ Fnv1a64("phase")) >> 11;
    }
    const uint64_t place = order.rows->Map(stratum.next++);
    --num_rows_left_;
    const auto is_before = [&](uint64_t end) {
      return place < static_cast<uint64_t>((Wide{end} * stratum.num_rows + order.phase) >> 53);
    };
    // Ends ascend.
    const auto split = std::partition_point(ends_.begin(), ends_.end(),
                                            [&](uint64_t end) { return !is_before(end); });
    return split == ends_.end() ? kNoSplit : static_cast<uint64_t>(split - ends_.begin());
  }

  arrow::Status CheckAllWereDealt() const {
    return num_rows_left_ == 0 ? arrow::Status::OK() : OtherRows();
  }

 private:
  static_assert(SplitRule::kRatioUnit == int64_t{1} << 53);
  static constexpr size_t kMaxStrata = size_t{1} << 24;
  static constexpr size_t kNumOrders = 256;

  struct Stratum {
    uint64_t num_rows = 0;
    uint64_t next = 0;
  };
  // How the rows of a stratum are mixed; of some strata, because it takes more than the rest.
  struct Order {
    uint64_t value = 0;
    std::optional<KeyedBijection> rows;
    uint64_t phase = 0;
  };

  static arrow::Status OtherRows() {
    return arrow::Status::Invalid("the table gave other rows when it was read again");
  }

  const uint64_t key_;
  const std::vector<uint64_t> ends_;
  std::unordered_map<uint64_t, Stratum> strata_;
  std::vector<Order> orders_{kNumOrders};
  uint64_t num_rows_left_ = 0;
};

}  // namespace

arrow::Status CheckSplitRule(const SplitRule& rule) {
  if (rule.kind == SplitRule::Kind::kCalculated) {
    ARROW_RETURN_NOT_OK(CheckText(rule.expression));
    return Expression::Parse(rule.expression).status();
  }
  ARROW_RETURN_NOT_OK(CheckDistinct(rule.columns));
  const bool is_hash = rule.kind == SplitRule::Kind::kHash;
  const auto& parts = is_hash ? rule.weights : rule.ratios;
  if (parts.empty()) return arrow::Status::Invalid("At least one split must be given");
  if (std::ssize(parts) > OrderSpec::kMaxSplits) {
    return arrow::Status::Invalid("at most ", OrderSpec::kMaxSplits, " splits: ", parts.size());
  }
  int64_t limit = is_hash ? INT64_MAX : SplitRule::kRatioUnit;
  if (is_hash && rule.discard_weight < 0) {
    return arrow::Status::Invalid("discard_weight must not be negative: ", rule.discard_weight);
  }
  limit -= is_hash ? rule.discard_weight : 0;
  for (const int64_t part : parts) {
    if (is_hash && part <= 0) {
      return arrow::Status::Invalid("Split weights must be greater than 0: ", part);
    }
    if (part < 0 || part > limit) {
      return arrow::Status::Invalid(is_hash ? "Split weights must sum to less than 2^63"
                                            : "Split percentages must sum to 1.0 or less");
    }
    limit -= part;
  }
  return arrow::Status::OK();
}

arrow::Result<RowKeys> KeysOf(const SplitRule& rule,
                              const std::shared_ptr<arrow::Schema>& base_schema) {
  ARROW_RETURN_NOT_OK(CheckSplitRule(rule));
  if (rule.kind == SplitRule::Kind::kCalculated) return CalculatedSplit(rule, base_schema);
  ARROW_ASSIGN_OR_RAISE(const auto columns, ProjectSchema(*base_schema, rule.columns));
  ARROW_RETURN_NOT_OK(CheckHashable(*columns));
  return HashedColumns(rule);
}

arrow::Result<Division> SplitByRule(const SplitRule& rule, const SelectedRows& rows,
                                    size_t num_names, const std::shared_ptr<SpillFile>& spill) {
  const bool is_stratified = rule.kind == SplitRule::Kind::kStratified;
  const auto& parts = rule.kind == SplitRule::Kind::kHash ? rule.weights : rule.ratios;
  const auto ends = Sums(parts);
  const uint64_t all_weights =
      (ends.empty() ? 0 : ends.back()) + static_cast<uint64_t>(rule.discard_weight);
  std::optional<Strata> strata;
  if (is_stratified) {
    strata.emplace(rule);
    ARROW_RETURN_NOT_OK(rows.ForEach([&](auto /*ranks*/, auto keys) {
      for (const uint64_t key : keys) ARROW_RETURN_NOT_OK(strata->Count(key));
      return arrow::Status::OK();
    }));
  }
  // Keys become numbers of splits.
  const auto find_splits = [&](std::span<uint64_t> keys) -> arrow::Status {
    switch (rule.kind) {
      case SplitRule::Kind::kCalculated:
        break;
      case SplitRule::Kind::kHash:
        for (uint64_t& key : keys) key = SplitAt(ends, key % all_weights);
        break;
      case SplitRule::Kind::kGrouped:
        for (uint64_t& key : keys) key = SplitAt(ends, key >> 11);
        break;
      case SplitRule::Kind::kStratified:
        for (uint64_t& key : keys) {
          ARROW_ASSIGN_OR_RAISE(key, strata->SplitOfNext(key));
        }
        break;
    }
    return arrow::Status::OK();
  };
  Division division;
  SplitListsBuilder builder(spill);
  std::vector<uint64_t> splits;
  ARROW_RETURN_NOT_OK(rows.ForEach([&](auto ranks, auto keys) {
    division.num_rows += std::ssize(ranks);
    splits.assign(keys.begin(), keys.end());
    ARROW_RETURN_NOT_OK(find_splits(splits));
    for (size_t i = 0; i < ranks.size(); ++i) {
      if (splits[i] != kNoSplit) ARROW_RETURN_NOT_OK(builder.Append(splits[i], ranks[i]));
    }
    return arrow::Status::OK();
  }));
  if (is_stratified) ARROW_RETURN_NOT_OK(strata->CheckAllWereDealt());
  const bool is_calculated = rule.kind == SplitRule::Kind::kCalculated;
  ARROW_ASSIGN_OR_RAISE(division.lists, builder.Finish(is_calculated ? num_names : parts.size()));
  return division;
}

}  // namespace croupier::permutation
