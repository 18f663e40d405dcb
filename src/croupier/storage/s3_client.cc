#include "croupier/storage/s3_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <arrow/util/io_util.h>

namespace croupier::storage {

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

const std::pair<std::string, std::string> kUnlessThere = {"If-None-Match", "*"};

constexpr int kPreconditionFailed = 412;
constexpr size_t kMaxReasonBytes = 1000;

struct Entity {
  std::string_view name;
  char character;
};
constexpr std::array<Entity, 5> kEntities = {
    {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto entity = std::ranges::find(kEntities, c, &Entity::character);
    if (entity == kEntities.end()) {
      escaped += c;
    } else {
      escaped += entity->name;
    }
  }
  return escaped;
}

std::string UnescapeXml(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto entity =
        std::ranges::find_if(kEntities, [&](const Entity& e) { return text.starts_with(e.name); });
    if (entity == kEntities.end()) {
      plain += text.front();
      text.remove_prefix(1);
    } else {
      plain += entity->character;
      text.remove_prefix(entity->name.size());
    }
  }
  return plain;
}

std::string PercentEncode(std::string_view text, bool keep_slashes) {
  constexpr char kHexDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool is_unreserved = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') ||
                               ('0' <= c && c <= '9') || c == '-' || c == '.' || c == '_' ||
                               c == '~' || (keep_slashes && c == '/');
    if (is_unreserved) {
      encoded += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      encoded += {'%', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
  }
  return encoded;
}

// Amazon's own endpoint for a region.
std::string AuthorityOf(const std::string& region) {
  return "s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

class S3Writes : public ObjectWrites {
 public:
  explicit S3Writes(S3Access access) : access_(std::move(access)) {
    // Amazon says that it obeys conditions.
    if (access_.endpoint.authority.empty()) Trust();
  }

  arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes,
                    const CancelToken& cancel) override {
    ARROW_ASSIGN_OR_RAISE(const auto response, Send("PUT", path, "", OfObject(), bytes, cancel));
    return Check(response);
  }

  arrow::Result<bool> PutIfAbsent(const std::string& path, std::span<const uint8_t> bytes,
                                  const CancelToken& cancel) override {
    auto headers = OfObject();
    headers.push_back(kUnlessThere);
    ARROW_ASSIGN_OR_RAISE(const auto response,
                          Send("PUT", path, "", std::move(headers), bytes, cancel));
    if (response.status == kPreconditionFailed) return false;
    ARROW_RETURN_NOT_OK(Check(response));
    return true;
  }

  arrow::Status Delete(const std::string& path, const CancelToken& cancel) override {
    ARROW_ASSIGN_OR_RAISE(const auto response, Send("DELETE", path, "", {}, {}, cancel));
    return Check(response);
  }

  arrow::Result<std::string> BeginUpload(const std::string& path,
                                         const CancelToken& cancel) override {
    ARROW_ASSIGN_OR_RAISE(const auto response,
                          Send("POST", path, "?uploads=", OfObject(), {}, cancel));
    ARROW_RETURN_NOT_OK(Check(response));
    auto upload = XmlText(response.body, "UploadId");
    if (upload.empty()) return MakeFailure(Failure::kFinal, "the server began no upload");
    return upload;
  }

  arrow::Result<std::string> UploadPart(const std::string& path, const std::string& upload,
                                        int number, std::span<const uint8_t> bytes,
                                        const CancelToken& cancel) override {
    const std::string query = "?partNumber=" + std::to_string(number) +
                              "&uploadId=" + PercentEncode(upload, /*keep_slashes=*/false);
    ARROW_ASSIGN_OR_RAISE(const auto response, Send("PUT", path, query, Binary(), bytes, cancel));
    ARROW_RETURN_NOT_OK(Check(response));
    const auto tag = response.headers.find("etag");
    if (tag == response.headers.end() || tag->second.empty()) {
      return MakeFailure(Failure::kFinal, "the server gave no ETag of a part");
    }
    return tag->second;
  }

  arrow::Result<bool> CompleteUpload(const std::string& path, const std::string& upload,
                                     std::span<const std::string> marks,
                                     const CancelToken& cancel) override {
    std::string body =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (size_t i = 0; i < marks.size(); ++i) {
      body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
              EscapeXml(marks[i]) + "</ETag></Part>";
    }
    body += "</CompleteMultipartUpload>";
    const std::string query = "?uploadId=" + PercentEncode(upload, /*keep_slashes=*/false);
    ARROW_ASSIGN_OR_RAISE(
        const auto response,
        Send("POST", path, query, {{"Content-Type", "application/xml"}, kUnlessThere},
             {reinterpret_cast<const uint8_t*>(body.data()), body.size()}, cancel));
    if (response.status == kPreconditionFailed) return false;
    ARROW_RETURN_NOT_OK(Check(response));
    // The status is sent before the parts are put together: what fails then is told in the body.
    if (response.body.find("<Error>") == std::string::npos) return true;
    if (XmlText(response.body, "Code") == "PreconditionFailed") return false;
    return S3Refusal(500, response.body);
  }

  arrow::Status AbortUpload(const std::string& path, const std::string& upload,
                            const CancelToken& cancel) override {
    const std::string query = "?uploadId=" + PercentEncode(upload, /*keep_slashes=*/false);
    ARROW_ASSIGN_OR_RAISE(const auto response, Send("DELETE", path, query, {}, {}, cancel));
    return Check(response);
  }

 private:
  static Headers Binary() { return {{"Content-Type", "application/octet-stream"}}; }

  // The headers of a request that makes an object.
  Headers OfObject() const {
    auto headers = Binary();
    headers.insert(headers.end(), access_.object_headers.begin(), access_.object_headers.end());
    return headers;
  }

  static arrow::Status Check(const HttpResponse& response) {
    if (response.status >= 200 && response.status < 300) return arrow::Status::OK();
    return S3Refusal(response.status, response.body);
  }

  arrow::Result<HttpResponse> Send(const char* method, const std::string& path,
                                   const std::string& query, Headers headers,
                                   std::span<const uint8_t> body, const CancelToken& cancel) {
    ARROW_ASSIGN_OR_RAISE(HttpClient* const http, Http());
    HttpRequest request;
    request.method = method;
    request.url = S3Url(access_, path) + query;
    // The second of two answers would say that there is an object, and not that it is ours.
    request.is_repeatable = std::ranges::find(headers, kUnlessThere) == headers.end();
    request.headers = std::move(headers);
    request.body = body;
    const auto credentials = access_.credentials();
    const AwsSigner signer = {access_.region, credentials.access_key_id,
                              credentials.secret_access_key, credentials.session_token};
    if (!credentials.access_key_id.empty()) request.signer = &signer;
    return http->Send(request, cancel);
  }

  arrow::Result<HttpClient*> Http() {
    const std::lock_guard lock(mutex_);
    if (http_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(http_, access_.make_http());
    }
    return http_.get();
  }

  const S3Access access_;
  std::mutex mutex_;  // guards http_ while it is made; the client belongs to one process
  std::shared_ptr<HttpClient> http_;
};

class S3Client : public ObjectClient {
 public:
  S3Client(std::shared_ptr<ObjectClient> reads, S3Access access)
      : reads_(std::move(reads)), writes_(std::move(access)) {}

  arrow::Result<std::shared_ptr<ClientObject>> Open(
      const std::string& path, std::optional<int64_t> known_size_bytes) override {
    return reads_->Open(path, known_size_bytes);
  }

  arrow::Status List(
      const std::string& directory,
      const std::function<bool(std::string_view name, bool is_directory)>& visit) override {
    return reads_->List(directory, visit);
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path) override {
    return reads_->ModifiedAt(path);
  }

  ObjectWrites* writes() override { return &writes_; }

  Failure Classify(const arrow::Status& status) const override {
    const auto known = FailureOf(status);
    return known.has_value() ? *known : reads_->Classify(status);
  }

 private:
  const std::shared_ptr<ObjectClient> reads_;
  S3Writes writes_;
};

}  // namespace

