#include "croupier/storage/aws_credentials.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "croupier/storage/failure.h"

namespace croupier::storage {

namespace {

using Clock = std::chrono::system_clock;
using Keys = std::shared_ptr<const AwsKeys>;

// How long before the end of keys newer ones are asked for; less for keys that live shortly.
constexpr auto kAhead = std::chrono::minutes(5);
// How long a refusal, or a failure while there are keys, holds.
constexpr auto kPause = std::chrono::seconds(5);

class FixedCredentials : public AwsCredentials {
 public:
  explicit FixedCredentials(Keys keys) : keys_(std::move(keys)) {}

  arrow::Result<Keys> Get(const CancelToken& /*cancel*/) override { return keys_; }
  bool Renew(const AwsKeys& /*refused*/) override { return false; }

 private:
  const Keys keys_;
};

class RenewedCredentials : public AwsCredentials {
 public:
  using Fetch = std::function<arrow::Result<AwsKeys>(const CancelToken& cancel)>;

  RenewedCredentials(Fetch fetch, std::function<Clock::time_point()> now)
      : fetch_(std::move(fetch)), now_(std::move(now)) {}

  arrow::Result<Keys> Get(const CancelToken& cancel) override {
    auto current = Current();
    if (current.keys != nullptr) {
      if (now_() < current.renew_at) return current.keys;
      const std::unique_lock fetching(fetch_mutex_, std::try_to_lock);
      if (fetching.owns_lock()) return Fetched(cancel);
      if (!HasExpired(*current.keys)) return current.keys;
    }
    // Whoever waits here for its turn may find what another one has fetched.
    const std::lock_guard fetching(fetch_mutex_);
    return Fetched(cancel);
  }

  bool Renew(const AwsKeys& refused) override {
    const std::lock_guard lock(mutex_);
    const auto& keys = state_.keys;
    if (keys == nullptr || keys->access_key_id != refused.access_key_id) return true;
    // What was refused just after it came will be refused again.
    if (now_() < fetched_at_ + kPause) return false;
    state_ = {};
    return true;
  }

 private:
  struct State {
    Keys keys;
    Clock::time_point renew_at;
    arrow::Status refusal;  // of the last fetch, if it failed for good: holds until renew_at
  };

  bool HasExpired(const AwsKeys& keys) const {
    return keys.expires_at.has_value() && now_() >= *keys.expires_at;
  }

  State Current() {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  // Called with fetch_mutex_.
  arrow::Result<Keys> Fetched(const CancelToken& cancel) {
    const auto before = Current();
    if (now_() < before.renew_at) {
      ARROW_RETURN_NOT_OK(before.refusal);
      return before.keys;
    }
    auto fetched = fetch_(cancel);
    const auto now = now_();
    State after = before;
    after.refusal = arrow::Status::OK();
    if (fetched.ok()) {
      after.keys = std::make_shared<const AwsKeys>(*std::move(fetched));
      after.renew_at = RenewAt(*after.keys, now);
    } else if (before.keys != nullptr && !HasExpired(*before.keys)) {
      after.renew_at = now + kPause;
    } else if (FailureOf(fetched.status()) == Failure::kTransient ||
               fetched.status().IsCancelled()) {
      return fetched.status();
    } else {
      after = {nullptr, now + kPause, fetched.status()};
    }
    const std::lock_guard lock(mutex_);
    if (after.keys != before.keys) fetched_at_ = now;
    state_ = after;
    ARROW_RETURN_NOT_OK(after.refusal);
    return after.keys;
  }

  static Clock::time_point RenewAt(const AwsKeys& keys, Clock::time_point now) {
    if (!keys.expires_at.has_value()) return Clock::time_point::max();
    const auto lifetime = *keys.expires_at - now;
    // A service that is itself behind may give keys again that have expired.
    if (lifetime < Clock::duration::zero()) return now + kPause;
    return *keys.expires_at - std::min<Clock::duration>(kAhead, lifetime / 4);
  }

  const Fetch fetch_;
  const std::function<Clock::time_point()> now_;
  std::mutex fetch_mutex_;  // held while fetching; before mutex_. All belong to one process.
  std::mutex mutex_;        // guards what follows
  State state_;
  Clock::time_point fetched_at_;
};

}  // namespace

std::shared_ptr<AwsCredentials> FixedAwsCredentials(std::shared_ptr<const AwsKeys> keys) {
  return std::make_shared<FixedCredentials>(std::move(keys));
}

std::shared_ptr<AwsCredentials> RenewedAwsCredentials(
    std::function<arrow::Result<AwsKeys>(const CancelToken& cancel)> fetch,
    std::function<Clock::time_point()> now) {
  return std::make_shared<RenewedCredentials>(std::move(fetch), std::move(now));
}

}  // namespace croupier::storage
