#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"
#include "croupier/storage/aws_credentials.h"
#include "croupier/storage/http_client.h"
#include "croupier/storage/storage_settings.h"

namespace croupier::storage {

/// What S3 is reached by.
struct S3Access {
  Endpoint endpoint;  ///< without an authority: Amazon's for the region
  bool virtual_hosted = false;
  std::string region;  ///< empty: to be found out
  std::shared_ptr<AwsCredentials> credentials;
  /// Of requests that make objects: S3Settings::object_headers.
  std::vector<std::pair<std::string, std::string>> object_headers;
  std::shared_ptr<HttpClient> http;
};

/// A request for an object, or for a bucket.
struct S3Request {
  const char* method = "GET";
  std::string_view path;  ///< bucket/key, or a bucket alone
  std::string query;      ///< with its question mark; parameters in the order of their names
  std::vector<std::pair<std::string, std::string>> headers;
  std::span<const uint8_t> body;
  bool is_repeatable = true;  ///< HttpRequest::is_repeatable
  HttpSink* sink = nullptr;   ///< HttpRequest::sink
  size_t max_body_bytes = 1 << 20;
};

/// Signs requests and sends them. Any number of threads. Belongs to one process.
///
/// A bucket that turns out to be in another region is asked there, from then on; keys that have
/// expired are replaced.
class S3Requests {
 public:
  explicit S3Requests(S3Access access) : access_(std::move(access)), region_(access_.region) {}

  const S3Access& access() const { return access_; }

  /// Send a request.
  ///
  /// \return the answer, if its status is 2xx or `accepted`; else what S3Refusal makes of it
  arrow::Result<HttpResponse> Send(const S3Request& request, const CancelToken& cancel,
                                   int accepted = 0);

 private:
  std::string Region();
  bool MovesTo(const HttpResponse& response);

  const S3Access access_;
  std::mutex mutex_;    // guards region_
  std::string region_;  // of the bucket, as far as it is known
};

/// The URL of `bucket/key`, percent-encoded as a signature wants it.
std::string S3Url(const S3Access& access, const std::string& region, std::string_view path);

/// Make a status of a refusal: a failure, or IOError with the errno detail of a missing file.
arrow::Status S3Refusal(int http_status, std::string_view body);

}  // namespace croupier::storage
