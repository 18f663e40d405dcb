#pragma once

#include <functional>
#include <memory>
#include <string>

#include <arrow/filesystem/type_fwd.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/storage/storage_settings.h"

namespace croupier::storage {

/// Who sends requests to S3. All empty: nobody, requests are not signed.
struct S3Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
};

/// S3 as one process reaches it by some settings.
struct S3Service {
  /// Arrow's, without retries of its own.
  std::shared_ptr<arrow::fs::FileSystem> file_system;
  std::string region;
  /// The credentials that the file system would use now: the chain of AWS renews those that expire,
  /// for which it may wait for the network. Any number of threads.
  std::function<S3Credentials()> credentials;
};

/// Connect to S3 by Arrow.
///
/// It is in a library of its own, libcroupier_s3_<Arrow's SO version>.so, because Arrow's client
/// for S3 (libarrow_s3, 16 MiB) should be loaded by those processes alone that use it. It is looked
/// for beside the code of this library (the Python package, a program), then wherever the loader
/// finds it (a program that is linked with croupier::s3).
/// \param bucket whose region is asked for, if the settings have neither a region nor an endpoint
/// \return NotImplemented, saying why, if the library cannot be loaded
arrow::Result<S3Service> ConnectToS3(const S3Settings& settings, const std::string& bucket);

/// Load that library, which is kept until the process ends.
arrow::Status LoadS3Library();

/// The one function of that library, by its name there.
using ConnectToS3Function = void(const S3Settings* settings, const std::string* bucket,
                                 arrow::Result<S3Service>* service);
inline constexpr char kConnectToS3Name[] = "croupier_connect_to_s3";

}  // namespace croupier::storage
