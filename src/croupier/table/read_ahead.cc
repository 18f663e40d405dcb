#include "croupier/table/read_ahead.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <arrow/array.h>
#include <arrow/status.h>

#include "croupier/base/quiet_thread.h"
#include "croupier/table/referenced_bytes.h"

namespace croupier::table {

namespace {

// Wide rows gain nothing from being read together; small windows keep their memory warm.
constexpr int64_t kMaxWindowBytes = 16 << 20;
// How long a wait lasts before the token is asked again.
constexpr auto kWaitSlice = std::chrono::milliseconds(20);

}  // namespace

ReadAhead::ReadAhead(BatchPlan plan, int64_t first_batch, ReadRows read, ReadAheadOptions options)
    : plan_(plan),
      read_(std::move(read)),
      options_(options),
      num_threads_(std::min<int64_t>(options_.num_threads, plan_.num_batches() - first_batch)),
      next_batch_(first_batch),
      bytes_per_row_(options_.bytes_per_row) {
  for (int64_t i = 0; i < num_threads_; ++i) {
    threads_.push_back(StartQuietThread("croupier-read", [this] { RunThread(); }));
  }
}

ReadAhead::~ReadAhead() { Stop(); }

void ReadAhead::Stop() {
  stop_.Cancel();
  Listeners listeners;
  {
    const std::lock_guard lock(mutex_);
    threads_wait_.notify_all();
    consumer_waits_.notify_all();
    listeners = std::exchange(listeners_, {});
  }
  Tell(listeners);
  {
    const std::lock_guard lock(join_mutex_);
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  const std::lock_guard lock(mutex_);
  windows_.clear();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadAhead::Next(const CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (stop_.cancelled()) return arrow::Status::Invalid("the loader is closed");
    if (!windows_.empty() && windows_.front()->made) {
      Window& window = *windows_.front();
      if (window.num_delivered < window.batches.size()) {
        auto batch = std::move(window.batches[window.num_delivered++]);
        if (window.num_delivered == window.batches.size() && window.error.ok()) {
          bytes_in_windows_ -= window.bytes;
          windows_.pop_front();
          threads_wait_.notify_all();
        }
        // Another consumer, if there is one, may have the next.
        consumer_waits_.notify_one();
        return batch;
      }
      return window.error;
    }
    if (windows_.empty() && next_batch_ >= plan_.num_batches()) return nullptr;
    lock.unlock();
    ARROW_RETURN_NOT_OK(cancel.Check());
    lock.lock();
    if (windows_.empty() || !windows_.front()->made) consumer_waits_.wait_for(lock, kWaitSlice);
  }
}

bool ReadAhead::WhenReady(const std::shared_ptr<const std::function<void()>>& ready) {
  const std::lock_guard lock(mutex_);
  if (IsReady()) return true;
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  listeners_.push_back(ready);
  return false;
}

bool ReadAhead::IsReady() const {
  if (stop_.cancelled()) return true;
  return windows_.empty() ? next_batch_ >= plan_.num_batches() : windows_.front()->made;
}

void ReadAhead::Tell(const Listeners& listeners) {
  for (const auto& listener : listeners) {
    if (const auto ready = listener.lock()) (*ready)();
  }
}

int64_t ReadAhead::BatchesOfNextWindow() const {
  int64_t num_batches = std::min(
      next_window_batches_, std::max<int64_t>(1, options_.max_window_rows / plan_.batch_rows()));
  if (bytes_per_row_ > 0) {
    // Every thread makes one window while another one waits for the consumer.
    const int64_t share = options_.budget_bytes / (2 * std::max<int64_t>(1, num_threads_));
    const double rows = static_cast<double>(std::min(kMaxWindowBytes, share)) / bytes_per_row_;
    num_batches =
        std::min(num_batches, static_cast<int64_t>(rows / static_cast<double>(plan_.batch_rows())));
  }
  return std::clamp<int64_t>(num_batches, 1, plan_.num_batches() - next_batch_);
}

bool ReadAhead::MayStartWindow() const {
  if (next_batch_ >= plan_.num_batches()) return false;
  if (windows_.empty()) return true;
  const auto rows = plan_.Batches(next_batch_, BatchesOfNextWindow()).num_rows();
  // Before the first window is made its rows weigh nothing yet. It is a single batch, which would
  // come later if others opened the same files and took the processor beside it.
  if (bytes_per_row_ == 0) return false;
  return static_cast<double>(bytes_in_windows_) + bytes_per_row_ * static_cast<double>(rows) <=
         static_cast<double>(options_.budget_bytes);
}

void ReadAhead::RunThread() {
  std::unique_lock lock(mutex_);
  while (true) {
    threads_wait_.wait(lock, [this] {
      return stop_.cancelled() || next_batch_ >= plan_.num_batches() || MayStartWindow();
    });
    if (stop_.cancelled() || next_batch_ >= plan_.num_batches()) return;

    auto owned = std::make_unique<Window>();
    Window* window = owned.get();
    window->first_batch = next_batch_;
    window->num_batches = BatchesOfNextWindow();
    const auto range = plan_.Batches(window->first_batch, window->num_batches);
    window->bytes = static_cast<int64_t>(bytes_per_row_ * static_cast<double>(range.num_rows()));
    next_batch_ += window->num_batches;
    next_window_batches_ = std::min<int64_t>(2 * next_window_batches_, options_.max_window_rows);
    bytes_in_windows_ += window->bytes;
    windows_.push_back(std::move(owned));
    lock.unlock();

    int64_t bytes = 0;
    {
      const BackgroundWork work;
      if (stop_.cancelled()) return;
      MakeWindow(window);
      for (const auto& batch : window->batches) bytes += ReferencedBytes(*batch);
    }
    lock.lock();
    bytes_in_windows_ += bytes - window->bytes;
    window->bytes = bytes;
    bytes_per_row_ =
        std::max<double>(1.0, static_cast<double>(bytes) /
                                  static_cast<double>(std::max<int64_t>(1, range.num_rows())));
    window->made = true;
    // What lies behind an error is never delivered.
    if (!window->error.ok()) next_batch_ = plan_.num_batches();
    consumer_waits_.notify_one();
    threads_wait_.notify_all();
    if (!listeners_.empty() && IsReady()) {
      const Listeners listeners = std::exchange(listeners_, {});
      lock.unlock();
      Tell(listeners);
      lock.lock();
    }
  }
}

arrow::Status ReadAhead::AtBatch(int64_t batch, const arrow::Status& status) const {
  const auto range = plan_.Batches(batch, 1);
  return status.WithMessage("batch ", batch, " (", options_.unit, " ", range.begin, " to ",
                            range.end - 1, "): ", status.message());
}

void ReadAhead::MakeWindow(Window* window) {
  const auto range = plan_.Batches(window->first_batch, window->num_batches);
  auto rows = read_(range, stop_);
  if (rows.ok() && window->num_batches == 1) {
    window->batches.push_back(*std::move(rows));
  } else if (rows.ok()) {
    for (int64_t i = 0; i < window->num_batches; ++i) {
      const auto part = plan_.Batches(window->first_batch + i, 1);
      window->batches.push_back((*rows)->Slice(part.begin - range.begin, part.num_rows()));
    }
  } else if (window->num_batches == 1 || rows.status().IsCancelled()) {
    window->error = AtBatch(window->first_batch, rows.status());
  } else {
    // One bad row must not take the good batches before it along: read them one by one.
    for (int64_t i = 0; i < window->num_batches && window->error.ok(); ++i) {
      const auto part = plan_.Batches(window->first_batch + i, 1);
      auto batch = read_(part, stop_);
      if (batch.ok()) {
        window->batches.push_back(*std::move(batch));
      } else {
        window->error = AtBatch(window->first_batch + i, batch.status());
      }
    }
  }
}

}  // namespace croupier::table
