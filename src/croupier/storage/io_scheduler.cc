#include "croupier/storage/io_scheduler.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "croupier/base/process_resources.h"
#include "croupier/base/quiet_thread.h"
#include "croupier/storage/store_tally.h"

namespace croupier::storage {

namespace {

// A large request is served by several threads.
constexpr size_t kMaxPartBytes = 4 << 20;
// How long a wait lasts before the token is asked again.
constexpr auto kWaitSlice = std::chrono::milliseconds(20);
// Threads that storage holds up for calls that were given up do not count against the limit, up to
// so many: they must not hold up other calls.
constexpr size_t kMaxStuck = 256;

// Counts reads by store; neighbours are mostly of one.
class TallyRun {
 public:
  ~TallyRun() { Flush(); }
  void Add(const char* store, int64_t num_bytes) {
    if (store != store_) {
      Flush();
      store_ = store;
    }
    ++num_requests_;
    num_bytes_ += num_bytes;
  }

 private:
  void Flush() {
    if (store_ != nullptr && num_requests_ > 0) {
      StoreTally& tally = TallyOf(store_);
      tally.num_requests.fetch_add(num_requests_, std::memory_order_relaxed);
      tally.num_bytes.fetch_add(num_bytes_, std::memory_order_relaxed);
    }
    num_requests_ = 0;
    num_bytes_ = 0;
  }

  const char* store_ = nullptr;
  int64_t num_requests_ = 0;
  int64_t num_bytes_ = 0;
};

}  // namespace

// What one call has its storage do: reads, or tasks. As a token it tells them that nobody waits
// any more.
struct IoScheduler::Call : public CancelToken {
  size_t num_parts() const { return task != nullptr ? num_tasks : parts.size(); }
  arrow::Status RunPart(size_t part) const {
    if (task != nullptr) return task(part, *this);
    const ReadRequest& request = parts[part];
    return request.object->ReadAt(request.offset_bytes, request.destination, *this);
  }
  bool cancelled() const override { return abandoned.load(std::memory_order_relaxed); }

  std::vector<ReadRequest> parts;
  std::shared_ptr<const void> keep_alive;
  size_t num_tasks = 0;
  std::function<arrow::Status(size_t, const CancelToken&)> task;
  int num_concurrent = 0;  // most that a store of the parts asks for

  // Written with the pool's mutex held: skip what is queued.
  std::atomic<bool> abandoned{false};
  // Guarded by the pool's mutex:
  size_t num_pending = 0;  // queued or being read
  size_t num_running = 0;  // being read
  arrow::Status error;
  std::condition_variable done;
};

struct IoScheduler::Pool {
  explicit Pool(const IoOptions& options) : options(options) {}

  ~Pool() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      work.notify_all();
    }
    for (auto& thread : threads) thread.join();
  }

  void Submit(const std::shared_ptr<Call>& call) {
    const std::lock_guard lock(mutex);
    call->num_pending = call->num_parts();
    for (size_t i = 0; i < call->num_pending; ++i) queue.emplace_back(call, i);
    for (const auto& finished : finished_threads) {
      finished->join();
      threads.erase(finished);
    }
    finished_threads.clear();
    const size_t wanted = std::min(LimitOf(*call), num_busy - num_stuck + queue.size());
    while (threads.size() < std::min(num_stuck, kMaxStuck) + wanted) StartThread();
    work.notify_all();
  }

  size_t LimitOf(const Call& call) const {
    return static_cast<size_t>(
        std::max(options.num_threads, std::min(call.num_concurrent, options.max_threads)));
  }

  // Called with the mutex held. There may be more threads than the limit: those that were started
  // in place of stuck ones stay for a while when these are free again.
  bool MayRunPart() const {
    return !queue.empty() && num_busy - num_stuck < LimitOf(*queue.front().first);
  }

  // Called with the mutex held.
  void StartThread() {
    const auto thread = threads.emplace(threads.end());
    *thread = StartQuietThread("croupier-io", [this, thread] { RunThread(thread); });
  }

  void RunThread(std::list<std::thread>::iterator self) {
    std::unique_lock lock(mutex);
    while (true) {
      const bool has_work = work.wait_for(lock, std::chrono::duration<double>(options.idle_seconds),
                                          [this] { return stopping || MayRunPart(); });
      if (stopping) return;
      if (!has_work) {
        finished_threads.push_back(self);
        return;
      }
      auto [call, part] = std::move(queue.front());
      queue.pop_front();
      arrow::Status status;
      if (!call->abandoned) {
        ++num_busy;
        ++call->num_running;
        if (MayRunPart()) work.notify_one();
        lock.unlock();
        status = call->RunPart(part);
        lock.lock();
        --num_busy;
        --call->num_running;
        if (call->abandoned) --num_stuck;
      }
      if (!status.ok() && call->error.ok()) {
        call->error = std::move(status);
        Abandon(call.get());
      }
      if (--call->num_pending == 0 || !call->error.ok()) call->done.notify_all();
    }
  }

  // Called with the mutex held.
  void Abandon(Call* call) {
    if (call->abandoned) return;
    call->abandoned = true;
    num_stuck += call->num_running;
    work.notify_all();
  }

  const IoOptions options;
  std::atomic<int64_t> num_requests{0};
  std::atomic<int64_t> num_bytes{0};
  std::atomic<int64_t> num_waited_requests{0};

  // Guards everything below and the calls' own state; never held while reading. Lives in a
  // ProcessLocal, so a child never meets it locked by a thread of its parent.
  std::mutex mutex;
  std::condition_variable work;
  std::deque<std::pair<std::shared_ptr<Call>, size_t>> queue;
  size_t num_busy = 0;
  size_t num_stuck = 0;  // of these, with parts of abandoned calls
  bool stopping = false;
  std::list<std::thread> threads;
  std::vector<std::list<std::thread>::iterator> finished_threads;  // to be joined
};

