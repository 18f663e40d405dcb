#include "croupier/storage/retry.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include "croupier/base/hash.h"
#include "croupier/storage/object_store.h"

namespace croupier::storage {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// How long a pause lasts before the token is asked again.
constexpr auto kWaitSlice = std::chrono::milliseconds(20);

// A number in [0, 1) that other threads and processes do not draw at the same time.
double Draw() {
  static thread_local SplitMix64 random(
      static_cast<uint64_t>(Clock::now().time_since_epoch().count()) ^
      std::hash<std::thread::id>{}(std::this_thread::get_id()));
  return static_cast<double>(random.Next() >> 11) * 0x1p-53;
}

arrow::Status Pause(Clock::time_point until, const CancelToken& cancel) {
  while (true) {
    ARROW_RETURN_NOT_OK(cancel.Check());
    const auto now = Clock::now();
    if (now >= until) return arrow::Status::OK();
    std::this_thread::sleep_for(std::min<Clock::duration>(until - now, kWaitSlice));
  }
}

}  // namespace

arrow::Status SendWithRetries(const RetryPolicy& policy, const CancelToken& cancel,
                              StoreTally* tally,
                              const std::function<Failure(const arrow::Status&)>& classify,
                              const std::function<arrow::Status()>& send) {
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(policy.total_seconds));
  double limit_seconds = policy.first_delay_seconds;
  for (int attempt = 1;; ++attempt) {
    ARROW_RETURN_NOT_OK(cancel.Check());
    tally->num_requests.fetch_add(1, std::memory_order_relaxed);
    const arrow::Status status = send();
    if (status.ok()) return status;
    if (IsNotFound(status)) return status;
    const Failure failure = classify(status);
    const bool throttled = failure == Failure::kThrottled;
    if (throttled) tally->num_throttled.fetch_add(1, std::memory_order_relaxed);
    const double delay_seconds = limit_seconds * (throttled ? (1 + Draw()) / 2 : Draw());
    const auto next =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(delay_seconds));
    if (failure == Failure::kFinal || attempt > policy.max_retries || next > deadline) {
      tally->num_errors.fetch_add(1, std::memory_order_relaxed);
      if (attempt == 1) return status;
      return status.WithMessage(status.message(), " (", attempt, " attempts)");
    }
    ARROW_RETURN_NOT_OK(Pause(next, cancel));
    tally->num_retries.fetch_add(1, std::memory_order_relaxed);
    limit_seconds = std::min(limit_seconds * 2, policy.max_delay_seconds);
  }
}

}  // namespace croupier::storage
