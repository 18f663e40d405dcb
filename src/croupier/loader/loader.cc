#include "croupier/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/base/process_local.h"
#include "croupier/base/process_resources.h"
#include "croupier/permutation.h"
#include "croupier/table.h"
#include "croupier/table/batch_plan.h"
#include "croupier/table/read_ahead.h"
#include "croupier/table/referenced_bytes.h"

namespace croupier {

namespace {

// By a clock that only goes on.
int64_t NowMicroseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Batches that lie a step apart, counted on as if there were nothing between them.
struct SteppedBatches {
  int64_t begin = 0;  // position of the first
  int64_t batch_rows = 1;
  int64_t batch_step = 1;

  // Rows of the batches that begin in `num_rows` positions.
  int64_t CountRows(int64_t num_rows) const {
    // No position is so far: a larger step is as good as this.
    const int64_t step_rows =
        batch_step > INT64_MAX / batch_rows ? INT64_MAX : batch_step * batch_rows;
    return num_rows / step_rows * batch_rows + std::min(num_rows % step_rows, batch_rows);
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Read(const Permutation& permutation,
                                                          table::IndexRange rows,
                                                          const std::vector<std::string>& columns,
                                                          const ReadOptions& options) const {
    if (batch_step == 1) {
      return permutation.TakeRange(begin + rows.begin, begin + rows.end, columns, options);
    }
    std::vector<int64_t> positions;
    positions.reserve(static_cast<size_t>(rows.num_rows()));
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      positions.push_back(begin + row / batch_rows * batch_rows * batch_step + row % batch_rows);
    }
    return permutation.Take(positions, columns, options);
  }
};

}  // namespace

struct Loader::Impl {
  Impl(std::shared_ptr<const Permutation> permutation, std::vector<std::string> columns,
       std::shared_ptr<arrow::Schema> schema, table::BatchPlan plan, SteppedBatches stepped,
       table::ReadAheadOptions options)
      : permutation(std::move(permutation)),
        columns(std::move(columns)),
        schema(std::move(schema)),
        plan(plan),
        stepped(stepped),
        options(options),
        read_ahead([this] { return StartReadAhead(); }) {}

  std::unique_ptr<table::ReadAhead> StartReadAhead() {
    auto read = [this](table::IndexRange range, const CancelToken& cancel) {
      ReadOptions read_options;
      read_options.cancel = &cancel;
      const int64_t started = NowMicroseconds();
      auto rows = stepped.Read(*permutation, range, columns, read_options);
      read_microseconds += NowMicroseconds() - started;
      return rows;
    };
    return std::make_unique<table::ReadAhead>(plan, next_batch.load(), std::move(read), options);
  }

  table::ReadAhead& StartedReadAhead() {
    table::ReadAhead& started = read_ahead.Get();
    if (closed) started.Stop();  // a Close that came before there was something to stop
    return started;
  }

  const std::shared_ptr<const Permutation> permutation;
  const std::vector<std::string> columns;
  const std::shared_ptr<arrow::Schema> schema;
  const table::BatchPlan plan;  // of the rows that are delivered
  const SteppedBatches stepped;
  const table::ReadAheadOptions options;

  // Atomics, because they outlive a fork, where a mutex might be inherited locked.
  std::atomic<int64_t> next_batch{0};
  std::atomic<bool> failed{false};
  std::atomic<bool> closed{false};
  std::atomic<int64_t> num_rows{0};
  std::atomic<int64_t> num_bytes{0};
  std::atomic<int64_t> read_microseconds{0};
  std::atomic<int64_t> wait_microseconds{0};
  std::atomic<int64_t> waited_since{0};  // by the clock, for WhenReady; 0: not

