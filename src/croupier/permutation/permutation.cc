#include "croupier/permutation.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>

#include "croupier/base/memory_pool.h"
#include "croupier/base/process_local.h"
#include "croupier/expression/arrow_kernels.h"
#include "croupier/permutation/position_map.h"
#include "croupier/permutation/spill_file.h"

namespace croupier {

using permutation::PositionMapPtr;

struct Permutation::Impl {
  // The row ids of the base table, listed once for each process. A table computes them or reads
  // little for them; one that must scan pays once.
  struct State {
    std::mutex mutex;  // guards row_ids; held while they are listed, so that it is done once
    std::shared_ptr<const RowIdIndex> row_ids;
  };

  std::shared_ptr<const TableSource> base;
  int64_t num_base_rows = 0;
  bool maps_to_row_ids = false;
  PositionMapPtr map;
  // Shared by all that are made of one another.
  std::shared_ptr<ProcessLocal<State>> state = std::make_shared<ProcessLocal<State>>();

  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIdsOfBase(const ReadOptions& options) const {
    State& own = state->Get();
    const std::lock_guard lock(own.mutex);
    if (own.row_ids == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto row_ids, base->RowIds(options));
      if (row_ids->num_rows() != num_base_rows) {
        return arrow::Status::Invalid(base->location(), " has ", row_ids->num_rows(),
                                      " rows, the permutation was built for ", num_base_rows);
      }
      own.row_ids = std::move(row_ids);
    }
    return own.row_ids;
  }

  // Replace positions by row ids.
  arrow::Status Lookup(std::span<uint64_t> positions, const ReadOptions& options) const {
    if (maps_to_row_ids) return map->Map(positions);
    ARROW_ASSIGN_OR_RAISE(const auto row_ids, RowIdsOfBase(options));
    ARROW_RETURN_NOT_OK(map->Map(positions));
    row_ids->Lookup(positions);
    return arrow::Status::OK();
  }

  std::shared_ptr<const Permutation> With(PositionMapPtr other) const {
    auto impl = std::make_unique<Impl>(*this);
    impl->map = std::move(other);
    return std::shared_ptr<const Permutation>(new Permutation(std::move(impl)));
  }
};

Permutation::Permutation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Permutation::~Permutation() = default;

arrow::Result<std::shared_ptr<const Permutation>> Permutation::Make(
    std::shared_ptr<const TableSource> base,
    std::shared_ptr<const PermutationTable> permutation_table, int64_t split) {
  auto impl = std::make_unique<Impl>();
  ARROW_ASSIGN_OR_RAISE(impl->num_base_rows, base->CountRows());
  const int64_t num_splits = permutation_table == nullptr ? 1 : permutation_table->num_splits();
  if (permutation_table != nullptr) ARROW_RETURN_NOT_OK(permutation_table->CheckBase(*base));
  if (split < 0 || split >= num_splits) {
    return arrow::Status::IndexError("split out of range: ", split, " of ", num_splits);
  }
  if (permutation_table != nullptr) {
    impl->maps_to_row_ids = permutation_table->maps_to_row_ids();
    impl->map = permutation::MapSplit(std::move(permutation_table), split);
  } else {
    impl->map = permutation::MapInOrder(impl->num_base_rows);
  }
  impl->base = std::move(base);
  return std::shared_ptr<const Permutation>(new Permutation(std::move(impl)));
}

arrow::Result<std::shared_ptr<const Permutation>> Permutation::Join(
    const std::vector<std::shared_ptr<const Permutation>>& parts,
    const std::optional<ShuffleSpec>& shuffle) {
  if (parts.empty()) return arrow::Status::Invalid("at least one permutation must be joined");
  if (shuffle.has_value()) ARROW_RETURN_NOT_OK(shuffle->Check());
  const Impl& first = *parts.front()->impl_;
  const bool maps_to_row_ids = std::any_of(
      parts.begin(), parts.end(), [](const auto& part) { return part->impl_->maps_to_row_ids; });
  std::vector<PositionMapPtr> maps;
  int64_t num_rows = 0;
  for (const auto& part : parts) {
    const Impl& impl = *part->impl_;
    if (impl.base != first.base) {
      return arrow::Status::Invalid("permutations of different tables cannot be joined");
    }
    if (part->num_rows() > INT64_MAX - num_rows) {
      return arrow::Status::Invalid("a permutation has less than 2^63 rows");
    }
    num_rows += part->num_rows();
    auto map = impl.map;
    if (maps_to_row_ids && !impl.maps_to_row_ids) {
      ARROW_ASSIGN_OR_RAISE(auto row_ids, impl.RowIdsOfBase({}));
      map = permutation::MapRowIds(std::move(map), std::move(row_ids));
    }
    maps.push_back(std::move(map));
  }
  auto joined = std::make_unique<Impl>(first);
  joined->map = permutation::MapJoined(std::move(maps), shuffle);
  joined->maps_to_row_ids = maps_to_row_ids;
  return std::shared_ptr<const Permutation>(new Permutation(std::move(joined)));
}

const std::shared_ptr<const TableSource>& Permutation::base() const { return impl_->base; }
int64_t Permutation::num_rows() const { return impl_->map->num_rows(); }

