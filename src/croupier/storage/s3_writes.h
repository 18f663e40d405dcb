#pragma once

#include <memory>

#include "croupier/storage/object_client.h"
#include "croupier/storage/s3_request.h"

namespace croupier::storage {

/// Write to S3.
///
/// Source: Amazon S3 API Reference: PutObject, DeleteObject, CreateMultipartUpload, UploadPart,
/// CompleteMultipartUpload, AbortMultipartUpload; "Error responses".
std::unique_ptr<ObjectWrites> MakeS3Writes(std::shared_ptr<S3Requests> requests);

}  // namespace croupier::storage
