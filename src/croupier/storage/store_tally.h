#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "croupier/storage.h"

namespace croupier::storage {

/// The counters of one store, which any thread adds to.
struct StoreTally {
  std::atomic<int64_t> num_requests{0};
  std::atomic<int64_t> num_bytes{0};
  std::atomic<int64_t> num_retries{0};
  std::atomic<int64_t> num_throttled{0};
  std::atomic<int64_t> num_errors{0};
};

/// Find the tally of a store in this process by its name; it lives as long as the process.
///
/// The parent's is not valid in a forked child: ask again there.
StoreTally& TallyOf(const std::string& store);

}  // namespace croupier::storage
