#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/remote_connection.h"

namespace croupier::storage {

// What RemoteStore does to objects by requests that may be repeated, and whose answers may be lost.

/// Make an object unless there is one, and find out who did where an answer was lost.
///
/// A server that is not known to obey the condition is tried first, with a small object beside
/// `path` that is deleted again.
/// \param store of the connection, which reads what is there
/// \return whether this call made it; NotImplemented, before anything is written at `path`, if the
///         server ignores the condition
arrow::Result<bool> PutRemoteIfAbsent(const RemoteConnection& connection, const ObjectStore& store,
                                      const std::string& path, std::span<const uint8_t> bytes);

/// Begin an object that is sent in parts, some at a time, while more are appended.
///
/// Keeps up to 5 parts in memory: of 8 MiB at first, larger ones in objects of more than 8 GiB. A
/// small object is one request. Nothing is to be seen before Close, and parts are forgotten if that
/// is not called or fails.
/// \param store as above
/// \param cancel asked while Append and Close wait; lives as long as the writer
std::unique_ptr<ObjectWriter> BeginRemoteObject(std::shared_ptr<const RemoteConnection> connection,
                                                std::shared_ptr<const ObjectStore> store,
                                                std::string path, const CancelToken& cancel);

}  // namespace croupier::storage
