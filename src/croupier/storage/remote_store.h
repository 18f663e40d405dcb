#pragma once

#include <functional>
#include <memory>
#include <string>

#include <arrow/result.h>

#include "croupier/storage/object_client.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/storage_settings.h"

namespace croupier::storage {

/// What a RemoteStore is of.
struct RemoteStoreOptions {
  std::string location;  ///< the root as the user named it
  std::string store;     ///< the name that counters have, as `s3://bucket`
  std::string root;      ///< the root's path within the service, as `bucket/prefix`
  RetryPolicy retry;
  /// Connect. Called once in each process that uses the store, and anew if it failed: an IOError is
  /// one of the network. Stores may share a client.
  std::function<arrow::Result<std::shared_ptr<ObjectClient>>()> connect;
  /// Tell whether it can be written, as ObjectStore::CheckWritable does; empty if not. Then the
  /// client has writes.
  std::function<arrow::Status()> check_writable;
  /// Remove credentials from the message of a status.
  std::function<std::string(std::string)> redact = [](std::string text) { return text; };
};

/// Objects behind a network: adds to a client retries, counters, cancelling, and the use in forked
/// children.
///
/// Nothing is asked of the service until the first use. Each process has its own client; a child
/// leaks that of its parent.
std::shared_ptr<const ObjectStore> MakeRemoteStore(RemoteStoreOptions options);

}  // namespace croupier::storage
