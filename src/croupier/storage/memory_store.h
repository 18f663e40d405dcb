#pragma once

#include <map>
#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include "croupier/storage/object_store.h"

namespace croupier::storage {

/// Objects in memory, by path.
std::shared_ptr<const ObjectStore> MakeMemoryStore(
    std::map<std::string, std::shared_ptr<arrow::Buffer>> objects);

}  // namespace croupier::storage