IoScheduler::IoScheduler(IoOptions options) : IoScheduler([options] { return options; }) {}

IoScheduler::IoScheduler(std::function<IoOptions()> options)
    : pool_([options = std::move(options)] { return std::make_unique<Pool>(options()); }) {}

IoScheduler::~IoScheduler() = default;

IoScheduler& IoScheduler::default_ = *new IoScheduler([] {
  IoOptions options;
  const auto config = Config::FromProcess();
  // A variable that cannot be parsed is reported by every loader and by croupier.config.
  if (config.ok()) {
    options.num_threads = config->io_threads.value;
    // Who sets a number means it for every store.
    if (config->io_threads.source != "default") options.max_threads = options.num_threads;
  }
  return options;
});

IoScheduler& IoScheduler::Default() { return default_; }

arrow::Status IoScheduler::Read(const std::vector<ReadRequest>& requests,
                                std::shared_ptr<const void> keep_alive, const CancelToken& cancel) {
  Pool& pool = pool_.Get();
  auto call = std::make_shared<Call>();
  int64_t num_bytes = 0;
  int64_t num_waited = 0;
  TallyRun tally;
  for (const auto& request : requests) {
    ARROW_RETURN_NOT_OK(cancel.Check());
    const auto size_bytes = static_cast<int64_t>(request.destination.size());
    num_bytes += size_bytes;
    const ReadHabits& habits = request.object->habits();
    tally.Add(habits.counted_as, size_bytes);
    const auto at_hand =
        static_cast<size_t>(request.object->ReadCached(request.offset_bytes, request.destination));
    auto rest = request.destination.subspan(at_hand);
    auto offset = request.offset_bytes + static_cast<int64_t>(at_hand);
    if (rest.empty()) continue;
    ++num_waited;
    call->num_concurrent = std::max(call->num_concurrent, habits.num_concurrent);
    while (!rest.empty()) {
      const auto part = rest.first(std::min(rest.size(), kMaxPartBytes));
      call->parts.push_back({request.object, offset, part});
      offset += static_cast<int64_t>(part.size());
      rest = rest.subspan(part.size());
    }
  }
  pool.num_requests.fetch_add(static_cast<int64_t>(requests.size()), std::memory_order_relaxed);
  pool.num_bytes.fetch_add(num_bytes, std::memory_order_relaxed);
  pool.num_waited_requests.fetch_add(num_waited, std::memory_order_relaxed);
  if (call->parts.empty()) return arrow::Status::OK();
  call->keep_alive = std::move(keep_alive);
  return Await(&pool, call, cancel);
}

arrow::Status IoScheduler::Run(size_t count,
                               std::function<arrow::Status(size_t, const CancelToken&)> task,
                               int num_concurrent, const CancelToken& cancel) {
  ARROW_RETURN_NOT_OK(cancel.Check());
  if (count == 0) return arrow::Status::OK();
  auto call = std::make_shared<Call>();
  call->num_tasks = count;
  call->task = std::move(task);
  call->num_concurrent = num_concurrent;
  return Await(&pool_.Get(), call, cancel);
}

arrow::Status IoScheduler::Await(Pool* pool, const std::shared_ptr<Call>& call,
                                 const CancelToken& cancel) {
  pool->Submit(call);
  std::unique_lock lock(pool->mutex);
  while (call->num_pending > 0 && call->error.ok()) {
    lock.unlock();
    const bool cancelled = cancel.cancelled();
    lock.lock();
    if (cancelled) {
      pool->Abandon(call.get());
      return arrow::Status::Cancelled("cancelled");
    }
    call->done.wait_for(lock, kWaitSlice,
                        [&] { return call->num_pending == 0 || !call->error.ok(); });
  }
  return call->error;
}

IoCounters IoScheduler::counters() const {
  const Pool& pool = pool_.Get();
  return {pool.num_requests, pool.num_bytes, pool.num_waited_requests};
}

}  // namespace croupier::storage
