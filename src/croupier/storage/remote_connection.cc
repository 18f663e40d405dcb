#include "croupier/storage/remote_connection.h"

#include "croupier/storage/retry.h"

namespace croupier::storage {

arrow::Status RemoteConnection::Send(
    const std::string& path, const CancelToken& cancel,
    const std::function<arrow::Status(ObjectClient*)>& request) const {
  State& state = state_.Get();
  ObjectClient* client = nullptr;
  auto status = SendWithRetries(
      options_.retry, cancel, state.tally,
      [&](const arrow::Status& failed) {
        if (client != nullptr) return client->Classify(failed);
        return failed.IsIOError() ? Failure::kTransient : Failure::kFinal;
      },
      [&] {
        ARROW_ASSIGN_OR_RAISE(client, ClientOf(&state));
        return request(client);
      });
  if (status.ok() || status.IsCancelled()) return status;
  return status.WithMessage(LocationOf(path), ": ", options_.redact(status.message()));
}

arrow::Status RemoteConnection::SendWrite(
    const std::string& path, const CancelToken& cancel,
    const std::function<arrow::Status(ObjectWrites*)>& request) const {
  return Send(path, cancel, [&](ObjectClient* client) {
    ObjectWrites* const writes = client->writes();
    if (writes == nullptr) return arrow::Status::NotImplemented("cannot be written");
    return request(writes);
  });
}

bool RemoteConnection::is_trusted() const {
  State& state = state_.Get();
  const std::lock_guard lock(state.mutex);
  ObjectWrites* const writes = state.client == nullptr ? nullptr : state.client->writes();
  return writes != nullptr && writes->is_trusted();
}

std::string RemoteConnection::Join(const std::string& parent, const std::string& path) {
  return path.empty() ? parent : parent + (parent.ends_with('/') ? "" : "/") + path;
}

arrow::Result<ObjectClient*> RemoteConnection::ClientOf(State* state) const {
  const std::lock_guard lock(state->mutex);
  if (state->client == nullptr) {
    ARROW_ASSIGN_OR_RAISE(state->client, options_.connect());
  }
  return state->client.get();
}

}  // namespace croupier::storage
