#include "croupier/table/lance_scan.h"

#include <algorithm>
#include <utility>

#include <arrow/type.h>

#include "croupier/base/process_resources.h"

namespace croupier::table {

namespace {

using format::DeletionVector;
using format::RowRun;

// Append the live rows of a fragment with ranks [begin, end) in it, for slots from `slot` on.
void AppendLiveRuns(const DeletionVector* deletions, int64_t begin, int64_t end, int64_t slot,
                    std::vector<RowRun>* runs) {
  if (deletions == nullptr) {
    runs->push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(slot),
                     static_cast<uint32_t>(end - begin)});
    return;
  }
  const auto& deleted = deletions->runs();
  uint32_t row = deletions->Select(static_cast<uint32_t>(begin));
  size_t next = deletions->FirstRunEndingAfter(row);
  for (int64_t rank = begin; rank < end; ++next) {
    int64_t count = end - rank;
    if (next < deleted.size()) count = std::min<int64_t>(count, deleted[next].begin - row);
    runs->push_back(
        {row, static_cast<uint32_t>(slot + rank - begin), static_cast<uint32_t>(count)});
    rank += count;
    if (next < deleted.size()) row = deleted[next].end;
  }
}

}  // namespace

arrow::Result<std::shared_ptr<LanceScan>> LanceScan::Make(std::shared_ptr<const LanceTable> table,
                                                          LanceTable::Selection selection,
                                                          const ScanOptions& options) {
  if (options.batch_rows <= 0 || options.batch_rows > UINT32_MAX) {
    return arrow::Status::Invalid("batch_rows must be from 1 to ", UINT32_MAX, ": ",
                                  options.batch_rows);
  }
  ARROW_ASSIGN_OR_RAISE(const Config config, Config::FromProcess());
  ARROW_ASSIGN_OR_RAISE(auto first_ranks, table->FirstRanks(options));
  ARROW_ASSIGN_OR_RAISE(const auto plan, BatchPlan::Make({0, first_ranks.back()},
                                                         options.batch_rows, /*drop_last=*/false));
  const ReadAheadOptions read_ahead_options{.num_threads = config.num_threads,
                                            .budget_bytes = config.prefetch_bytes,
                                            .bytes_per_row = table->BytesPerRow(),
                                            .unit = "rows"};
  // Not make_shared: the constructor is private.
  return std::shared_ptr<LanceScan>(new LanceScan(std::move(table), std::move(selection), options,
                                                  std::move(first_ranks), plan,
                                                  read_ahead_options));
}

LanceScan::LanceScan(std::shared_ptr<const LanceTable> table, LanceTable::Selection selection,
                     const ScanOptions& options, std::vector<int64_t> first_ranks, BatchPlan plan,
                     ReadAheadOptions read_ahead_options)
    : table_(std::move(table)),
      selection_(std::move(selection)),
      options_(options),
      first_ranks_(std::move(first_ranks)),
      plan_(plan),
      read_ahead_options_(read_ahead_options),
      read_ahead_([this] {
        auto read = [this](IndexRange ranks, const CancelToken& cancel) {
          return ReadRanks(ranks, cancel);
        };
        return std::make_unique<ReadAhead>(plan_, next_batch_, std::move(read),
                                           read_ahead_options_);
      }) {}

arrow::Status LanceScan::ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) {
  batch->reset();
  // Rows of a batch that failed must not be left out of what follows.
  ARROW_RETURN_NOT_OK(status_);
  ARROW_RETURN_NOT_OK(options_.cancel->Check());
  if (next_batch_ == plan_.num_batches()) return arrow::Status::OK();
  // One batch has nothing to be read ahead of.
  auto next = plan_.num_batches() == 1 ? ReadRanks(plan_.Batches(0, 1), *options_.cancel)
                                       : read_ahead_.Get().Next(*options_.cancel);
  if (!next.ok()) {
    if (!next.status().IsCancelled()) status_ = next.status();
    return next.status();
  }
  ++next_batch_;
  *batch = *std::move(next);
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceScan::ReadRanks(
    IndexRange ranks, const CancelToken& cancel) const {
  ReadOptions options = options_;
  options.cancel = &cancel;
  ARROW_RETURN_NOT_OK(cancel.Check());
  std::vector<size_t> fragments;
  const auto after = std::upper_bound(first_ranks_.begin(), first_ranks_.end(), ranks.begin);
  for (auto i = static_cast<size_t>(after - first_ranks_.begin()) - 1; first_ranks_[i] < ranks.end;
       ++i) {
    if (first_ranks_[i] < first_ranks_[i + 1]) fragments.push_back(i);
  }
  ARROW_ASSIGN_OR_RAISE(const auto deletions, table_->DeletionsOf(fragments, options));
  std::vector<LanceTable::RowsToRead> rows;
  rows.reserve(fragments.size());
  for (size_t i = 0; i < fragments.size(); ++i) {
    const int64_t first_rank = first_ranks_[fragments[i]];
    const int64_t begin = std::max(ranks.begin, first_rank);
    const int64_t end = std::min(ranks.end, first_ranks_[fragments[i] + 1]);
    auto& of_fragment = rows.emplace_back(LanceTable::RowsToRead{fragments[i], {}});
    AppendLiveRuns(deletions[i].get(), begin - first_rank, end - first_rank, begin - ranks.begin,
                   &of_fragment.runs);
  }
  return table_->ReadRows(selection_, std::move(rows), {}, ranks.num_rows(),
                          /*remember_chunks=*/false, options);
}

}  // namespace croupier::table
