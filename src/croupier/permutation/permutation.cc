#include "croupier/permutation.h"

#include <mutex>
#include <numeric>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/status.h>

#include "croupier/base/process_local.h"

namespace croupier {

struct Permutation::Impl {
  // The row ids of the base table, listed once for each process. A table computes them or reads
  // little for them; one that must scan pays once.
  struct State {
    std::mutex mutex;  // guards row_ids; held while they are listed, so that it is done once
    std::shared_ptr<const RowIdIndex> row_ids;
  };

  std::shared_ptr<const TableSource> base;
  std::shared_ptr<const PermutationTable> permutation_table;
  int64_t split = 0;
  int64_t num_base_rows = 0;
  int64_t num_rows = 0;
  ProcessLocal<State> state;

  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIdsOfBase(const ReadOptions& options) {
    State& own = state.Get();
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
  arrow::Status Lookup(std::span<uint64_t> positions, const ReadOptions& options) {
    ARROW_ASSIGN_OR_RAISE(const auto row_ids, RowIdsOfBase(options));
    if (permutation_table != nullptr) permutation_table->PositionsToRanks(split, positions);
    row_ids->Lookup(positions);
    return arrow::Status::OK();
  }
};

Permutation::Permutation(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Permutation::~Permutation() = default;

arrow::Result<std::shared_ptr<const Permutation>> Permutation::Make(
    std::shared_ptr<const TableSource> base,
    std::shared_ptr<const PermutationTable> permutation_table, int64_t split) {
  auto impl = std::make_unique<Impl>();
  ARROW_ASSIGN_OR_RAISE(impl->num_base_rows, base->CountRows());
  impl->num_rows = impl->num_base_rows;
  if (permutation_table != nullptr) {
    ARROW_RETURN_NOT_OK(permutation_table->CheckBase(*base));
    if (split < 0 || split >= permutation_table->num_splits()) {
      return arrow::Status::IndexError("split out of range: ", split, " of ",
                                       permutation_table->num_splits());
    }
    impl->num_rows = permutation_table->split_num_rows(split);
  } else if (split != 0) {
    return arrow::Status::IndexError("split out of range: ", split, " of 1");
  }
  impl->base = std::move(base);
  impl->permutation_table = std::move(permutation_table);
  impl->split = split;
  return std::shared_ptr<const Permutation>(new Permutation(std::move(impl)));
}

const std::shared_ptr<const TableSource>& Permutation::base() const { return impl_->base; }
const std::shared_ptr<const PermutationTable>& Permutation::permutation_table() const {
  return impl_->permutation_table;
}
int64_t Permutation::num_rows() const { return impl_->num_rows; }

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
