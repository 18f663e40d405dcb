#pragma once

#include <memory>
#include <span>
#include <string>

#include <arrow/result.h>

#include "croupier/storage/object_store.h"

namespace croupier::storage {

// What LocalStore does to files. Paths are those of the file system, `path` below `root`; every
// error has the errno detail and names the path. Directories come and go with the files in them.

/// Begin a file that does not exist, with the directories above it.
///
/// Close syncs the file and the directories in which there is a new name. The kernel is asked to
/// write what is there while more comes, so that this last wait is short.
arrow::Result<std::unique_ptr<ObjectWriter>> CreateLocalFile(const std::string& root,
                                                             const std::string& path);

/// Write a file under a temporary name beside `path`, then link it there.
///
/// Temporary names begin with ".tmp_": no reader of Lance takes one for a manifest.
/// \return false if there is a file at `path`
arrow::Result<bool> PutLocalFileIfAbsent(const std::string& root, const std::string& path,
                                         std::span<const uint8_t> bytes);

/// Write a file under a temporary name beside `path`, then rename it to `path`.
arrow::Status ReplaceLocalFile(const std::string& root, const std::string& path,
                               std::span<const uint8_t> bytes);

/// Delete a file, and the directories above it that are empty then, `root` included.
arrow::Status DeleteLocalFile(const std::string& root, const std::string& path);

}  // namespace croupier::storage