arrow::Result<std::shared_ptr<const Permutation>> Permutation::WithBase(
    std::shared_ptr<const TableSource> base) const {
  ARROW_ASSIGN_OR_RAISE(const int64_t num_base_rows, base->CountRows());
  const TableSource& mine = *impl_->base;
  if (base->version() != mine.version() || base->branch() != mine.branch() ||
      base->identity() != mine.identity() || num_base_rows != impl_->num_base_rows) {
    return arrow::Status::Invalid(base->location(), " at version ", base->version(),
                                  " is not the table that is permuted, ", mine.location(),
                                  " at version ", mine.version());
  }
  auto impl = std::make_unique<Impl>(*impl_);
  impl->base = std::move(base);
  return std::shared_ptr<const Permutation>(new Permutation(std::move(impl)));
}

arrow::Result<std::shared_ptr<const Permutation>> Permutation::Slice(int64_t begin, int64_t step,
                                                                     int64_t count) const {
  const auto is_position = [&](int64_t position) { return position >= 0 && position < num_rows(); };
  int64_t last = 0;
  if (count < 0 ||
      (count > 0 && (!is_position(begin) || __builtin_mul_overflow(count - 1, step, &last) ||
                     __builtin_add_overflow(begin, last, &last) || !is_position(last)))) {
    return arrow::Status::Invalid("no such slice of ", num_rows(), " rows: ", count,
                                  " positions from ", begin, " in steps of ", step);
  }
  return impl_->With(permutation::MapSteps(impl_->map, begin, step, count));
}

arrow::Result<std::shared_ptr<const Permutation>> Permutation::Shard(const ShardSpec& shard) const {
  ARROW_RETURN_NOT_OK(shard.Check());
  return impl_->With(
      permutation::MapSteps(impl_->map, shard.index, shard.num_shards, shard.NumRows(num_rows())));
}

arrow::Result<std::shared_ptr<const Permutation>> Permutation::Repeat(int64_t times) const {
  int64_t count = 0;
  if (times < 0 || __builtin_mul_overflow(num_rows(), times, &count)) {
    return arrow::Status::Invalid("cannot repeat ", num_rows(), " rows ", times, " times");
  }
  return impl_->With(permutation::MapSteps(impl_->map, 0, 1, count));
}

arrow::Result<std::shared_ptr<const Permutation>> Permutation::SortBy(
    const std::string& column, bool descending, const BuildOptions& options) const {
  constexpr int64_t kBatchRows = 65536;
  arrow::RecordBatchVector batches;
  for (int64_t begin = 0; begin < num_rows(); begin += kBatchRows) {
    ARROW_ASSIGN_OR_RAISE(
        auto batch, TakeRange(begin, std::min(begin + kBatchRows, num_rows()), {column}, options));
    batches.push_back(std::move(batch));
  }
  ARROW_ASSIGN_OR_RAISE(const auto schema, ProjectSchema(*impl_->base->schema(), {column}));
  ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(schema, batches));
  ARROW_RETURN_NOT_OK(expression::CheckKernels());
  // One thread: a pool of Arrow's would be shared with the rest of the process.
  arrow::compute::ExecContext exec(options.pool != nullptr ? options.pool : DefaultMemoryPool());
  exec.set_use_threads(false);
  // Nulls come last either way.
  const arrow::compute::SortOptions sort({arrow::compute::SortKey(
      arrow::FieldRef(0),
      descending ? arrow::compute::SortOrder::Descending : arrow::compute::SortOrder::Ascending)});
  const auto sorted = arrow::compute::SortIndices(arrow::Datum(table), sort, &exec);
  if (!sorted.ok()) {
    return sorted.status().WithMessage("column '", column, "' (",
                                       schema->field(0)->type()->ToString(),
                                       "): ", sorted.status().message());
  }
  const auto& positions = static_cast<const arrow::UInt64Array&>(**sorted);
  ARROW_ASSIGN_OR_RAISE(auto spill, permutation::SpillFile::Make(options));
  permutation::PackedNumbersBuilder list(std::move(spill));
  ARROW_RETURN_NOT_OK(
      list.Append(std::span(positions.raw_values(), static_cast<size_t>(positions.length()))));
  ARROW_ASSIGN_OR_RAISE(auto packed, list.Finish());
  return impl_->With(permutation::MapList(impl_->map, std::move(packed)));
}

arrow::Result<std::vector<uint64_t>> Permutation::RowIds(std::span<const int64_t> positions,
                                                         const ReadOptions& options) const {
  for (const int64_t position : positions) {
    if (position < 0 || position >= num_rows()) {
      return arrow::Status::IndexError("position out of range: ", position, " of ", num_rows());
    }
  }
  std::vector<uint64_t> row_ids(positions.begin(), positions.end());
  ARROW_RETURN_NOT_OK(impl_->Lookup(row_ids, options));
  return row_ids;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Permutation::Take(
    std::span<const int64_t> positions, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto row_ids, RowIds(positions, options));
  return impl_->base->Take(row_ids, columns, options);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Permutation::TakeRange(
    int64_t begin, int64_t end, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  if (begin < 0 || begin > end || end > num_rows()) {
    return arrow::Status::IndexError("positions out of range: [", begin, ", ", end, ") of ",
                                     num_rows());
  }
  std::vector<uint64_t> row_ids(static_cast<size_t>(end - begin));
  std::iota(row_ids.begin(), row_ids.end(), static_cast<uint64_t>(begin));
  ARROW_RETURN_NOT_OK(impl_->Lookup(row_ids, options));
  return impl_->base->Take(row_ids, columns, options);
}

}  // namespace croupier
