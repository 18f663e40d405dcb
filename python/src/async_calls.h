#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <nanobind/nanobind.h>

#include "croupier/base/background_work.h"
#include "croupier/base/process_local.h"
#include "croupier/cancel.h"
#include "status.h"

namespace croupier::python {

namespace nb = nanobind;

/// Where the calls of one event loop arrive when they have ended: their numbers, and a file
/// descriptor by which the loop is woken.
///
/// Any thread may push, without the GIL. After a fork the child has a file descriptor of its own;
/// nothing of the parent's arrives there.
class Completions : public std::enable_shared_from_this<Completions> {
 public:
  Completions();
  ~Completions();

  /// The file descriptor, readable while numbers are there; IOError if the process has no more.
  arrow::Result<int> FileDescriptor();
  void Push(uint64_t number);
  /// Take the numbers that are there, in the order in which they came.
  std::vector<uint64_t> Drain();

  /// What differs after a fork, to compare.
  const void* incarnation() const { return here_.GetIfBuilt(); }

 private:
  struct Here;
  ProcessLocal<Here> here_;
};

/// A call that is under way beside an event loop, on a thread of TaskPool::Default().
///
/// Its number arrives at the completions when it has ended, cancelled or not.
class AsyncCall : public CancelToken, public std::enable_shared_from_this<AsyncCall> {
 public:
  /// Makes what Python is given, or raises. Made without the GIL, and called with it.
  using Outcome = std::function<nb::object()>;

  explicit AsyncCall(std::shared_ptr<Completions> completions);

  /// Start `work(cancel token)`, which returns a Result, without the GIL; Python is given what
  /// `convert` makes of its value, with it. Both own what they use, and hold no Python objects.
  template <typename Work, typename Convert>
  static std::shared_ptr<AsyncCall> Start(std::shared_ptr<Completions> completions, Work work,
                                          Convert convert) {
    return StartWork(std::move(completions),
                     [work = std::move(work),
                      convert = std::move(convert)](const CancelToken& cancel) -> Outcome {
                       const BackgroundWork background;
                       return [result = work(cancel), convert]() -> nb::object {
                         return convert(ValueOrRaise(result));
                       };
                     });
  }

  /// Start a Python function without arguments, which does not raise: on a thread of ours, with the
  /// GIL. What it calls here ends early if the call is cancelled.
  static std::shared_ptr<AsyncCall> StartPython(std::shared_ptr<Completions> completions,
                                                nb::object function);

  /// Make one that no task runs: it ends when its listener is called, by any thread. Python is
  /// given None.
  static std::shared_ptr<AsyncCall> Await(std::shared_ptr<Completions> completions);
  const std::shared_ptr<const std::function<void()>>& listener() const { return listener_; }

  /// Ask it to end early.
  ///
  /// \return whether its end is still to arrive; it is not if the call is that of a parent process
  bool Cancel();
  /// What it gave, once. The GIL is held.
  nb::object Result();

  uint64_t number() const { return number_; }
  bool cancelled() const override;

 private:
  static std::shared_ptr<AsyncCall> StartWork(std::shared_ptr<Completions> completions,
                                              std::function<Outcome(const CancelToken&)> work);
  void Finish(Outcome outcome);

  const std::shared_ptr<Completions> completions_;
  const void* const incarnation_;
  const uint64_t number_;
  std::atomic<bool> asked_to_end_{false};
  std::atomic<const CancelToken*> closing_{nullptr};  // of the pool, once the task runs
  std::atomic<bool> ended_{false};
  Outcome outcome_;  // written before ended_
  std::shared_ptr<const std::function<void()>> listener_;
};

void RegisterAsyncCalls(nb::module_& module);

}  // namespace croupier::python
