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
  /// It is done before it fails: the answer is lost.
  bool is_done = false;
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
  /// "read", "list", "put", "put if absent", "delete", "begin", "part", "complete", "abort",
  /// "modified at".
  void SetFaults(std::function<Fault(int number, const std::string& kind)> faults);

  /// Connect to it, for RemoteStoreOptions.
  static std::unique_ptr<ObjectClient> Connect(std::shared_ptr<FaultyService> service);

  /// Whether PutIfAbsent replaces what there is.
  void SetIgnoresConditions(bool ignores) { ignores_conditions_ = ignores; }
  std::map<std::string, std::string> objects() const;
  int num_uploads_begun() const { return num_uploads_; }
  /// Uploads that are neither complete nor aborted.
  size_t num_open_uploads() const;

  int num_requests() const { return num_requests_; }
  int num_connections() const { return num_connections_; }

 private:
  friend class FaultyClient;
  friend class FaultyObject;
  friend class FaultyWrites;
  arrow::Status MeetFault(const std::string& kind, Fault* fault);
  arrow::Result<int64_t> Meet(const std::string& kind);
  arrow::Status Do(const std::string& kind, const std::function<arrow::Status()>& change);

  // Guards what follows; no test forks while it is held.
  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;
  std::map<std::string, std::map<int, std::string>> uploads_;  // parts by number
  int num_uploads_ = 0;
  bool ignores_conditions_ = false;
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
