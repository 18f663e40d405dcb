#include "croupier/loader.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrow_objects.h"
#include "async_calls.h"
#include "croupier/permutation.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

// A loader as Python holds it. Fields are touched with the GIL only; a call that waits without it
// holds a reference of its own, so that close() by another thread leaves it a whole loader.
class LoaderHandle {
 public:
  LoaderHandle(const PermutationHandle& permutation, std::vector<std::string> columns,
               int64_t batch_rows, int64_t begin, int64_t end, bool drop_last, int64_t batch_step,
               int num_threads, int64_t prefetch_bytes) {
    LoaderOptions options;
    options.columns = std::move(columns);
    options.batch_rows = batch_rows;
    options.begin = begin;
    options.end = end;
    options.drop_last = drop_last;
    options.batch_step = batch_step;
    options.num_threads = num_threads;
    options.prefetch_bytes = prefetch_bytes;
    loader_ = ValueOrRaise(Loader::Make(permutation.permutation, std::move(options)));
    num_batches_ = loader_->num_batches();
  }

  LoaderHandle(const LoaderHandle&) = delete;
  LoaderHandle& operator=(const LoaderHandle&) = delete;
  ~LoaderHandle() { Close(); }

  nb::object Next() {
    if (loader_ == nullptr) throw nb::value_error("the loader is closed");
    auto batch = RunReleased([loader = loader_](const CancelToken& cancel) mutable {
      auto next = loader->Next(cancel);
      loader.reset();  // perhaps the last reference, which joins threads
      return next;
    });
    if (batch == nullptr) throw nb::stop_iteration();
    return GiveBatch(std::move(batch));
  }

  // Stops and joins the threads, which may wait for the GIL in an allocator or a reader of
  // Python's.
  void Close() {
    if (loader_ == nullptr) return;
    counters_ = loader_->counters();
    std::shared_ptr<Loader> loader = std::move(loader_);
    const GilReleased released;
    loader->Close();
    loader.reset();
  }

  // Null if Next need not wait, else what ends when that is so.
  std::shared_ptr<AsyncCall> WhenReady(std::shared_ptr<Completions> completions) {
    if (loader_ == nullptr) return nullptr;
    auto call = AsyncCall::Await(std::move(completions));
    return loader_->WhenReady(call->listener()) ? nullptr : call;
  }

  int64_t num_batches() const { return num_batches_; }
  LoaderCounters counters() const { return loader_ == nullptr ? counters_ : loader_->counters(); }

 private:
  std::shared_ptr<Loader> loader_;  // null once closed
  int64_t num_batches_ = 0;
  LoaderCounters counters_;
};

nb::dict CountersDict(const LoaderHandle& self) {
  const LoaderCounters counters = self.counters();
  nb::dict dict;
  dict["num_batches"] = counters.num_batches;
  dict["num_rows"] = counters.num_rows;
  dict["num_bytes"] = counters.num_bytes;
  dict["read_microseconds"] = counters.read_microseconds;
  dict["wait_microseconds"] = counters.wait_microseconds;
  return dict;
}

}  // namespace

void RegisterLoader(nb::module_& module) {
  nb::class_<LoaderHandle>(module, "Loader", nb::is_weak_referenceable(),
                           "Batches of a permutation, read ahead by threads.")
      .def(nb::init<const PermutationHandle&, std::vector<std::string>, int64_t, int64_t, int64_t,
                    bool, int64_t, int, int64_t>(),
           nb::arg("rows"), nb::kw_only(), nb::arg("columns"), nb::arg("batch_rows"),
           nb::arg("begin"), nb::arg("end"), nb::arg("drop_last"), nb::arg("batch_step"),
           nb::arg("num_threads"), nb::arg("prefetch_bytes"))
      .def("__iter__", [](const nb::object& self) { return self; })
      .def("__next__", &LoaderHandle::Next)
      .def("when_ready", &LoaderHandle::WhenReady, nb::arg("completions"))
      .def("close", &LoaderHandle::Close)
      .def("counters", &CountersDict)
      .def_prop_ro("num_batches", &LoaderHandle::num_batches);
}

}  // namespace croupier::python
