// libcroupier_http: what needs libcurl, and nothing else. See http_client.h.

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include "croupier/base/process_local.h"
#include "croupier/storage/failure.h"
#include "croupier/storage/http_client.h"

namespace croupier::storage {

namespace {

constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kMaxIdleLines = 16;
// A server that does not know "Expect: 100-continue" is sent the body after this.
constexpr long kExpectMilliseconds = 200;  // NOLINT(google-runtime-int): the type of libcurl

// How often a request that waits looks whether it was cancelled.
constexpr int kWaitMilliseconds = 100;

struct EndHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, EndHandle>;

struct EndMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// A request at a time, and the connections that it keeps.
struct Line {
  std::unique_ptr<CURLM, EndMulti> connections{curl_multi_init()};
  Handle handle{curl_easy_init()};
};

struct EndList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, EndList>;

bool Append(const std::string& line, List* list) {
  // What follows a line end would be another header.
  if (line.find_first_of("\r\n") != line.npos) return false;
  curl_slist* const head = list->release();
  curl_slist* const longer = curl_slist_append(head, line.c_str());
  list->reset(longer == nullptr ? head : longer);
  return longer != nullptr;
}

// What libcurl calls back: gathers an answer.
struct Answer {
  HttpResponse response;
  bool is_too_large = false;

  static size_t OnHeader(const char* bytes, size_t one, size_t size, void* answer) {
    static_cast<Answer*>(answer)->AddHeader({bytes, one * size});
    return one * size;
  }

  static size_t OnBody(const char* bytes, size_t one, size_t size, void* self) {
    auto& answer = *static_cast<Answer*>(self);
    auto& body = answer.response.body;
    answer.is_too_large = one * size > kMaxAnswerBytes - body.size();
    if (answer.is_too_large) return 0;
    body.append(bytes, one * size);
    return one * size;
  }

  void AddHeader(std::string_view line) {
    // Each answer begins with its status, also the "100 Continue" before the one that counts.
    if (line.starts_with("HTTP/")) response.headers.clear();
    const size_t colon = line.find(':');
    if (colon == line.npos) return;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](char c) {
      return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 32) : c;
    });
    std::string_view value = line.substr(colon + 1);
    const size_t begin = value.find_first_not_of(" \t");
    value = begin == value.npos ? "" : value.substr(begin);
    value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    response.headers[std::move(name)] = value;
  }
};

// Failures that no repetition mends.
bool IsFinal(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_FAILED_INIT:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_WRITE_ERROR:
      return true;
    default:
      return false;
  }
}

class CurlClient : public HttpClient {
 public:
  explicit CurlClient(const HttpSettings& settings) : settings_(settings) {}

  arrow::Result<HttpResponse> Send(const HttpRequest& request, const CancelToken& cancel) override {
    auto line = TakeLine();
    if (line->connections == nullptr || line->handle == nullptr) {
      return MakeFailure(Failure::kFinal, "libcurl does not start");
    }
    Answer answer;
    char reason[CURL_ERROR_SIZE] = "";
    List headers;
    auto code = Prepare(line->handle.get(), request, &answer, reason, &headers);
    auto status = arrow::Status::OK();
    if (code == CURLE_OK) {
      curl_multi_add_handle(line->connections.get(), line->handle.get());
      status = Perform(line.get(), cancel, &code);
      curl_multi_remove_handle(line->connections.get(), line->handle.get());
    }
    // What fails takes its connection along, which is in an unknown state.
    ARROW_RETURN_NOT_OK(status);
    if (answer.is_too_large) {
      return MakeFailure(Failure::kFinal, "the answer of the server is too large");
    }
    if (code != CURLE_OK) {
      return MakeFailure(IsFinal(code) ? Failure::kFinal : Failure::kTransient,
                         std::string("the request failed: ") +
                             (*reason != '\0' ? reason : curl_easy_strerror(code)));
    }
    long http_status = 0;  // NOLINT(google-runtime-int): the type of libcurl
    curl_easy_getinfo(line->handle.get(), CURLINFO_RESPONSE_CODE, &http_status);
    answer.response.status = static_cast<int>(http_status);
    GiveBack(std::move(line));
    return std::move(answer.response);
  }

 private:
  using Clock = std::chrono::steady_clock;

