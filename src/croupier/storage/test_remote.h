#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "croupier/storage/object_client.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/remote_store.h"

namespace croupier::storage::test {

/// What a request finds, decided for each one: the faults of a network.
struct Fault {
  /// Not OK: the request fails with it.
  arrow::Status status;
  /// Bytes that come at most.
  int64_t max_bytes = INT64_MAX;
  /// The request gets no answer while this is true. Shared: it may outlive the call that made it.
  std::shared_ptr<std::atomic<bool>> hang;
};

/// A service in memory that is slow, refuses, breaks off, or gives less than was asked for.
///
/// Shared by the clients of it, also by those of forked children (each with its own copy).
class FaultyService {
 public:
  explicit FaultyService(std::map<std::string, std::string> objects)
      : objects_(std::move(objects)) {}

  /// Decide about the requests to come: by their number, from 0, and what they are: "open",
  /// "read", "list".
  void SetFaults(std::function<Fault(int number, const std::string& kind)> faults);

  /// Connect to it, for RemoteStoreOptions.
  static std::unique_ptr<ObjectClient> Connect(std::shared_ptr<FaultyService> service);

  int num_requests() const { return num_requests_; }
  int num_connections() const { return num_connections_; }

 private:
  friend class FaultyClient;
  friend class FaultyObject;
  arrow::Result<int64_t> Meet(const std::string& kind);

  const std::map<std::string, std::string> objects_;
  std::mutex mutex_;  // guards faults_; no test forks while it is held
  std::function<Fault(int, const std::string&)> faults_;
  std::atomic<int> num_requests_{0};
  std::atomic<int> num_connections_{0};
};

/// A failure that FaultyService's clients classify as `failure`.
arrow::Status Fails(Failure failure);

/// A store of the service; its objects are below "bucket/".
std::shared_ptr<const ObjectStore> StoreOf(const std::shared_ptr<FaultyService>& service,
                                           RetryPolicy retry = {.max_retries = 4,
                                                                .total_seconds = 30,
                                                                .first_delay_seconds = 0.001,
                                                                .max_delay_seconds = 0.004},
                                           const std::string& name = "test://bucket");

/// An empty folder of a real server, which tests/stores/with_servers.py has started.
struct TestStore {
  std::shared_ptr<const ObjectStore> store;  ///< null where there is no server
  std::string uri;
  StorageOptions options;
};

/// Open a new folder of the server that an environment variable tells of: URI, then name=value ….
TestStore OpenTestStore(const char* variable);

}  // namespace croupier::storage::test
