#include "signal_cancel.h"

#include <cxxabi.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace croupier::python {

namespace {

constexpr std::chrono::milliseconds kPollInterval(20);

thread_local const CancelToken* scope_token = nullptr;

// The calling thread if it is the process's first, in which Python handles signals, else no thread.
// Asking Python would run its code, in the middle of which a daemon thread may end.
std::thread::id ThisThreadIfMain() {
  const bool is_main = syscall(SYS_gettid) == getpid();
  return is_main ? std::this_thread::get_id() : std::thread::id();
}

}  // namespace

CancelScope::CancelScope(const CancelToken* token) : previous_(std::exchange(scope_token, token)) {}

CancelScope::~CancelScope() { scope_token = previous_; }

void SleepForEver() {
  while (true) pause();
}

GilReleased::~GilReleased() {
  work_.reset();
  try {
    PyEval_RestoreThread(state_);
  } catch (const abi::__forced_unwind&) {
    SleepForEver();
  }
}

GilAcquired::GilAcquired() {
  try {
    state_ = PyGILState_Ensure();
  } catch (const abi::__forced_unwind&) {
    SleepForEver();
  }
}

SignalCancel::SignalCancel()
    : main_thread_(ThisThreadIfMain()),
      next_poll_(std::chrono::steady_clock::now() + kPollInterval) {}

SignalCancel::~SignalCancel() { Py_XDECREF(exception_); }

bool SignalCancel::cancelled() const {
  if (cancelled_.load(std::memory_order_relaxed) || BackgroundWork::IsToStop()) return true;
  if (scope_token != nullptr && scope_token->cancelled()) {
    cancelled_.store(true, std::memory_order_relaxed);
    return true;
  }
  if (std::this_thread::get_id() != main_thread_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_poll_) return false;
  next_poll_ = now + kPollInterval;
  const GilAcquired acquired;
  if (PyErr_CheckSignals() == 0) return false;
  // Kept as the value alone: it carries its own traceback.
  PyObject* type = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &exception_, &traceback);
  PyErr_NormalizeException(&type, &exception_, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  cancelled_.store(true, std::memory_order_relaxed);
  return true;
}

void SignalCancel::RaiseIfInterrupted() {
  cancelled_.store(false, std::memory_order_relaxed);
  if (exception_ == nullptr) return;
  const nb::object exception = nb::steal(std::exchange(exception_, nullptr));
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

void SignalCancel::InterruptAgain() {
  const GilAcquired acquired;
  if (exception_ == nullptr) return;
  const bool is_interrupt = PyErr_GivenExceptionMatches(exception_, PyExc_KeyboardInterrupt) != 0;
  Py_CLEAR(exception_);
  cancelled_.store(false, std::memory_order_relaxed);
  if (is_interrupt) PyErr_SetInterrupt();
}

}  // namespace croupier::python
