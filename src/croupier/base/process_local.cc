#include "croupier/base/process_local.h"

#include <pthread.h>

namespace croupier {

namespace {

std::atomic<uint64_t> fork_epoch{0};

// Registered when the library is loaded, so that no fork is missed.
const bool registered = [] {
  pthread_atfork(nullptr, nullptr, [] { fork_epoch.fetch_add(1, std::memory_order_relaxed); });
  return true;
}();

}  // namespace

uint64_t ForkEpoch() {
  static_cast<void>(registered);
  return fork_epoch.load(std::memory_order_relaxed);
}

}  // namespace croupier
