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
};

/// By whom a request is signed, in version 4 of the signatures of AWS, for the service "s3".
///
/// Headers and URL are signed; of the body only its length, which TLS and the server check.
struct AwsSigner {
  std::string region;
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< of temporary credentials, else empty
};

struct HttpRequest {
  std::string method;
  std::string url;  ///< percent-encoded, query parameters in the order of their names
  /// Name and value. No value may be empty, nor have a line end.
  std::vector<std::pair<std::string, std::string>> headers;
  std::span<const uint8_t> body;  ///< borrowed until Send returns; for PUT and POST
  const AwsSigner* signer = nullptr;
  /// Whether it does no harm if the server is asked twice, unnoticed: libcurl sends a request again
  /// by itself if a connection that it kept breaks. If not, it gets a connection of its own.
  bool is_repeatable = true;
};

struct HttpResponse {
  int status = 0;                              ///< as 200; also that of a refusal
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// Sends HTTP requests, and keeps connections open between them.
///
/// Follows no redirections and asks no proxy. Any number of threads. Belongs to the process that
/// made it.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  /// Send one request, and wait for its answer.
  ///
  /// \return any answer, also a refusal; without one, a failure (FailureOf) without credentials;
  ///         final, if the answer has more than 1 MiB; Cancelled within 0.1 s of the token
  virtual arrow::Result<HttpResponse> Send(const HttpRequest& request,
                                           const CancelToken& cancel) = 0;
};

/// Make a client of libcurl.
///
/// It is in a library of its own, libcroupier_http_<Arrow's SO version>.so, which is looked for as
/// ConnectToS3 looks for its own: libcurl and its TLS are loaded by those alone who need them.
/// \return NotImplemented, saying why, if the library cannot be loaded
arrow::Result<std::shared_ptr<HttpClient>> MakeHttpClient(const HttpSettings& settings);

/// Load that library, which is kept until the process ends.
arrow::Status LoadHttpLibrary();

/// The one function of that library, by its name there.
using MakeHttpClientFunction = void(const HttpSettings* settings,
                                    std::shared_ptr<HttpClient>* made);
inline constexpr char kMakeHttpClientName[] = "croupier_make_http_client";

}  // namespace croupier::storage
