#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <nanobind/nanobind.h>

#include "croupier/base/background_work.h"
#include "croupier/cancel.h"
#include "status.h"

namespace croupier::python {

/// Has the calls that a thread makes cancelled when a token says so, while it exists.
class CancelScope {
 public:
  /// \param token must outlive it; it may be asked by the calling thread alone
  explicit CancelScope(const CancelToken* token);
  ~CancelScope();
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  const CancelToken* const previous_;
};

/// Cancels when a Python signal handler raises, which is Ctrl-C during a call that has released the
/// GIL, or when the CancelScope of the calling thread says so.
///
/// Handlers run on the interpreter's main thread alone, so only there does cancelled() take the
/// GIL, at most every 20 ms; other threads see what was found there, and in the thread of the
/// scope. Made and destroyed with the GIL held; cancelled() is asked without it.
class SignalCancel : public CancelToken {
 public:
  SignalCancel();
  ~SignalCancel() override;
  SignalCancel(const SignalCancel&) = delete;
  SignalCancel& operator=(const SignalCancel&) = delete;

  bool cancelled() const override;

  /// Raise what the handler raised, if it did; the token may be used again. The GIL is held.
  void RaiseIfInterrupted();

  /// Have a KeyboardInterrupt, if that is what the handler raised, raised again when Python goes
  /// on: for a call that another library made, and whose error will be that library's.
  void InterruptAgain();

 private:
  const std::thread::id main_thread_;
  mutable std::atomic<bool> cancelled_{false};
  // Written on the main thread only.
  mutable std::chrono::steady_clock::time_point next_poll_;
  mutable PyObject* exception_ = nullptr;
};

/// Runs without the GIL for its lifetime.
///
/// Unlike nanobind's own it survives interpreter exit: there CPython ends a daemon thread that asks
/// for the GIL by unwinding its stack, which C++ frames do not endure. Such a thread sleeps for
/// ever instead, as CPython 3.14 has it. The process waits for it before it takes down what it
/// uses.
class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()), work_(std::in_place) {}
  ~GilReleased();
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* const state_;
  std::optional<BackgroundWork> work_;
};

/// Holds the GIL for its lifetime, within a GilReleased; sleeps at interpreter exit, as that does.
class GilAcquired {
 public:
  GilAcquired();
  ~GilAcquired() { PyGILState_Release(state_); }
  GilAcquired(const GilAcquired&) = delete;
  GilAcquired& operator=(const GilAcquired&) = delete;

 private:
  PyGILState_STATE state_{};
};

/// What a daemon thread does that CPython would unwind at interpreter exit.
[[noreturn]] void SleepForEver();

/// Run `function(cancel token)`, which returns a Result, without the GIL; return its value or
/// raise.
template <typename Function>
auto RunReleased(SignalCancel* cancel, Function&& function) {
  auto result = [&] {
    const GilReleased released;
    return std::forward<Function>(function)(static_cast<const CancelToken&>(*cancel));
  }();
  cancel->RaiseIfInterrupted();
  return ValueOrRaise(std::move(result));
}

template <typename Function>
auto RunReleased(Function&& function) {
  SignalCancel cancel;
  return RunReleased(&cancel, std::forward<Function>(function));
}

}  // namespace croupier::python
