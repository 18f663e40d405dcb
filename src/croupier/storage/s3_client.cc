#include "croupier/storage/s3_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include <arrow/util/io_util.h>

#include "croupier/storage/failure.h"
#include "croupier/storage/percent_encoding.h"
#include "croupier/storage/s3_listing.h"
#include "croupier/storage/s3_writes.h"

namespace croupier::storage {

namespace {

constexpr int kOk = 200;
constexpr int kPartialContent = 206;

// A page of a list has up to 1,000 keys of up to 1,024 bytes, each perhaps encoded by three.
constexpr size_t kMaxListBytes = 8 << 20;

std::string_view Header(const HttpResponse& response, const char* name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? "" : std::string_view(found->second);
}

// Read a number at the start of a text, and skip it.
std::optional<int64_t> TakeNumber(std::string_view* text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return number;
}

arrow::Status Confused(std::string_view what) {
  return MakeFailure(Failure::kFinal, "the server gave " + std::string(what));
}

class S3Object : public ClientObject {
 public:
  S3Object(std::shared_ptr<S3Requests> requests, std::string path, int64_t size_bytes,
           std::string tag)
      : requests_(std::move(requests)),
        path_(std::move(path)),
        size_bytes_(size_bytes),
        tag_(std::move(tag)) {}

  int64_t size_bytes() const override { return size_bytes_; }

  arrow::Result<int64_t> ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                                const CancelToken& cancel) override {
    const int64_t last = offset_bytes + std::ssize(destination) - 1;
    HttpSink sink;
    sink.destination = destination;
    S3Request request;
    request.path = path_;
    request.headers = {
        {"Range", "bytes=" + std::to_string(offset_bytes) + "-" + std::to_string(last)}};
    request.sink = &sink;
    const auto response = requests_->Send(request, cancel);
    if (!response.ok()) {
      // What came before the connection broke is kept.
      const bool is_broken = FailureOf(response.status()) == Failure::kTransient;
      if (!is_broken || sink.num_bytes == 0) return response.status();
    }
    const HttpResponse& answer = response.ok() ? *response : sink.head;
    ARROW_RETURN_NOT_OK(CheckPlace(answer, offset_bytes));
    ARROW_RETURN_NOT_OK(CheckTag(answer));
    return static_cast<int64_t>(sink.num_bytes);
  }

 private:
  // Servers may give another range than was asked for, or all.
  static arrow::Status CheckPlace(const HttpResponse& response, int64_t offset_bytes) {
    if (response.status == kOk && offset_bytes == 0) return arrow::Status::OK();
    auto range = Header(response, "content-range");
    constexpr std::string_view kUnit = "bytes ";
    if (response.status != kPartialContent || !range.starts_with(kUnit)) {
      return Confused("no range of the object");
    }
    range.remove_prefix(kUnit.size());
    if (TakeNumber(&range) != offset_bytes) return Confused("another range of the object");
    return arrow::Status::OK();
  }

  arrow::Status CheckTag(const HttpResponse& response) {
    const auto tag = Header(response, "etag");
    const std::lock_guard lock(mutex_);
    if (tag_.empty()) tag_ = tag;
    if (tag.empty() || tag == tag_) return arrow::Status::OK();
    return MakeFailure(Failure::kFinal, "the object was replaced while it was read: its ETag was " +
                                            tag_ + ", and is " + std::string(tag));
  }

  const std::shared_ptr<S3Requests> requests_;
  const std::string path_;
  const int64_t size_bytes_;
  std::mutex mutex_;  // guards tag_; the object belongs to one process
  std::string tag_;   // empty until it is known
};

class S3Client : public ObjectClient {
 public:
  explicit S3Client(S3Access access)
      : requests_(std::make_shared<S3Requests>(std::move(access))),
        writes_(MakeS3Writes(requests_)) {}

