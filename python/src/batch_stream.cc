#include "batch_stream.h"

#include <arrow/status.h>
#include <nanobind/stl/shared_ptr.h>

#include "arrow_objects.h"
#include "status.h"

namespace croupier::python {

class BatchStream::Turn {
 public:
  explicit Turn(std::atomic<bool>* is_being_read)
      : is_being_read_(is_being_read), is_mine_(!is_being_read->exchange(true)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (is_mine_) is_being_read_->store(false);
  }

  arrow::Status Check() const {
    if (is_mine_) return arrow::Status::OK();
    return arrow::Status::Invalid(
        "another thread is reading this stream of batches; a stream is for one thread at a time, "
        "and a croupier.Loader for several");
  }

 private:
  std::atomic<bool>* const is_being_read_;
  const bool is_mine_;
};

arrow::Status BatchStream::ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) {
  const Turn turn(&is_being_read_.Get());
  ARROW_RETURN_NOT_OK(turn.Check());
  const BackgroundWork work;
  const arrow::Status status = reader_->ReadNext(batch);
  if (status.IsCancelled()) cancel_.InterruptAgain();
  return status;
}

std::shared_ptr<arrow::RecordBatch> BatchStream::NextOrRaise() {
  const Turn turn(&is_being_read_.Get());
  OkOrRaise(turn.Check());
  return RunReleased(&cancel_, [&](const CancelToken&) { return reader_->Next(); });
}

void BatchStream::Delete(BatchStream* stream) {
  // A stream that outlives the interpreter cannot be taken apart any more.
  if (nb::is_alive() == 0) return;
  const GilAcquired acquired;
  {
    // A scan waits for its threads to end.
    const GilReleased released;
    stream->reader_.reset();
  }
  delete stream;
}

void RegisterBatchStream(nb::module_& module) {
  nb::class_<BatchStream>(module, "BatchStream", "Batches, read once.")
      .def("__iter__", [](const nb::object& self) { return self; })
      .def("__next__",
           [](BatchStream& self) {
             auto batch = self.NextOrRaise();
             if (batch == nullptr) throw nb::stop_iteration();
             return GiveBatch(std::move(batch));
           })
      .def(
          "__arrow_c_stream__",
          [](std::shared_ptr<BatchStream> self, const nb::object& /*requested_schema*/) {
            return StreamCapsule(std::move(self));
          },
          nb::arg("requested_schema") = nb::none());
}

}  // namespace croupier::python
