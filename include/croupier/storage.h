#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace croupier {

/// How an object store is reached: option name → value, as LanceDB spells them.
///
/// Names in any case; `docs/guides/object-stores.md` lists them. What is not given comes from the
/// environment (AWS_…, GOOGLE_…, AZURE_…). Holds credentials: never shown, logged or pickled.
using StorageOptions = std::map<std::string, std::string>;

/// What was asked of one store since the start of the process or a fork.
struct StoreCounters {
  int64_t num_requests = 0;   ///< requests sent, retries included; reads of a local file
  int64_t num_bytes = 0;      ///< bytes of objects delivered
  int64_t num_retries = 0;    ///< requests sent again after one that failed
  int64_t num_throttled = 0;  ///< requests that the store refused for being too many
  int64_t num_errors = 0;     ///< operations that failed for good; missing objects are none
};

/// Read the counters of every store that was used, by its name: `s3://bucket`, `file://`.
///
/// Any thread may call. A forked child counts from zero.
std::map<std::string, StoreCounters> ReadStoreCounters();

/// Give options without those that hold credentials, for what is stored or passed on.
StorageOptions WithoutCredentials(const StorageOptions& options);

}  // namespace croupier
