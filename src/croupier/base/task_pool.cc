#include "croupier/base/task_pool.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "croupier/base/quiet_thread.h"

namespace croupier {

namespace {

// How long a wait lasts before the token is asked again.
constexpr auto kWaitSlice = std::chrono::milliseconds(20);

}  // namespace

struct TaskPool::Pool {
  explicit Pool(const TaskPoolOptions& options) : options(options) {}
  ~Pool() { Close(CancelToken::Never()); }

  bool Start(Task task) {
    const std::lock_guard lock(mutex);
    if (closing.cancelled()) return false;
    queue.push_back(std::move(task));
    JoinFinished();
    if (num_idle < queue.size() && threads.size() < options.max_threads) {
      const auto self = threads.emplace(threads.end());
      *self = StartQuietThread("croupier-task", [this, self] { RunThread(self); });
    }
    work.notify_one();
    return true;
  }

  bool Close(const CancelToken& cancel) {
    std::unique_lock lock(mutex);
    closing.Cancel();
    work.notify_all();
    while (finished.size() < threads.size()) {
      lock.unlock();
      const bool gives_up = cancel.cancelled();
      lock.lock();
      if (gives_up) return false;
      ended.wait_for(lock, kWaitSlice, [this] { return finished.size() == threads.size(); });
    }
    JoinFinished();
    return true;
  }

  // Called with the mutex held: the threads let go of it and end.
  void JoinFinished() {
    for (const auto& thread : finished) {
      thread->join();
      threads.erase(thread);
    }
    finished.clear();
  }

  void RunThread(std::list<std::thread>::iterator self) {
    std::unique_lock lock(mutex);
    while (true) {
      ++num_idle;
      work.wait_for(lock, std::chrono::duration<double>(options.idle_seconds),
                    [this] { return closing.cancelled() || !queue.empty(); });
      --num_idle;
      if (queue.empty()) break;
      Task task = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      task(closing);
      task = nullptr;
      lock.lock();
    }
    // Nothing of the pool is touched once the mutex is let go of: whoever takes it joins.
    finished.push_back(self);
    ended.notify_all();
  }

  const TaskPoolOptions options;
  CancelFlag closing;

  // Guards everything below; never held while a task runs. Lives in a ProcessLocal, so a child
  // never meets it locked by a thread of its parent.
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<Task> queue;
  size_t num_idle = 0;
  std::list<std::thread> threads;
  std::vector<std::list<std::thread>::iterator> finished;  // to be joined
};

TaskPool& TaskPool::default_ = *new TaskPool();

TaskPool& TaskPool::Default() { return default_; }

TaskPool::TaskPool(TaskPoolOptions options)
    : pool_([options] { return std::make_unique<Pool>(options); }) {}

TaskPool::~TaskPool() = default;

bool TaskPool::Start(Task task) { return pool_.Get().Start(std::move(task)); }

bool TaskPool::Close(const CancelToken& cancel) { return pool_.Get().Close(cancel); }

size_t TaskPool::num_threads() const {
  Pool& pool = pool_.Get();
  const std::lock_guard lock(pool.mutex);
  return pool.threads.size() - pool.finished.size();
}

}  // namespace croupier
