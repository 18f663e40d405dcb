#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "croupier/storage/object_client.h"
#include "croupier/storage/s3_request.h"

namespace croupier::storage {

/// Make a client of S3, or of what speaks its protocol.
///
/// An object that is replaced while it is read is an error: its ETag tells.
/// Source: Amazon S3 API Reference: HeadObject, GetObject, ListObjectsV2; s3_writes.h.
std::shared_ptr<ObjectClient> MakeS3Client(S3Access access);

/// Read a date of HTTP, as "Fri, 27 Nov 2026 18:20:00 GMT": microseconds since the epoch.
std::optional<int64_t> ParseHttpDate(std::string_view text);

}  // namespace croupier::storage
