// libcroupier_http: what needs libcurl, and nothing else. See http_client.h.

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <curl/curl.h>
#include <fcntl.h>

#include "croupier/base/fork_gate.h"
#include "croupier/base/process_local.h"
#include "croupier/storage/failure.h"
#include "croupier/storage/http_client.h"

namespace croupier::storage {

namespace {

constexpr size_t kMaxIdleLines = 64;
// libcurl hands over what it received in pieces of this size; 16 KiB by default.
constexpr long kReceiveBytes = 128 << 10;  // NOLINT(google-runtime-int): the type of libcurl
constexpr size_t kManyBytes = 64 << 10;    // of which one piece should hold more than the default
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
  Line() = default;
  ~Line() {
    const ForkGate gate;
    handle.reset();
    connections.reset();
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

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
  explicit Answer(const HttpRequest& request)
      : sink(request.sink), max_body_bytes(request.max_body_bytes) {}

  HttpSink* const sink;
  const size_t max_body_bytes;
  HttpResponse response;
  bool is_too_large = false;

  static size_t OnHeader(const char* bytes, size_t one, size_t size, void* answer) {
    static_cast<Answer*>(answer)->AddHeader({bytes, one * size});
    return one * size;
  }

  static size_t OnBody(const char* bytes, size_t one, size_t size, void* self) {
    auto& answer = *static_cast<Answer*>(self);
    answer.is_too_large = !answer.AddBody({bytes, one * size});
    return answer.is_too_large ? 0 : one * size;
  }

  bool AddBody(std::string_view bytes) {
    if (sink == nullptr || (response.status != 200 && response.status != 206)) {
      if (bytes.size() > max_body_bytes - response.body.size()) return false;
      response.body.append(bytes);
      return true;
    }
    if (sink->num_bytes == 0) sink->head = response;
    if (bytes.size() > sink->destination.size() - sink->num_bytes) return false;
    std::memcpy(sink->destination.data() + sink->num_bytes, bytes.data(), bytes.size());
    sink->num_bytes += bytes.size();
    return true;
  }

  void AddHeader(std::string_view line) {
    // Each answer begins with its status, also the "100 Continue" before the one that counts.
    if (line.starts_with("HTTP/")) {
      response.headers.clear();
      const size_t blank = line.find(' ');
      response.status = 0;
      if (blank != line.npos) {
        std::from_chars(line.data() + blank + 1, line.data() + line.size(), response.status);
      }
    }
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

// A program that the process becomes or starts has no use for its sockets.
int OnSocket(void* /*nothing*/, curl_socket_t socket, curlsocktype /*purpose*/) {
  return fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

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

// How long a process that ends waits for requests under way.
constexpr auto kExitPatience = std::chrono::seconds(1);

// libcurl in one process.
struct Started {
  const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::atomic<int> num_under_way{0};
  std::atomic<bool> is_ending{false};
};

auto& started_in_process = *new ProcessLocal<Started>([] {
  const ForkGate gate;
  return std::make_unique<Started>();
});
std::atomic<bool> exit_is_watched = false;

// TLS clears up when the process exits, and must not do so under threads that use it. In a child
// that used nothing there is nothing to wait for.
void EndRequests() {
  Started* const started = started_in_process.GetIfBuilt();
  if (started == nullptr) return;
  // Sequentially consistent with UnderWay: one of the two sees the other.
  started->is_ending.store(true);
  const auto deadline = std::chrono::steady_clock::now() + kExitPatience;
  while (started->num_under_way.load() > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// A request that the end of the process waits for.
class UnderWay {
 public:
  explicit UnderWay(Started* started) : started_(started) { started_->num_under_way.fetch_add(1); }
  ~UnderWay() { started_->num_under_way.fetch_sub(1); }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  arrow::Status Check() const {
    if (!started_->is_ending.load()) return arrow::Status::OK();
    return MakeFailure(Failure::kFinal, "the process ends");
  }

 private:
  Started* const started_;
};

// All of libcurl is called behind a ForkGate, but for waiting: it and OpenSSL have locks.
class CurlClient : public HttpClient {
 public:
  CurlClient(const HttpSettings& settings, Started* started)
      : settings_(settings), started_(started) {}

  arrow::Result<HttpResponse> Send(const HttpRequest& request, const CancelToken& cancel) override {
    const UnderWay under_way(started_);
    Answer answer(request);
    char reason[CURL_ERROR_SIZE] = "";
    List headers;
    std::unique_ptr<Line> line;
    auto code = CURLE_OK;
    {
      const ForkGate gate;
      line = TakeLine();
      if (line->connections == nullptr || line->handle == nullptr) {
        return MakeFailure(Failure::kFinal, "libcurl does not start");
      }
      code = Prepare(line->handle.get(), request, &answer, reason, &headers);
      if (code == CURLE_OK) {
        curl_multi_add_handle(line->connections.get(), line->handle.get());
      }
    }
    auto status =
        code == CURLE_OK ? Perform(line.get(), cancel, under_way, &code) : arrow::Status::OK();
    const ForkGate gate;
    curl_multi_remove_handle(line->connections.get(), line->handle.get());
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
  arrow::Status Perform(Line* line, const CancelToken& cancel, const UnderWay& under_way,
                        CURLcode* code) const {
    curl_off_t num_bytes = -1;
    auto last_progress = Clock::now();
    while (true) {
      int num_running = 0;
      curl_off_t num_moved = 0;
      auto waited = Move(line, &num_running, &num_moved);
      if (waited == CURLM_OK && num_running == 0) break;
      ARROW_RETURN_NOT_OK(cancel.Check());
      ARROW_RETURN_NOT_OK(under_way.Check());
      const auto now = Clock::now();
      if (std::exchange(num_bytes, num_moved) != num_moved) {
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
    const ForkGate gate;
    int num_left = 0;
    const CURLMsg* const message = curl_multi_info_read(line->connections.get(), &num_left);
    *code = message == nullptr ? CURLE_FAILED_INIT : message->data.result;
    return arrow::Status::OK();
  }

  // Send and receive what can be without waiting; tells how much was moved by the request so far.
  static CURLMcode Move(Line* line, int* num_running, curl_off_t* num_moved) {
    const ForkGate gate;
    const auto code = curl_multi_perform(line->connections.get(), num_running);
    curl_off_t num_sent = 0;
    curl_off_t num_received = 0;
    curl_easy_getinfo(line->handle.get(), CURLINFO_SIZE_UPLOAD_T, &num_sent);
    curl_easy_getinfo(line->handle.get(), CURLINFO_SIZE_DOWNLOAD_T, &num_received);
    *num_moved = num_sent + num_received;
    return code;
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
    // What is not encrypted is near: a server of one's own, or the machine's metadata.
    if (request.url.starts_with("http://")) set(CURLOPT_PROXY, "");
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_SOCKOPTFUNCTION, &OnSocket);
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(CURLOPT_CONNECTTIMEOUT_MS, connect_milliseconds);
    set(CURLOPT_EXPECT_100_TIMEOUT_MS, kExpectMilliseconds);
    if (!settings_.verify_certificates) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!settings_.ca_file.empty()) set(CURLOPT_CAINFO, settings_.ca_file.c_str());
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
    if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
    if (request.sink != nullptr && request.sink->destination.size() > kManyBytes) {
      set(CURLOPT_BUFFERSIZE, kReceiveBytes);
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
    set(CURLOPT_AWS_SIGV4, "aws:amz:" + signer.region + ":" + signer.service);
    set(CURLOPT_USERNAME, signer.access_key_id);
    set(CURLOPT_PASSWORD, signer.secret_access_key);
    // Some versions of libcurl leave this header out, which S3 needs.
    bool is_appended =
        signer.service != "s3" || Append("x-amz-content-sha256: UNSIGNED-PAYLOAD", headers);
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
  Started* const started_;
  std::mutex mutex_;  // guards idle_; the client belongs to one process
  std::vector<std::unique_ptr<Line>> idle_;
};

}  // namespace

}  // namespace croupier::storage

extern "C" __attribute__((visibility("default"))) void croupier_make_http_client(
    const croupier::storage::HttpSettings* settings,
    std::shared_ptr<croupier::storage::HttpClient>* made) {
  using namespace croupier::storage;  // NOLINT(google-build-using-namespace)
  Started& started = started_in_process.Get();
  // After libcurl has started, whose own handlers run later, then. A child inherits it.
  if (const croupier::ForkGate gate; !exit_is_watched.exchange(true)) std::atexit(EndRequests);
  if (started.code == CURLE_OK) *made = std::make_shared<CurlClient>(*settings, &started);
}
