#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"

namespace croupier::storage {

/// Time limits and trust, for all requests of one client.
struct HttpSettings {
  double connect_timeout_seconds = 5;
  /// A request ends with an error once nothing has come or gone for this long.
  double idle_timeout_seconds = 30;
  bool verify_certificates = true;
  std::string ca_file;  ///< of the certificates to trust; empty: those of the system
};

/// By whom a request is signed, in version 4 of the signatures of AWS.
///
/// Headers and URL are signed; of the body only its length for "s3", where TLS and the server check
/// it.
struct AwsSigner {
  std::string service = "s3";
  std::string region;
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< of temporary credentials, else empty
};

struct HttpResponse {
  int status = 0;                              ///< as 200; also that of a refusal
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// Takes the body of an answer with the status 200 or 206 as it comes.
struct HttpSink {
  std::span<uint8_t> destination;  ///< an answer with more bytes is an error
  size_t num_bytes = 0;            ///< what came, also if the request failed then
  HttpResponse head = {};          ///< what they are the body of; set when the first come
};

struct HttpRequest {
  std::string method;
  std::string url;  ///< percent-encoded, query parameters in the order of their names
  /// Name and value. No value may be empty, nor have a line end.
  std::vector<std::pair<std::string, std::string>> headers;
  std::span<const uint8_t> body;  ///< borrowed until Send returns; for PUT and POST
  const AwsSigner* signer = nullptr;
  HttpSink* sink = nullptr;         ///< else the body is part of the response
  size_t max_body_bytes = 1 << 20;  ///< of the response; an answer with more is an error
  /// Whether it does no harm if the server is asked twice, unnoticed: libcurl sends a request again
  /// by itself if a connection that it kept breaks. If not, it gets a connection of its own.
  bool is_repeatable = true;
};

/// Sends HTTP requests, and keeps connections open between them.
///
/// Follows no redirections. For https:// it asks the proxy that the environment names (HTTPS_PROXY,
/// ALL_PROXY, but for NO_PROXY). Any number of threads. Belongs to the process that made it; other
/// threads may fork at any time.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  /// Send one request, and wait for its answer.
  ///
  /// \return any answer, also a refusal; without one, a failure (FailureOf) without credentials;
  ///         final, if the answer is too large; Cancelled within 0.1 s of the token
  virtual arrow::Result<HttpResponse> Send(const HttpRequest& request,
                                           const CancelToken& cancel) = 0;
};

/// Make a client of libcurl.
///
/// It is in a library of its own, libcroupier_http_<Arrow's SO version>.so: libcurl and its TLS are
/// loaded by those processes alone that need them. It is looked for beside the code of this library
/// (the Python package, a program), then wherever the loader finds it (a program that is linked
/// with croupier::http).
///
/// A process that ends waits up to a second for requests under way, which fail then.
/// \return NotImplemented, saying why, if the library cannot be loaded
arrow::Result<std::shared_ptr<HttpClient>> MakeHttpClient(const HttpSettings& settings);

/// Load that library, which is kept until the process ends.
arrow::Status LoadHttpLibrary();

/// The one function of that library, by its name there.
using MakeHttpClientFunction = void(const HttpSettings* settings,
                                    std::shared_ptr<HttpClient>* made);
inline constexpr char kMakeHttpClientName[] = "croupier_make_http_client";

}  // namespace croupier::storage
