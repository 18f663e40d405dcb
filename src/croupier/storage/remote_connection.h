#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/process_local.h"
#include "croupier/cancel.h"
#include "croupier/storage/object_client.h"
#include "croupier/storage/remote_store.h"
#include "croupier/storage/store_tally.h"

namespace croupier::storage {

/// The connection of one process, shared by a remote store and its objects: sends requests by a
/// client, with retries, and counts them. Any number of threads.
class RemoteConnection {
 public:
  explicit RemoteConnection(RemoteStoreOptions options)
      : options_(std::move(options)),
        state_([this] { return std::make_unique<State>(&TallyOf(options_.store)); }) {}

  const RemoteStoreOptions& options() const { return options_; }

  /// Send a request, again where that may help.
  ///
  /// \return the status of the last one, naming `path`; Cancelled as it is
  arrow::Status Send(const std::string& path, const CancelToken& cancel,
                     const std::function<arrow::Status(ObjectClient*)>& request) const;

  /// The same for a request that writes; NotImplemented if the service cannot be written.
  arrow::Status SendWrite(const std::string& path, const CancelToken& cancel,
                          const std::function<arrow::Status(ObjectWrites*)>& request) const;

  /// Whether the client of this process trusts the service to obey conditions.
  bool is_trusted() const;

  void CountBytes(int64_t num_bytes) const {
    state_.Get().tally->num_bytes.fetch_add(num_bytes, std::memory_order_relaxed);
  }

  /// The path that an object of the store has in the service, and the one it has for the user.
  std::string ServicePath(const std::string& path) const { return Join(options_.root, path); }
  std::string LocationOf(const std::string& path) const { return Join(options_.location, path); }

 private:
  struct State {
    explicit State(StoreTally* tally) : tally(tally) {}
    StoreTally* const tally;
    std::mutex mutex;  // guards client while it is made; lives in a ProcessLocal
    std::shared_ptr<ObjectClient> client;
  };

  static std::string Join(const std::string& parent, const std::string& path);
  arrow::Result<ObjectClient*> ClientOf(State* state) const;

  const RemoteStoreOptions options_;
  mutable ProcessLocal<State> state_;
};

}  // namespace croupier::storage
