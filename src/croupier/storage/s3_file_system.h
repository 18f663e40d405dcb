#pragma once

#include <memory>
#include <string>

#include <arrow/filesystem/type_fwd.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/storage/storage_settings.h"

namespace croupier::storage {

/// Make Arrow's file system for S3, without retries of its own.
///
/// It is in a library of its own, libcroupier_s3_<Arrow's SO version>.so, because Arrow's client
/// for S3 (libarrow_s3, 16 MiB) should be loaded by those processes alone that use it. It is looked
/// for beside the code of this library (the Python package, a program), then wherever the loader
/// finds it (a program that is linked with croupier::s3).
/// \param bucket whose region is asked for, if the settings have neither a region nor an endpoint
/// \return NotImplemented, saying why, if the library cannot be loaded
arrow::Result<std::shared_ptr<arrow::fs::FileSystem>> MakeS3FileSystem(const S3Settings& settings,
                                                                       const std::string& bucket);

/// Load that library, which is kept until the process ends.
arrow::Status LoadS3Library();

/// The one function of that library, by its name there.
using MakeS3FileSystemFunction = void(const S3Settings* settings, const std::string* bucket,
                                      arrow::Result<std::shared_ptr<arrow::fs::FileSystem>>* made);
inline constexpr char kMakeS3FileSystemName[] = "croupier_make_s3_file_system";

}  // namespace croupier::storage
