#pragma once

#include <memory>

#include <arrow/filesystem/type_fwd.h>

#include "croupier/storage/object_client.h"

namespace croupier::storage {

/// Make a client of a file system of Arrow, whose own retries should be off.
std::shared_ptr<ObjectClient> MakeArrowClient(std::shared_ptr<arrow::fs::FileSystem> file_system);

/// Tell by its message what a failure of Arrow's cloud file systems means.
///
/// They keep no code: "AWS Error ACCESS_DENIED during HeadObject operation", "(HTTP status 503)",
/// "PERMISSION_DENIED". What is not known to be final counts as transient: a retry too many costs
/// time, one too few a training run.
Failure ClassifyCloudFailure(const arrow::Status& status);

}  // namespace croupier::storage
