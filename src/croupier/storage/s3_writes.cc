#include "croupier/storage/s3_writes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "croupier/storage/failure.h"
#include "croupier/storage/percent_encoding.h"
#include "croupier/storage/xml_elements.h"

namespace croupier::storage {

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

const std::pair<std::string, std::string> kUnlessThere = {"If-None-Match", "*"};

constexpr int kPreconditionFailed = 412;

class S3Writes : public ObjectWrites {
 public:
  explicit S3Writes(std::shared_ptr<S3Requests> requests) : requests_(std::move(requests)) {
    // Amazon says that it obeys conditions.
    if (requests_->access().endpoint.authority.empty()) Trust();
  }

  arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes,
                    const CancelToken& cancel) override {
    return Send("PUT", path, "", OfObject(), bytes, cancel).status();
  }

  arrow::Result<bool> PutIfAbsent(const std::string& path, std::span<const uint8_t> bytes,
                                  const CancelToken& cancel) override {
    auto headers = OfObject();
    headers.push_back(kUnlessThere);
    ARROW_ASSIGN_OR_RAISE(const auto response,
                          Send("PUT", path, "", std::move(headers), bytes, cancel));
    return response.status != kPreconditionFailed;
  }

  arrow::Status Delete(const std::string& path, const CancelToken& cancel) override {
    return Send("DELETE", path, "", {}, {}, cancel).status();
  }

  arrow::Result<std::string> BeginUpload(const std::string& path,
                                         const CancelToken& cancel) override {
    ARROW_ASSIGN_OR_RAISE(const auto response,
                          Send("POST", path, "?uploads=", OfObject(), {}, cancel));
    auto upload = XmlText(response.body, "UploadId");
    if (upload.empty()) return MakeFailure(Failure::kFinal, "the server began no upload");
    return upload;
  }

  arrow::Result<std::string> UploadPart(const std::string& path, const std::string& upload,
                                        int number, std::span<const uint8_t> bytes,
                                        const CancelToken& cancel) override {
    const std::string query =
        "?partNumber=" + std::to_string(number) + "&uploadId=" + PercentEncode(upload);
    ARROW_ASSIGN_OR_RAISE(const auto response, Send("PUT", path, query, Binary(), bytes, cancel));
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
    const std::string query = "?uploadId=" + PercentEncode(upload);
    ARROW_ASSIGN_OR_RAISE(
        const auto response,
        Send("POST", path, query, {{"Content-Type", "application/xml"}, kUnlessThere},
             {reinterpret_cast<const uint8_t*>(body.data()), body.size()}, cancel));
    if (response.status == kPreconditionFailed) return false;
    // The status is sent before the parts are put together: what fails then is told in the body.
    if (response.body.find("<Error>") == std::string::npos) return true;
    if (XmlText(response.body, "Code") == "PreconditionFailed") return false;
    return S3Refusal(500, response.body);
  }

  arrow::Status AbortUpload(const std::string& path, const std::string& upload,
                            const CancelToken& cancel) override {
    const std::string query = "?uploadId=" + PercentEncode(upload);
    return Send("DELETE", path, query, {}, {}, cancel).status();
  }

 private:
  static Headers Binary() { return {{"Content-Type", "application/octet-stream"}}; }

  // The headers of a request that makes an object.
  Headers OfObject() const {
    auto headers = Binary();
    const auto& more = requests_->access().object_headers;
    headers.insert(headers.end(), more.begin(), more.end());
    return headers;
  }

  // An answer that the condition was not met is one, too.
  arrow::Result<HttpResponse> Send(const char* method, const std::string& path, std::string query,
                                   Headers headers, std::span<const uint8_t> body,
                                   const CancelToken& cancel) {
    const bool is_conditional = std::ranges::find(headers, kUnlessThere) != headers.end();
    S3Request request;
    request.method = method;
    request.path = path;
    request.query = std::move(query);
    request.headers = std::move(headers);
    request.body = body;
    // The second of two answers would say that there is an object, and not that it is ours.
    request.is_repeatable = !is_conditional;
    return requests_->Send(request, cancel, is_conditional ? kPreconditionFailed : 0);
  }

  const std::shared_ptr<S3Requests> requests_;
};

}  // namespace

std::unique_ptr<ObjectWrites> MakeS3Writes(std::shared_ptr<S3Requests> requests) {
  return std::make_unique<S3Writes>(std::move(requests));
}

}  // namespace croupier::storage