std::shared_ptr<ObjectClient> MakeS3Client(std::shared_ptr<ObjectClient> reads, S3Access access) {
  return std::make_shared<S3Client>(std::move(reads), std::move(access));
}

std::string S3Url(const S3Access& access, std::string_view path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string bucket(path.substr(0, slash));
  const std::string key = PercentEncode(path.substr(slash), /*keep_slashes=*/true);
  const bool is_amazon = access.endpoint.authority.empty();
  const std::string authority =
      is_amazon ? AuthorityOf(access.region) : std::string(access.endpoint.authority);
  // A certificate for *.s3.amazonaws.com does not hold for a bucket with dots in its name.
  const bool in_host =
      access.virtual_hosted || (is_amazon && bucket.find('.') == std::string::npos);
  return access.endpoint.scheme + "://" +
         (in_host ? bucket + "." + authority : authority + "/" + bucket) + key;
}

std::string XmlText(std::string_view xml, std::string_view element) {
  std::string open = "<";
  open.append(element).append(">");
  const size_t begin = xml.find(open);
  if (begin == xml.npos) return "";
  xml.remove_prefix(begin + open.size());
  const size_t end = xml.find('<');
  return end == xml.npos ? "" : UnescapeXml(xml.substr(0, end));
}

arrow::Status S3Refusal(int http_status, std::string_view body) {
  const auto code = XmlText(body, "Code");
  std::string message = "HTTP status " + std::to_string(http_status);
  for (const auto& part : {code, XmlText(body, "Message")}) {
    if (!part.empty()) message += ", " + part.substr(0, kMaxReasonBytes);
  }
  if (code == "NoSuchBucket") {
    return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError, message);
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
