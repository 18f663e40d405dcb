#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include "croupier/base/background_work.h"
#include "croupier/cancel.h"
#include "croupier/table/batch_plan.h"

namespace croupier::table {

/// Reads some rows of the order, in order; of one batch perhaps fewer.
using ReadRows = std::function<arrow::Result<std::shared_ptr<arrow::RecordBatch>>(
    IndexRange, const CancelToken&)>;

struct ReadAheadOptions {
  int num_threads = 1;
  /// Bytes of windows that are being made or wait for the consumer. The window that the consumer
  /// needs next is made in any case.
  int64_t budget_bytes = 0;
  /// What a row weighs, about, before the first window is made; 0: not known.
  double bytes_per_row = 0;
  /// Rows of a window at most; those of a batch in any case. Enough that most chunks of a page
  /// serve several rows of it, few enough that the row numbers and the narrow columns of a window
  /// stay in the processor's cache.
  int64_t max_window_rows = 32768;
  /// What rows of the plan are called in messages.
  const char* unit = "positions";
};

/// The threads of one loader or scan in one process: they read windows of batches ahead of the
/// consumer.
///
/// A window is a run of consecutive batches that one thread reads by one call, so that rows which
/// lie close together in storage are read and decoded together. Windows begin with one batch, for a
/// short time to the first, and double up to a share of the budget.
///
/// Any number of consumers: each batch goes to one of them. Not for use after a fork: belongs into
/// a ProcessLocal.
class ReadAhead {
 public:
  /// Start threads at batch `first_batch` of the plan.
  ReadAhead(BatchPlan plan, int64_t first_batch, ReadRows read, ReadAheadOptions options);
  /// Stops.
  ~ReadAhead();

  /// Wait for the next batch of the plan, in order; null after the last.
  ///
  /// \return Cancelled if `cancel` says so: the batch is then still to come. Any other error ends
  ///         the stream; its message names the batch and its positions.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next(const CancelToken& cancel);

  /// Have a function called once Next need not wait, for a batch, the end or an error.
  ///
  /// \param ready called by a thread of the read-ahead or by Stop, once, if it still exists then;
  ///        short, and no caller of this object
  /// \return whether Next need not wait now; `ready` is not called then
  bool WhenReady(const std::shared_ptr<const std::function<void()>>& ready);

  /// End the threads and drop what was read; Next then says that the loader is closed. Any thread
  /// may call, any number of times.
  void Stop();

 private:
  // A run of batches in the making, or made and not yet delivered in full.
  struct Window {
    int64_t first_batch = 0;
    int64_t num_batches = 0;
    int64_t bytes = 0;  // estimated until made
    bool made = false;
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    size_t num_delivered = 0;
    arrow::Status error;  // after the batches that could be read
  };

  using Listeners = std::vector<std::weak_ptr<const std::function<void()>>>;

  // Stops the threads, also when the process ends without the destructor.
  class StopToken : public CancelFlag {
   public:
    bool cancelled() const override {
      return CancelFlag::cancelled() || BackgroundWork::IsToStop();
    }
  };

  void RunThread();
  bool IsReady() const;
  static void Tell(const Listeners& listeners);
  bool MayStartWindow() const;
  int64_t BatchesOfNextWindow() const;
  void MakeWindow(Window* window);
  arrow::Status AtBatch(int64_t batch, const arrow::Status& status) const;

  const BatchPlan plan_;
  const ReadRows read_;
  const ReadAheadOptions options_;
  const int64_t num_threads_;
  StopToken stop_;

  // Guards everything below; held only to look and to move pointers, never while reading. The
  // object lives in a ProcessLocal, so a child never meets a mutex that a thread of its parent
  // held.
  std::mutex mutex_;
  std::condition_variable consumer_waits_;
  std::condition_variable threads_wait_;
  std::deque<std::unique_ptr<Window>> windows_;  // in plan order
  int64_t next_batch_;                           // the first that is in no window yet
  int64_t bytes_in_windows_ = 0;
  int64_t next_window_batches_ = 1;
  Listeners listeners_;   // to be told when a batch is ready
  double bytes_per_row_;  // of the last window that was made; before it as the options say

  std::mutex join_mutex_;  // guards threads_ once they run; never held together with mutex_
  std::vector<std::thread> threads_;
};

}  // namespace croupier::table
