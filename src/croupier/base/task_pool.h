#pragma once

#include <cstddef>
#include <functional>

#include "croupier/base/process_local.h"
#include "croupier/cancel.h"

namespace croupier {

struct TaskPoolOptions {
  /// Tasks that run at a time; others wait for their turn.
  size_t max_threads = 32;
  /// Seconds after which an idle thread ends.
  double idle_seconds = 2.0;
};

/// Runs tasks for callers that do not wait for them, on threads of its own.
///
/// Tasks begin in the order in which they came. Threads start on need and end when idle. Any number
/// of threads may call, tasks too. Survives fork(): what was started before is the parent's, and a
/// child has threads of its own.
class TaskPool {
 public:
  /// \param closing says when Close waits for the task: it may end without having done its work
  using Task = std::function<void(const CancelToken& closing)>;

  explicit TaskPool(TaskPoolOptions options = {});
  /// Close, if that was not done.
  ~TaskPool();

  /// The pool of the process. Never destroyed, so that exit waits for no thread; see Close.
  static TaskPool& Default();

  /// Have a task run; it must not throw.
  ///
  /// \return whether it will: not after Close
  bool Start(Task task);

  /// Take no more tasks, tell those that were started to end, and wait for them. Idempotent; not to
  /// be called by a task.
  ///
  /// \return whether they have ended: not if `cancel` says to wait no more
  bool Close(const CancelToken& cancel = CancelToken::Never());

  /// Count the threads of this process.
  size_t num_threads() const;

 private:
  struct Pool;
  static TaskPool& default_;

  mutable ProcessLocal<Pool> pool_;
};

}  // namespace croupier
