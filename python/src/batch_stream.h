#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <arrow/record_batch.h>
#include <nanobind/nanobind.h>

#include "croupier/base/process_local.h"
#include "signal_cancel.h"

namespace croupier::python {

namespace nb = nanobind;

/// A reader of batches and the token that it borrows.
///
/// Read here batch by batch, an interrupt is raised as the exception that it is. Given to another
/// library as an Arrow stream, that library ends with an error of its own, and a KeyboardInterrupt
/// is raised as soon as Python goes on.
///
/// For one thread at a time, which is checked: Invalid, ValueError in Python, while another reads.
class BatchStream : public arrow::RecordBatchReader {
 public:
  /// Make one; `open(cancel token)` returns the reader, without the GIL.
  template <typename Open>
  static std::shared_ptr<BatchStream> Start(Open&& open) {
    const std::shared_ptr<BatchStream> stream(new BatchStream(), Delete);
    stream->reader_ = RunReleased(&stream->cancel_, [&](const CancelToken& cancel) {
      return std::forward<Open>(open)(&cancel);
    });
    return stream;
  }

  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override;

  /// The next batch, null after the last; raises. The GIL is held.
  std::shared_ptr<arrow::RecordBatch> NextOrRaise();

 private:
  BatchStream() = default;
  // Takes the GIL, which the token needs, whoever drops the last reference.
  static void Delete(BatchStream* stream);

  // Says whether this call is the only one that reads, until it is destroyed.
  class Turn;

  SignalCancel cancel_;
  // A child goes on, also where a thread of its parent was reading.
  ProcessLocal<std::atomic<bool>> is_being_read_;
  std::shared_ptr<arrow::RecordBatchReader> reader_;
};

void RegisterBatchStream(nb::module_& module);

}  // namespace croupier::python
