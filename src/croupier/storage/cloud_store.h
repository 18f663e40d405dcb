#pragma once

#include <memory>
#include <string_view>

#include <arrow/filesystem/type_fwd.h>
#include <arrow/result.h>

#include "croupier/storage/object_store.h"
#include "croupier/storage/storage_settings.h"
#include "croupier/storage/store_uri.h"

namespace croupier::storage {

/// Tell whether a scheme is that of Amazon S3 (s3), Google Cloud Storage (gs) or Azure Blob Storage
/// (az, abfs, abfss).
bool IsCloudScheme(std::string_view scheme);

/// Make Arrow's file system for the service of a gs, az, abfs or abfss URI; its paths begin with
/// the bucket.
arrow::Result<std::shared_ptr<arrow::fs::FileSystem>> MakeCloudFileSystem(
    const StoreUri& uri, const StorageSettings& settings);

/// Open a store of one of these, S3 by requests of our own, the others by the file systems of
/// Arrow. Nothing is asked of it yet.
///
/// \return Invalid for settings that do not fit together; NotImplemented for s3 where the library
/// for
///         HTTP is missing
arrow::Result<std::shared_ptr<const ObjectStore>> OpenCloudStore(StoreUri uri,
                                                                 StorageSettings settings);

}  // namespace croupier::storage
