#pragma once

#include <map>
#include <memory>
#include <string>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/storage/object_store.h"
#include "croupier/storage/store_uri.h"

namespace croupier::storage {

/// Objects by path.
using MemoryObjects = std::map<std::string, std::shared_ptr<arrow::Buffer>>;

/// Hold objects in memory, as `memory://name` for OpenObjectStore from now on.
///
/// A later store of the same name takes its place there. For tests, and for tables that a program
/// has received by other means; held until the process ends. A forked child has what there was at
/// the fork; what either writes afterwards is its own.
std::shared_ptr<const ObjectStore> MakeMemoryStore(const std::string& name, MemoryObjects objects);

/// The same, held only by what this returns and what is opened of it meanwhile: objects end with
/// the last of these.
std::shared_ptr<const ObjectStore> MakeTransientMemoryStore(const std::string& name,
                                                            MemoryObjects objects);

/// Open `memory://name/prefix`. The store of a name that nothing has yet is empty.
arrow::Result<std::shared_ptr<const ObjectStore>> OpenMemoryStore(const StoreUri& uri);

}  // namespace croupier::storage