  arrow::Result<std::shared_ptr<ClientObject>> Open(const std::string& path,
                                                    std::optional<int64_t> known_size_bytes,
                                                    const CancelToken& cancel) override {
    if (known_size_bytes.has_value()) {
      return std::make_shared<S3Object>(requests_, path, *known_size_bytes, "");
    }
    ARROW_ASSIGN_OR_RAISE(const auto response, Head(path, cancel));
    auto length = Header(response, "content-length");
    const auto size_bytes = TakeNumber(&length);
    if (!size_bytes.has_value() || !length.empty()) return Confused("no size of the object");
    return std::make_shared<S3Object>(requests_, path, *size_bytes,
                                      std::string(Header(response, "etag")));
  }

  arrow::Status List(const std::string& directory,
                     const std::function<bool(std::string_view name, bool is_directory)>& visit,
                     const CancelToken& cancel) override {
    const size_t slash = std::min(directory.find('/'), directory.size());
    const std::string prefix = slash == directory.size() ? "" : directory.substr(slash + 1) + "/";
    std::string token;
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto page, ListPage(directory.substr(0, slash), prefix, token, cancel));
      if (page.entries.empty() && token.empty() && !prefix.empty()) {
        return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError,
                                                "no such directory");
      }
      for (const auto& [name, is_directory] : page.entries) {
        if (name.empty() && !is_directory) continue;  // stands for the directory itself
        if (!visit(name, is_directory)) return arrow::Status::OK();
      }
      if (page.next.empty()) return arrow::Status::OK();
      if (page.next == token) return Confused("a list that does not go on");
      token = std::move(page.next);
    }
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path, const CancelToken& cancel) override {
    ARROW_ASSIGN_OR_RAISE(const auto response, Head(path, cancel));
    const auto at = ParseHttpDate(Header(response, "last-modified"));
    if (!at.has_value()) return Confused("no date of the object");
    return *at;
  }

  ObjectWrites* writes() override { return writes_.get(); }

  Failure Classify(const arrow::Status& status) const override {
    return FailureOf(status).value_or(Failure::kFinal);
  }

 private:
  arrow::Result<HttpResponse> Head(const std::string& path, const CancelToken& cancel) {
    S3Request request;
    request.method = "HEAD";
    request.path = path;
    return requests_->Send(request, cancel);
  }

  arrow::Result<S3Listing> ListPage(const std::string& bucket, const std::string& prefix,
                                    const std::string& token, const CancelToken& cancel) {
    S3Request request;
    request.path = bucket;
    request.query = "?";
    if (!token.empty()) request.query += "continuation-token=" + PercentEncode(token) + "&";
    request.query += "delimiter=%2F&encoding-type=url&list-type=2&prefix=" + PercentEncode(prefix);
    request.max_body_bytes = kMaxListBytes;
    ARROW_ASSIGN_OR_RAISE(const auto response, requests_->Send(request, cancel));
    auto listing = S3Listing::Parse(response.body, prefix);
    if (listing.ok()) return listing;
    return MakeFailure(Failure::kFinal, listing.status().message());
  }

  const std::shared_ptr<S3Requests> requests_;
  const std::unique_ptr<ObjectWrites> writes_;
};

}  // namespace

std::shared_ptr<ObjectClient> MakeS3Client(S3Access access) {
  return std::make_shared<S3Client>(std::move(access));
}

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr size_t kLength = std::string_view("Fri, 27 Nov 2026 18:20:00 GMT").size();
  if (text.size() != kLength || !text.ends_with(" GMT")) return std::nullopt;
  const auto number = [&](size_t begin, size_t size) {
    auto digits = text.substr(begin, size);
    const auto taken = TakeNumber(&digits);
    return digits.empty() ? taken : std::nullopt;
  };
  const auto day = number(5, 2);
  const auto year = number(12, 4);
  const auto hour = number(17, 2);
  const auto minute = number(20, 2);
  const auto second = number(23, 2);
  const auto month = std::ranges::find(kMonths, text.substr(8, 3)) - kMonths.begin();
  if (!day || !year || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(month) + 1),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const auto at = std::chrono::sys_days(date) + std::chrono::hours(*hour) +
                  std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}

}  // namespace croupier::storage