  // Send what was prepared, and wait for the end. An error is one of waiting, not of the request.
  arrow::Status Perform(Line* line, const CancelToken& cancel, CURLcode* code) const {
    curl_off_t num_bytes = -1;
    auto last_progress = Clock::now();
    while (true) {
      int num_running = 0;
      auto waited = curl_multi_perform(line->connections.get(), &num_running);
      if (waited == CURLM_OK && num_running == 0) break;
      ARROW_RETURN_NOT_OK(cancel.Check());
      curl_off_t num_sent = 0;
      curl_off_t num_received = 0;
      curl_easy_getinfo(line->handle.get(), CURLINFO_SIZE_UPLOAD_T, &num_sent);
      curl_easy_getinfo(line->handle.get(), CURLINFO_SIZE_DOWNLOAD_T, &num_received);
      const auto now = Clock::now();
      if (std::exchange(num_bytes, num_sent + num_received) != num_sent + num_received) {
        last_progress = now;
      } else if (std::chrono::duration<double>(now - last_progress).count() >
                 settings_.idle_timeout_seconds) {
        return MakeFailure(Failure::kTransient,
                           "the server did not answer in time: see request_timeout");
      }
      if (waited == CURLM_OK) {
        waited = curl_multi_poll(line->connections.get(), nullptr, 0, kWaitMilliseconds, nullptr);
      }
      if (waited != CURLM_OK) {
        return MakeFailure(Failure::kTransient,
                           std::string("the request failed: ") + curl_multi_strerror(waited));
      }
    }
    int num_left = 0;
    const CURLMsg* const message = curl_multi_info_read(line->connections.get(), &num_left);
    *code = message == nullptr ? CURLE_FAILED_INIT : message->data.result;
    return arrow::Status::OK();
  }

  CURLcode Prepare(CURL* handle, const HttpRequest& request, Answer* answer, char* reason,
                   List* headers) const {
    CURLcode first = CURLE_OK;
    const auto set = [&](CURLoption option, auto value) {
      const CURLcode code = curl_easy_setopt(handle, option, value);
      if (first == CURLE_OK) first = code;
    };
    // NOLINTNEXTLINE(google-runtime-int): the type of libcurl
    const auto connect_milliseconds =
        static_cast<long>(std::clamp(settings_.connect_timeout_seconds * 1000, 1.0, 1e9));
    set(CURLOPT_ERRORBUFFER, reason);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_FRESH_CONNECT, request.is_repeatable ? 0L : 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(CURLOPT_CONNECTTIMEOUT_MS, connect_milliseconds);
    set(CURLOPT_EXPECT_100_TIMEOUT_MS, kExpectMilliseconds);
    if (!settings_.verify_certificates) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    set(CURLOPT_HEADERFUNCTION, &Answer::OnHeader);
    set(CURLOPT_HEADERDATA, static_cast<void*>(answer));
    set(CURLOPT_WRITEFUNCTION, &Answer::OnBody);
    set(CURLOPT_WRITEDATA, static_cast<void*>(answer));
    if (request.method == "PUT" || request.method == "POST") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      // Not copied. Null would mean that there is a function to read from.
      set(CURLOPT_POSTFIELDS,
          request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.signer != nullptr) Sign(handle, *request.signer, headers, &first);
    for (const auto& [name, value] : request.headers) {
      std::string line = name;
      line.append(": ").append(value);
      if (!Append(line, headers)) first = CURLE_BAD_FUNCTION_ARGUMENT;
    }
    set(CURLOPT_HTTPHEADER, headers->get());
    return first;
  }

  static void Sign(CURL* handle, const AwsSigner& signer, List* headers, CURLcode* first) {
    const auto set = [&](CURLoption option, const std::string& value) {
      const CURLcode code = curl_easy_setopt(handle, option, value.c_str());
      if (*first == CURLE_OK) *first = code;
    };
    set(CURLOPT_AWS_SIGV4, "aws:amz:" + signer.region + ":s3");
    set(CURLOPT_USERNAME, signer.access_key_id);
    set(CURLOPT_PASSWORD, signer.secret_access_key);
    // Some versions of libcurl leave this header out, which S3 needs.
    bool is_appended = Append("x-amz-content-sha256: UNSIGNED-PAYLOAD", headers);
    if (!signer.session_token.empty()) {
      is_appended = Append("x-amz-security-token: " + signer.session_token, headers) && is_appended;
    }
    if (!is_appended) *first = CURLE_BAD_FUNCTION_ARGUMENT;
  }

  std::unique_ptr<Line> TakeLine() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto line = std::move(idle_.back());
        idle_.pop_back();
        return line;
      }
    }
    return std::make_unique<Line>();
  }

  // Keeps the connection, and forgets the request with its credentials.
  void GiveBack(std::unique_ptr<Line> line) {
    curl_easy_reset(line->handle.get());
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdleLines) idle_.push_back(std::move(line));
  }

  const HttpSettings settings_;
  std::mutex mutex_;  // guards idle_; the client belongs to one process
  std::vector<std::unique_ptr<Line>> idle_;
};

// libcurl in one process.
struct Started {
  const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
};

Started& StartedInProcess() {
  static auto& started = *new ProcessLocal<Started>();
  return started.Get();
}

}  // namespace

}  // namespace croupier::storage

extern "C" __attribute__((visibility("default"))) void croupier_make_http_client(
    const croupier::storage::HttpSettings* settings,
    std::shared_ptr<croupier::storage::HttpClient>* made) {
  using namespace croupier::storage;  // NOLINT(google-build-using-namespace)
  if (StartedInProcess().code == CURLE_OK) *made = std::make_shared<CurlClient>(*settings);
}
