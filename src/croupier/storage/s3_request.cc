#include "croupier/storage/s3_request.h"

#include <algorithm>
#include <cerrno>

#include <arrow/util/io_util.h>

#include "croupier/storage/failure.h"
#include "croupier/storage/percent_encoding.h"
#include "croupier/storage/xml_elements.h"

namespace croupier::storage {

namespace {

constexpr size_t kMaxReasonBytes = 1000;

// What services with S3's protocol expect in a signature, and where Amazon knows all buckets.
constexpr char kFirstRegion[] = "us-east-1";

// Amazon's own endpoint for a region.
std::string AuthorityOf(const std::string& region) {
  return "s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

// It becomes part of a host's name.
bool IsRegion(std::string_view text) {
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, [](char c) {
    return ('a' <= c && c <= 'z') || ('0' <= c && c <= '9') || c == '-';
  });
}

bool SaysKeysExpired(const HttpResponse& response) {
  if (response.status != 400 && response.status != 401 && response.status != 403) return false;
  const auto code = XmlText(response.body, "Code");
  return code == "ExpiredToken" || code == "ExpiredTokenException" ||
         code == "TokenRefreshRequired";
}

// Services may repeat parts of a request.
std::string Hide(const AwsKeys& keys, std::string text) {
  for (const auto* secret : {&keys.access_key_id, &keys.secret_access_key, &keys.session_token}) {
    if (secret->size() < 4) continue;
    for (size_t at = text.find(*secret); at != text.npos; at = text.find(*secret, at + 3)) {
      text.replace(at, secret->size(), "***");
    }
  }
  return text;
}

}  // namespace

arrow::Result<HttpResponse> S3Requests::Send(const S3Request& request, const CancelToken& cancel,
                                             int accepted) {
  HttpRequest sent;
  sent.method = request.method;
  sent.headers = request.headers;
  sent.body = request.body;
  sent.is_repeatable = request.is_repeatable;
  sent.sink = request.sink;
  sent.max_body_bytes = request.max_body_bytes;
  bool may_move = true;
  bool may_renew = true;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto keys, access_.credentials->Get(cancel));
    AwsSigner signer;
    signer.region = Region();
    sent.url = S3Url(access_, signer.region, request.path) + request.query;
    if (keys != nullptr) {
      signer.access_key_id = keys->access_key_id;
      signer.secret_access_key = keys->secret_access_key;
      signer.session_token = keys->session_token;
      sent.signer = &signer;
    }
    ARROW_ASSIGN_OR_RAISE(auto response, access_.http->Send(sent, cancel));
    if ((response.status >= 200 && response.status < 300) || response.status == accepted) {
      return response;
    }
    if (std::exchange(may_move, false) && MovesTo(response)) continue;
    if (may_renew && keys != nullptr && SaysKeysExpired(response)) {
      may_renew = false;
      if (access_.credentials->Renew(*keys)) continue;
    }
    auto refusal = S3Refusal(response.status, response.body);
    if (keys == nullptr) return refusal;
    return refusal.WithMessage(Hide(*keys, refusal.message()));
  }
}

std::string S3Requests::Region() {
  const std::lock_guard lock(mutex_);
  return region_.empty() ? kFirstRegion : region_;
}

// Whether an answer says that the bucket is in another region, which is remembered.
bool S3Requests::MovesTo(const HttpResponse& response) {
  if (response.status != 301 && response.status != 307 && response.status != 400) return false;
  const auto header = response.headers.find("x-amz-bucket-region");
  const auto found =
      header != response.headers.end() ? header->second : XmlText(response.body, "Region");
  const std::lock_guard lock(mutex_);
  if (!IsRegion(found) || found == (region_.empty() ? kFirstRegion : region_)) return false;
  region_ = found;
  return true;
}

std::string S3Url(const S3Access& access, const std::string& region, std::string_view path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string bucket(path.substr(0, slash));
  const std::string key = PercentEncode(path.substr(slash), /*keep_slashes=*/true);
  const bool is_amazon = access.endpoint.authority.empty();
  const std::string authority = is_amazon ? AuthorityOf(region) : access.endpoint.authority;
  // A certificate for *.s3.amazonaws.com does not hold for a bucket with dots in its name.
  const bool in_host =
      access.virtual_hosted || (is_amazon && bucket.find('.') == std::string::npos);
  return access.endpoint.scheme + "://" +
         (in_host ? bucket + "." + authority : authority + "/" + bucket) +
         (in_host && key.empty() ? "/" : key);
}

arrow::Status S3Refusal(int http_status, std::string_view body) {
  const auto code = XmlText(body, "Code");
  std::string message = "HTTP status " + std::to_string(http_status);
  for (const auto& part : {code, XmlText(body, "Message")}) {
    if (!part.empty()) message += ", " + part.substr(0, kMaxReasonBytes);
  }
  // Without a body: of a request for the head alone.
  if (code == "NoSuchBucket" || code == "NoSuchKey" || (http_status == 404 && code.empty())) {
    return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError, message);
  }
  if (http_status == 403 && code.empty()) {
    message += ", access denied: the credentials need s3:GetObject and s3:ListBucket";
  }
  auto failure = Failure::kFinal;
  if (http_status == 429 || http_status == 503 || code == "SlowDown") {
    failure = Failure::kThrottled;
  } else if (http_status == 501) {
    return arrow::Status::NotImplemented(message);
  } else if (http_status >= 500 || http_status == 408 || code == "RequestTimeout" ||
             // Another write of the object is in progress.
             http_status == 409) {
    failure = Failure::kTransient;
  }
  return MakeFailure(failure, std::move(message));
}

}  // namespace croupier::storage
