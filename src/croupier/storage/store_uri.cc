#include "croupier/storage/store_uri.h"

#include <algorithm>
#include <string_view>

#include <arrow/status.h>
#include <arrow/util/uri.h>

namespace croupier::storage {

namespace {

std::string_view Trim(std::string_view text, char ends) {
  while (text.starts_with(ends)) text.remove_prefix(1);
  while (text.ends_with(ends)) text.remove_suffix(1);
  return text;
}

}  // namespace

arrow::Result<StoreUri> StoreUri::Parse(const std::string& uri) {
  const size_t scheme_end = uri.find("://");
  if (scheme_end == std::string::npos) return arrow::Status::Invalid("not a URI");
  StoreUri parsed;
  parsed.scheme = uri.substr(0, scheme_end);
  std::ranges::transform(parsed.scheme, parsed.scheme.begin(), [](char c) {
    return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 32) : c;
  });
  const bool is_azure = parsed.scheme == "az" || parsed.scheme.starts_with("abfs");
  const std::string_view rest = std::string_view(uri).substr(scheme_end + 3);
  if (rest.find_first_of("?#") != rest.npos) {
    return arrow::Status::Invalid("a ", parsed.scheme,
                                  ":// URI has no query and no fragment; settings go to "
                                  "storage_options, and '?' in a name is %3F");
  }
  std::string_view authority = rest.substr(0, rest.find('/'));
  const std::string_view path = rest.substr(authority.size());
  if (const size_t at = authority.rfind('@'); is_azure && at != authority.npos) {
    const std::string_view host = authority.substr(at + 1);
    parsed.account = host.substr(0, host.find('.'));
    authority = authority.substr(0, at);
  }
  // A key may hold '/', so that its end looks like a path.
  if (authority.empty() || authority.find_first_of("@:") != authority.npos) {
    return arrow::Status::Invalid("a ", parsed.scheme, ":// URI has the form ", parsed.scheme,
                                  is_azure ? "://container/path" : "://bucket/path",
                                  "; credentials and endpoints go to storage_options");
  }
  parsed.bucket = authority;
  // Held by name: Trim gives a view of it.
  const std::string unescaped = arrow::util::UriUnescape(path);
  parsed.prefix = Trim(unescaped, '/');
  if (unescaped.find('\0') != unescaped.npos || parsed.bucket.find('\0') != std::string::npos) {
    return arrow::Status::Invalid("a ", parsed.scheme, ":// URI holds a zero byte");
  }
  parsed.location = parsed.scheme + uri.substr(scheme_end);
  while (parsed.location.ends_with('/') && parsed.location.size() > scheme_end + 3) {
    parsed.location.pop_back();
  }
  return parsed;
}

}  // namespace croupier::storage
