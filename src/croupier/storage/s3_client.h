#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/storage/http_client.h"
#include "croupier/storage/object_client.h"
#include "croupier/storage/s3_service.h"
#include "croupier/storage/storage_settings.h"

namespace croupier::storage {

/// What an S3 client sends its writes with.
struct S3Access {
  Endpoint endpoint;  ///< without an authority: Amazon's for the region
  bool virtual_hosted = false;
  std::string region;
  std::function<S3Credentials()> credentials;
  /// Of requests that make objects: S3Settings::object_headers.
  std::vector<std::pair<std::string, std::string>> object_headers;
  /// Called once, by the first write.
  std::function<arrow::Result<std::shared_ptr<HttpClient>>()> make_http;
};

/// Make a client that reads by `reads`, and writes by requests of its own.
///
/// Arrow's client cannot send the condition of PutIfAbsent, nor a failed part of an upload again.
/// Source: Amazon S3 API Reference: PutObject, DeleteObject, CreateMultipartUpload, UploadPart,
/// CompleteMultipartUpload, AbortMultipartUpload; "Error responses".
std::shared_ptr<ObjectClient> MakeS3Client(std::shared_ptr<ObjectClient> reads, S3Access access);

/// The URL of `bucket/key`, percent-encoded as a signature wants it.
std::string S3Url(const S3Access& access, std::string_view path);

/// Find the text of the first element of a name in an answer of S3; empty if there is none.
///
/// Knows only what answers of S3 have: elements without attributes, and the entities of XML.
std::string XmlText(std::string_view xml, std::string_view element);

/// Make a status of a refusal: a failure, or IOError with the errno detail of a missing file.
arrow::Status S3Refusal(int http_status, std::string_view body);

}  // namespace croupier::storage
