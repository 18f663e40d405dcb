#include "croupier/storage/s3_listing.h"

#include <algorithm>
#include <array>
#include <span>

#include <arrow/status.h>
#include <arrow/util/uri.h>

#include "croupier/storage/xml_elements.h"

namespace croupier::storage {

namespace {

bool Is(std::span<const std::string_view> path, std::initializer_list<std::string_view> expected) {
  return std::ranges::equal(path, expected);
}

// As forms are encoded: a blank is a plus.
std::string Decode(std::string text) {
  std::ranges::replace(text, '+', ' ');
  return arrow::util::UriUnescape(text);
}

}  // namespace

arrow::Result<S3Listing> S3Listing::Parse(std::string_view body, std::string_view prefix) {
  S3Listing listing;
  std::vector<std::string> keys;  // those of directories end in a slash
  std::string token;
  bool is_truncated = false;
  bool is_encoded = false;
  bool is_list = false;
  constexpr std::string_view kRoot = "ListBucketResult";
  ARROW_RETURN_NOT_OK(VisitXml(body, [&](std::span<const std::string_view> path, std::string text) {
    if (Is(path, {kRoot, "Contents", "Key"}) || Is(path, {kRoot, "CommonPrefixes", "Prefix"})) {
      keys.push_back(std::move(text));
    } else if (Is(path, {kRoot, "IsTruncated"})) {
      is_truncated = text == "true";
    } else if (Is(path, {kRoot, "NextContinuationToken"})) {
      token = std::move(text);
    } else if (Is(path, {kRoot, "EncodingType"})) {
      is_encoded = text == "url";
    } else if (Is(path, {kRoot})) {
      is_list = true;
    }
    return arrow::Status::OK();
  }));
  if (!is_list) return arrow::Status::SerializationError("the answer is no list of objects");
  if (is_truncated && (token.empty() || keys.empty())) {
    return arrow::Status::SerializationError("a list of objects has no end");
  }
  for (auto& key : keys) {
    if (is_encoded) key = Decode(std::move(key));
    if (!key.starts_with(prefix)) {
      return arrow::Status::SerializationError("a list of objects names what is elsewhere");
    }
    std::string name = key.substr(prefix.size());
    // Below the prefix there may be anything, if a server does not know delimiters.
    const size_t slash = name.find('/');
    listing.entries.push_back({name.substr(0, slash), slash != name.npos});
  }
  std::ranges::sort(listing.entries);
  const auto repeated = std::ranges::unique(listing.entries);
  listing.entries.erase(repeated.begin(), repeated.end());
  if (is_truncated) listing.next = std::move(token);
  return listing;
}

}  // namespace croupier::storage
