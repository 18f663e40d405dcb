#include "croupier/storage/store_tally.h"

#include <map>
#include <memory>
#include <mutex>

#include "croupier/base/process_local.h"

namespace croupier {

namespace {

struct Tallies {
  std::mutex mutex;  // guards by_store; lives in a ProcessLocal
  std::map<std::string, std::unique_ptr<storage::StoreTally>> by_store;
};

// Never destroyed: threads of the pool count until the end.
auto& tallies_of_process = *new ProcessLocal<Tallies>();

}  // namespace

std::map<std::string, StoreCounters> ReadStoreCounters() {
  Tallies& tallies = tallies_of_process.Get();
  std::map<std::string, StoreCounters> counters;
  const std::lock_guard lock(tallies.mutex);
  for (const auto& [store, tally] : tallies.by_store) {
    counters[store] = {tally->num_requests, tally->num_bytes, tally->num_retries,
                       tally->num_throttled, tally->num_errors};
  }
  return counters;
}

namespace storage {

StoreTally& TallyOf(const std::string& store) {
  Tallies& tallies = tallies_of_process.Get();
  const std::lock_guard lock(tallies.mutex);
  auto& tally = tallies.by_store[store];
  if (tally == nullptr) tally = std::make_unique<StoreTally>();
  return *tally;
}

}  // namespace storage

}  // namespace croupier
