#include "async_calls.h"

#include <cerrno>
#include <stdexcept>

#include <arrow/util/io_util.h>
#include <cxxabi.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "croupier/base/task_pool.h"
#include "signal_cancel.h"

namespace croupier::python {

struct Completions::Here {
  Here() : file_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), error_number(errno) {}
  Here(const Here&) = delete;
  Here& operator=(const Here&) = delete;
  ~Here() {
    if (file_descriptor >= 0) close(file_descriptor);
  }

  const int file_descriptor;
  const int error_number;
  // Guards numbers. Lives in a ProcessLocal, so a child never meets it locked by a thread of its
  // parent.
  std::mutex mutex;
  std::vector<uint64_t> numbers;
};

Completions::Completions() = default;

Completions::~Completions() = default;

arrow::Result<int> Completions::FileDescriptor() {
  const Here& here = here_.Get();
  if (here.file_descriptor < 0) {
    return arrow::internal::IOErrorFromErrno(here.error_number, "cannot make an eventfd");
  }
  return here.file_descriptor;
}

void Completions::Push(uint64_t number) {
  Here& here = here_.Get();
  const std::lock_guard lock(here.mutex);
  here.numbers.push_back(number);
  if (here.numbers.size() > 1) return;  // the loop has been woken
  const uint64_t one = 1;
  // It cannot fail: the count is 0 or 1.
  static_cast<void>(!write(here.file_descriptor, &one, sizeof(one)));
}

std::vector<uint64_t> Completions::Drain() {
  Here& here = here_.Get();
  const std::lock_guard lock(here.mutex);
  uint64_t count = 0;
  static_cast<void>(!read(here.file_descriptor, &count, sizeof(count)));
  return std::exchange(here.numbers, {});
}

namespace {

std::atomic<uint64_t> next_number{0};

// A reference that threads without the GIL may drop.
std::shared_ptr<nb::object> Share(nb::object object) {
  return {new nb::object(std::move(object)), [](nb::object* held) {
            // What outlives the interpreter cannot be taken apart any more.
            if (nb::is_alive() == 0) return;
            const nb::gil_scoped_acquire acquired;
            delete held;
          }};
}

// Calls a Python function that does not raise. The GIL is held.
void CallPython(const nb::object& function) {
  try {
    function();
  } catch (nb::python_error& error) {
    error.discard_as_unraisable(function);
  } catch (const abi::__forced_unwind&) {
    // The interpreter has ended without waiting for the function: see GilReleased.
    while (true) pause();
  }
}

// Calls it by and by on a thread of ours; now, if none are started any more. The GIL is held.
void DoLater(nb::object function) {
  const auto shared = Share(std::move(function));
  const bool started = TaskPool::Default().Start([called = shared](const CancelToken&) mutable {
    const nb::gil_scoped_acquire acquired;
    CallPython(*called);
    called.reset();
  });
  if (!started) CallPython(*shared);
}

nb::object GiveNone() { return nb::none(); }

}  // namespace

AsyncCall::AsyncCall(std::shared_ptr<Completions> completions)
    : completions_(std::move(completions)),
      incarnation_(completions_->incarnation()),
      number_(next_number.fetch_add(1, std::memory_order_relaxed)) {}

std::shared_ptr<AsyncCall> AsyncCall::StartWork(std::shared_ptr<Completions> completions,
                                                std::function<Outcome(const CancelToken&)> work) {
  auto call = std::make_shared<AsyncCall>(std::move(completions));
  const bool started =
      TaskPool::Default().Start([call, work = std::move(work)](const CancelToken& closing) mutable {
        call->closing_ = &closing;
        auto outcome = work(*call);
        work = nullptr;  // before anybody learns that it has ended
        call->Finish(std::move(outcome));
      });
  if (!started) throw std::runtime_error("no calls are started while the interpreter ends");
  return call;
}

std::shared_ptr<AsyncCall> AsyncCall::StartPython(std::shared_ptr<Completions> completions,
                                                  nb::object function) {
  return StartWork(
      std::move(completions),
      [function = Share(std::move(function))](const CancelToken& cancel) mutable -> Outcome {
        const nb::gil_scoped_acquire acquired;
        const CancelScope scope(&cancel);
        if (!cancel.cancelled()) CallPython(*function);
        function.reset();
        return GiveNone;
      });
}

std::shared_ptr<AsyncCall> AsyncCall::Await(std::shared_ptr<Completions> completions) {
  auto call = std::make_shared<AsyncCall>(std::move(completions));
  call->listener_ = std::make_shared<const std::function<void()>>([weak = std::weak_ptr(call)] {
    if (const auto waiting = weak.lock()) waiting->Finish(GiveNone);
  });
  return call;
}

void AsyncCall::Finish(Outcome outcome) {
  outcome_ = std::move(outcome);
  ended_.store(true, std::memory_order_release);
  completions_->Push(number_);
}

bool AsyncCall::Cancel() {
  asked_to_end_.store(true, std::memory_order_relaxed);
  return !ended_.load(std::memory_order_acquire) && completions_->incarnation() == incarnation_;
}

nb::object AsyncCall::Result() {
  if (!ended_.load(std::memory_order_acquire)) throw nb::value_error("the call has not ended");
  const Outcome outcome = std::exchange(outcome_, nullptr);
  if (outcome == nullptr) throw nb::value_error("the result was taken");
  return outcome();
}

bool AsyncCall::cancelled() const {
  if (asked_to_end_.load(std::memory_order_relaxed)) return true;
  const CancelToken* const closing = closing_.load(std::memory_order_relaxed);
  return closing != nullptr && closing->cancelled();
}

void RegisterAsyncCalls(nb::module_& module) {
  nb::class_<Completions>(module, "Completions", "Where the calls of one event loop arrive.")
      .def_static("make", [] { return std::make_shared<Completions>(); })
      .def("fileno", [](Completions& self) { return ValueOrRaise(self.FileDescriptor()); })
      .def("drain", &Completions::Drain);
  nb::class_<AsyncCall>(module, "AsyncCall", "A call that is under way beside an event loop.")
      .def_prop_ro("number", &AsyncCall::number)
      .def("cancel", &AsyncCall::Cancel)
      .def("result", &AsyncCall::Result);
  module.def("do_later", &DoLater, nb::arg("function"),
             "Call a function that does not raise on a thread of ours; nobody waits for it.");
  module.def("start_python", &AsyncCall::StartPython, nb::arg("completions"), nb::arg("function"));
  module.def(
      "end_calls",
      [] {
        RunReleased([](const CancelToken& cancel) -> arrow::Result<bool> {
          return TaskPool::Default().Close(cancel);
        });
      },
      "Have all calls end, and wait for them: none should outlive the interpreter.");
}

}  // namespace croupier::python