  // Last, so that its threads end before what they read from.
  ProcessLocal<table::ReadAhead> read_ahead;
};

arrow::Result<std::unique_ptr<Loader>> Loader::Make(std::shared_ptr<const Permutation> permutation,
                                                    LoaderOptions options) {
  const int64_t num_rows = permutation->num_rows();
  const int64_t end = options.end < 0 ? num_rows : options.end;
  if (options.begin > end || end > num_rows) {
    return arrow::Status::IndexError("positions out of range: [", options.begin, ", ", end, ") of ",
                                     num_rows);
  }
  if (options.batch_step <= 0) {
    return arrow::Status::Invalid("batch_step must be positive: ", options.batch_step);
  }
  // Checks the range and batch_rows too.
  ARROW_ASSIGN_OR_RAISE(auto plan, table::BatchPlan::Make({options.begin, end}, options.batch_rows,
                                                          options.drop_last));
  SteppedBatches stepped;
  if (options.batch_step > 1) {
    stepped = {options.begin, options.batch_rows, options.batch_step};
    ARROW_ASSIGN_OR_RAISE(plan, table::BatchPlan::Make({0, stepped.CountRows(end - options.begin)},
                                                       options.batch_rows, options.drop_last));
  }
  if (options.columns.empty()) options.columns = permutation->base()->schema()->field_names();
  ARROW_ASSIGN_OR_RAISE(auto schema,
                        ProjectSchema(*permutation->base()->schema(), options.columns));
  if (options.num_threads < 0) {
    return arrow::Status::Invalid("num_threads must not be negative: ", options.num_threads);
  }
  if (options.prefetch_bytes < 0) {
    return arrow::Status::Invalid("prefetch_bytes must not be negative: ", options.prefetch_bytes);
  }
  ARROW_ASSIGN_OR_RAISE(const Config config, Config::FromProcess());
  table::ReadAheadOptions read_ahead_options;
  read_ahead_options.num_threads =
      options.num_threads > 0 ? options.num_threads : config.num_threads;
  if (options.batch_step > 1) read_ahead_options.unit = "rows of its batches";
  read_ahead_options.budget_bytes =
      options.prefetch_bytes > 0 ? options.prefetch_bytes : config.prefetch_bytes;
  return std::unique_ptr<Loader>(
      new Loader(std::make_unique<Impl>(std::move(permutation), std::move(options.columns),
                                        std::move(schema), plan, stepped, read_ahead_options)));
}

Loader::Loader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Loader::~Loader() = default;

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Loader::Next(const CancelToken& cancel) {
  if (impl_->closed) return arrow::Status::Invalid("the loader is closed");
  if (impl_->failed) return arrow::Status::Invalid("the loader has failed");
  if (impl_->next_batch >= impl_->plan.num_batches()) return nullptr;
  const int64_t now = NowMicroseconds();
  const int64_t waited_since = impl_->waited_since.exchange(0);
  auto next = impl_->StartedReadAhead().Next(cancel);
  impl_->wait_microseconds += NowMicroseconds() - (waited_since > 0 ? waited_since : now);
  if (!next.ok()) {
    if (!next.status().IsCancelled() && !impl_->closed) impl_->failed = true;
    return next.status();
  }
  const auto& batch = *next;
  if (batch != nullptr) {
    ++impl_->next_batch;
    impl_->num_rows += batch->num_rows();
    impl_->num_bytes += table::ReferencedBytes(*batch);
  }
  return next;
}

bool Loader::WhenReady(const std::shared_ptr<const std::function<void()>>& ready) {
  if (impl_->closed || impl_->failed || impl_->next_batch >= impl_->plan.num_batches()) return true;
  if (impl_->StartedReadAhead().WhenReady(ready)) return true;
  int64_t not_waiting = 0;
  impl_->waited_since.compare_exchange_strong(not_waiting, NowMicroseconds());
  return false;
}

void Loader::Close() {
  impl_->closed = true;
  if (auto* read_ahead = impl_->read_ahead.GetIfBuilt()) read_ahead->Stop();
}

int64_t Loader::num_batches() const { return impl_->plan.num_batches(); }

const std::shared_ptr<arrow::Schema>& Loader::schema() const { return impl_->schema; }

LoaderCounters Loader::counters() const {
  LoaderCounters counters;
  counters.num_batches = impl_->next_batch;
  counters.num_rows = impl_->num_rows;
  counters.num_bytes = impl_->num_bytes;
  counters.read_microseconds = impl_->read_microseconds;
  counters.wait_microseconds = impl_->wait_microseconds;
  return counters;
}

}  // namespace croupier
