#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/cancel.h"

namespace croupier {

class Permutation;

struct LoaderOptions {
  /// Rows of every batch but the last.
  int64_t batch_rows = 100;
  /// Columns of the batches, in order; empty is every column of the base table.
  std::vector<std::string> columns = {};
  /// Positions [begin, end) of the permutation; end -1 is its number of rows.
  int64_t begin = 0;
  int64_t end = -1;
  /// Leave out a short last batch.
  bool drop_last = false;
  /// Of every so many batches deliver the first alone, for processes that take turns: each begins
  /// at its own batch.
  int64_t batch_step = 1;
  /// Threads that read and decode; 0 takes ProcessResources' default.
  int num_threads = 0;
  /// Bytes of batches that may wait or be in the making; 0 takes the default. At least one batch is
  /// always made, however large.
  int64_t prefetch_bytes = 0;
};

/// Counts of one loader, since it was made.
struct LoaderCounters {
  int64_t num_batches = 0;        ///< delivered
  int64_t num_rows = 0;           ///< delivered
  int64_t num_bytes = 0;          ///< Arrow bytes delivered
  int64_t read_microseconds = 0;  ///< thread time in reading and decoding
  int64_t wait_microseconds = 0;  ///< time that the consumer waited for a batch
};

/// A stream of batches of a permutation, read ahead by threads, delivered in order, each row once.
///
/// Threads start with the first Next and end with the last batch, Close, or destruction. Any number
/// of threads may call Next, and each batch goes to one of them; Close may come from any thread.
/// Survives fork(): a child goes on from the batch that the parent would have had next, with
/// threads of its own.
class Loader {
 public:
  /// Make a loader; no thread starts yet.
  ///
  /// \return Invalid for options out of range; KeyError for an unknown column
  static arrow::Result<std::unique_ptr<Loader>> Make(std::shared_ptr<const Permutation> permutation,
                                                     LoaderOptions options = {});
  ~Loader();

  /// Wait for the next batch; null after the last.
  ///
  /// \param cancel asked while waiting; Cancelled leaves the loader usable
  /// \return the first error of a read, with its place, once; later calls return Invalid
  ///         "the loader has failed". Invalid after Close.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next(
      const CancelToken& cancel = CancelToken::Never());

  /// Have a function called once Next need not wait, for a batch, the end or an error: for event
  /// loops. Starts the threads.
  ///
  /// \param ready called by a thread of the loader or by Close, once, if it still exists then; it
  ///        must be short, and not call the loader
  /// \return whether Next need not wait now; `ready` is not called then
  bool WhenReady(const std::shared_ptr<const std::function<void()>>& ready);

  /// Stop all threads and drop what was read ahead. Idempotent.
  void Close();

  int64_t num_batches() const;
  const std::shared_ptr<arrow::Schema>& schema() const;
  LoaderCounters counters() const;

 private:
  struct Impl;
  explicit Loader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace croupier
