#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <arrow/status.h>

#include "croupier/base/process_local.h"
#include "croupier/cancel.h"
#include "croupier/storage/object_store.h"

namespace croupier::storage {

/// One range of an object and the memory that receives it.
struct ReadRequest {
  std::shared_ptr<const Object> object;
  int64_t offset_bytes = 0;
  std::span<uint8_t> destination;
};

struct IoOptions {
  /// Reads that may wait for storage at the same time.
  int num_threads = 16;
  /// The same while some of them are of a store that asks for more (ReadHabits::num_concurrent).
  int max_threads = 64;
  /// Seconds after which an idle thread ends.
  double idle_seconds = 5.0;
};

/// Counts of what was read, since the start of the process or a fork.
struct IoCounters {
  int64_t num_requests = 0;         ///< ranges asked for
  int64_t num_bytes = 0;            ///< bytes delivered
  int64_t num_waited_requests = 0;  ///< requests that had to wait for the storage
};

/// Reads many ranges at once.
///
/// What is in memory is copied in the calling thread; the rest is read by a pool of threads, many
/// at a time; how many depends on the stores (ReadHabits). Threads start on first need and end when
/// idle. Any number of threads may call. Survives fork(): a child starts its own threads.
class IoScheduler {
 public:
  explicit IoScheduler(IoOptions options = {});
  /// \param options asked for in each process, at its first use
  explicit IoScheduler(std::function<IoOptions()> options);
  ~IoScheduler();

  /// The scheduler of the process. Never destroyed, so that exit waits for no thread.
  static IoScheduler& Default();

  /// Read every request; returns when all are done, the first has failed, or `cancel` says stop.
  ///
  /// \param keep_alive owns the memory of every destination: a read that storage holds up goes on
  ///        writing there after a cancelled or failed call has returned
  /// \return IOError of the first request that failed (then what the destinations hold is
  ///         undefined); Cancelled within 0.1 s of the token saying so
  arrow::Status Read(const std::vector<ReadRequest>& requests,
                     std::shared_ptr<const void> keep_alive,
                     const CancelToken& cancel = CancelToken::Never());

  /// Run something else that waits for storage, `count` times, on threads of the pool.
  ///
  /// \param task is given its number, from 0 on, and told by its token when nobody waits for it any
  ///        more; must own what it uses
  /// \param num_concurrent how many the storage asks for at a time (ReadHabits)
  /// \return the first error that a task returned; Cancelled within 0.1 s of `cancel` saying so,
  ///         while tasks go on
  arrow::Status Run(size_t count, std::function<arrow::Status(size_t, const CancelToken&)> task,
                    int num_concurrent, const CancelToken& cancel);

  IoCounters counters() const;

 private:
  struct Pool;
  struct Call;
  static arrow::Status Await(Pool* pool, const std::shared_ptr<Call>& call,
                             const CancelToken& cancel);

  static IoScheduler& default_;

  mutable ProcessLocal<Pool> pool_;
};

}  // namespace croupier::storage
