#include "croupier/storage/http_client.h"

#include "croupier/storage/own_library.h"

namespace croupier::storage {

namespace {

OwnLibrary http_library(CROUPIER_HTTP_LIBRARY, kMakeHttpClientName,
                        "HTTP requests cannot be sent, which s3:// needs");

}  // namespace

arrow::Status LoadHttpLibrary() { return http_library.Load().status(); }

arrow::Result<std::shared_ptr<HttpClient>> MakeHttpClient(const HttpSettings& settings) {
  ARROW_ASSIGN_OR_RAISE(void* const function, http_library.Load());
  std::shared_ptr<HttpClient> made;
  reinterpret_cast<MakeHttpClientFunction*>(function)(&settings, &made);
  if (made == nullptr) return arrow::Status::UnknownError("libcurl does not start");
  return made;
}

}  // namespace croupier::storage
