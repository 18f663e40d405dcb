#include "croupier/table/lance_scan.h"

#include <algorithm>
#include <string>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/datum.h>
#include <arrow/type.h>
#include <arrow/util/bit_run_reader.h>

#include "croupier/base/process_resources.h"
#include "croupier/expression/takeable.h"
#include "croupier/table/pool_of.h"

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

// Leave those rows whose bit is set; slots count them from 0.
std::vector<RowRun> KeepRuns(const std::vector<RowRun>& runs, const uint8_t* bitmap,
                             int64_t offset_bits, uint32_t* num_kept) {
  std::vector<RowRun> kept;
  for (const RowRun& run : runs) {
    arrow::internal::SetBitRunReader reader(bitmap, offset_bits + run.slot, run.count);
    for (auto set = reader.NextRun(); set.length > 0; set = reader.NextRun()) {
      const auto count = static_cast<uint32_t>(set.length);
      kept.push_back({run.row + static_cast<uint32_t>(set.position), *num_kept, count});
      *num_kept += count;
    }
  }
  return kept;
}

}  // namespace

arrow::Result<std::shared_ptr<LanceScan>> LanceScan::Make(std::shared_ptr<const LanceTable> table,
                                                          const ScanOptions& options) {
  if (options.batch_rows <= 0 || options.batch_rows > UINT32_MAX) {
    return arrow::Status::Invalid("batch_rows must be from 1 to ", UINT32_MAX, ": ",
                                  options.batch_rows);
  }
  ARROW_ASSIGN_OR_RAISE(const Config config, Config::FromProcess());
  ARROW_ASSIGN_OR_RAISE(auto first_ranks, table->FirstRanks(options));
  ARROW_ASSIGN_OR_RAISE(const auto plan, BatchPlan::Make({0, first_ranks.back()},
                                                         options.batch_rows, /*drop_last=*/false));
  ReadAheadOptions read_ahead_options{.num_threads = config.num_threads,
                                      .budget_bytes = config.prefetch_bytes,
                                      .bytes_per_row = table->BytesPerRow(),
                                      .unit = "rows"};
  // Rows that are kept cannot be cut into batches: each is read by itself.
  if (options.filter.has_value()) read_ahead_options.max_window_rows = options.batch_rows;
  // Not make_shared: the constructor is private.
  std::shared_ptr<LanceScan> scan(
      new LanceScan(std::move(table), options, std::move(first_ranks), plan, read_ahead_options));
  ARROW_ASSIGN_OR_RAISE(scan->schema_, ProjectSchema(*scan->table_->schema(), options.columns));
  std::vector<std::string> columns = options.columns;
  if (options.filter.has_value()) {
    ARROW_ASSIGN_OR_RAISE(scan->filter_, MakeFilter(*scan->table_, options));
    std::erase_if(columns, [&](const std::string& name) {
      const auto& inputs = scan->filter_->rows.columns();
      return std::find(inputs.begin(), inputs.end(), name) != inputs.end();
    });
  }
  ARROW_ASSIGN_OR_RAISE(scan->selection_, scan->table_->Select(columns));
  return scan;
}

arrow::Result<LanceScan::Filter> LanceScan::MakeFilter(const LanceTable& table,
                                                       const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(
      auto rows, RowFilter::Make(*table.schema(), *options.filter,
                                 [&](std::span<const int> way) { return table.ReadsAlone(way); }));
  ARROW_ASSIGN_OR_RAISE(auto inputs, table.Select(rows.columns()));
  std::vector<int> input_of;
  for (const auto& name : options.columns) {
    const auto found = std::find(rows.columns().begin(), rows.columns().end(), name);
    const bool is_input = found != rows.columns().end();
    input_of.push_back(is_input ? static_cast<int>(found - rows.columns().begin()) : -1);
  }
  return Filter{std::move(rows), std::move(inputs), std::move(input_of)};
}

LanceScan::LanceScan(std::shared_ptr<const LanceTable> table, const ScanOptions& options,
                     std::vector<int64_t> first_ranks, BatchPlan plan,
                     ReadAheadOptions read_ahead_options)
    : table_(std::move(table)),
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
  if (filter_.has_value()) return ReadKept(std::move(rows), ranks.num_rows(), options);
  return table_->ReadRows(selection_, std::move(rows), {}, ranks.num_rows(),
                          /*remember_chunks=*/false, options);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LanceScan::ReadKept(
    RowsToRead rows, int64_t num_rows, const ReadOptions& options) const {
  ARROW_ASSIGN_OR_RAISE(const auto inputs, table_->ReadRows(filter_->inputs, rows, {}, num_rows,
                                                            /*remember_chunks=*/false, options));
  ARROW_ASSIGN_OR_RAISE(const auto mask,
                        filter_->rows.Evaluate(inputs->columns(), num_rows, PoolOf(options)));
  const int64_t num_kept = mask->true_count();
  if (num_kept < num_rows) {
    uint32_t next_slot = 0;
    for (auto& each : rows) {
      each.runs = KeepRuns(each.runs, mask->values()->data(), mask->offset(), &next_slot);
    }
    std::erase_if(rows, [](const auto& each) { return each.runs.empty(); });
  }
  ARROW_ASSIGN_OR_RAISE(const auto others,
                        table_->ReadRows(selection_, std::move(rows), {}, num_kept,
                                         /*remember_chunks=*/false, options));
  arrow::compute::ExecContext context(PoolOf(options));
  context.set_use_threads(false);
  arrow::ArrayVector arrays;
  int next_other = 0;
  for (const int input : filter_->input_of) {
    if (input < 0) {
      arrays.push_back(others->column(next_other++));
      continue;
    }
    arrays.push_back(inputs->column(input));
    if (num_kept == num_rows) continue;
    ARROW_ASSIGN_OR_RAISE(auto whole, expression::Takeable(arrays.back(), PoolOf(options)));
    ARROW_ASSIGN_OR_RAISE(
        const auto kept,
        arrow::compute::Filter(whole, mask, arrow::compute::FilterOptions::Defaults(), &context));
    arrays.back() = kept.make_array();
  }
  return arrow::RecordBatch::Make(schema_, num_kept, std::move(arrays));
}

}  // namespace croupier::table
