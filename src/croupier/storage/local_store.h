#pragma once

#include <memory>
#include <string>

#include <arrow/result.h>

#include "croupier/storage/object_store.h"

namespace croupier::storage {

/// Files of this machine below `root`, an absolute or relative path that need not exist.
///
/// A relative root is resolved at once, so that a later change of directory moves nothing.
arrow::Result<std::shared_ptr<const ObjectStore>> OpenLocalStore(const std::string& root);

}  // namespace croupier::storage
