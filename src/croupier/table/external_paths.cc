#include "croupier/table/external_paths.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <arrow/status.h>
#include <arrow/util/io_util.h>

namespace croupier::table {

namespace {

constexpr std::string_view kSchemeEnd = "://";

arrow::Status Malformed(std::string_view place, const char* what) {
  return arrow::Status::SerializationError("not a place for files of a table: '", place,
                                           "': ", what);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

arrow::Result<std::string> Unescape(std::string_view text, std::string_view place) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return Malformed(place, "'%' is not followed by two digits");
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

// Names of one service.
std::string CanonicalScheme(std::string_view scheme) {
  std::string lower(scheme);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (lower == "s3a" || lower == "s3n") return "s3";
  if (lower == "gcs") return "gs";
  if (lower == "abfs" || lower == "abfss" || lower == "azure" || lower == "adl") return "az";
  return lower;
}

}  // namespace

arrow::Result<ExternalPaths::Location> ExternalPaths::Location::Parse(std::string_view place) {
  Location location;
  std::string path;
  const size_t scheme_end = place.find(kSchemeEnd);
  if (scheme_end == std::string_view::npos) {
    location.scheme = "file";
    path = place;
  } else {
    // Stores take settings from queries: another endpoint, for example.
    if (place.find_first_of("?#") != std::string_view::npos) {
      return Malformed(place, "a URI with a query or a fragment");
    }
    location.scheme = CanonicalScheme(place.substr(0, scheme_end));
    const auto rest = place.substr(scheme_end + kSchemeEnd.size());
    const size_t slash = std::min(rest.find('/'), rest.size());
    location.authority = rest.substr(0, slash);
    if (location.is_local() && location.authority == "localhost") location.authority.clear();
    if (location.is_local() && !location.authority.empty()) {
      return Malformed(place, "a file on another host");
    }
    if (location.authority.find_first_of("%:\\") != std::string::npos) {
      return Malformed(place, "a bucket with a port, a password or escapes");
    }
    ARROW_ASSIGN_OR_RAISE(path, Unescape(rest.substr(slash), place));
  }
  if (location.is_local() && !path.starts_with('/')) return Malformed(place, "a relative path");
  if (path.find('\0') != std::string::npos || path.find('\\') != std::string::npos) {
    return Malformed(place, "a zero byte or a backslash");
  }
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    auto part = path.substr(begin, end - begin);
    // Object stores keep empty parts, some clients drop them: what one checks the other does not
    // read.
    const bool is_last = end >= path.size();
    const bool is_empty = part.empty() || part == ".";
    if (part == "..") return Malformed(place, "a part is '..'");
    if (is_empty && !location.is_local() && begin != 0 && !is_last) {
      return Malformed(place, "an empty part, or '.'");
    }
    if (!is_empty) location.parts.push_back(std::move(part));
    begin = end + 1;
  }
  return location;
}

bool ExternalPaths::Location::IsAtOrBelow(const Location& other) const {
  return scheme == other.scheme && authority == other.authority &&
         parts.size() >= other.parts.size() &&
         std::equal(other.parts.begin(), other.parts.end(), parts.begin());
}

arrow::Result<ExternalPaths> ExternalPaths::Make(std::string_view root,
                                                 const std::vector<std::string>& allow_external) {
  ExternalPaths paths;
  ARROW_ASSIGN_OR_RAISE(paths.root_, Location::Parse(root));
  for (const auto& allowed : allow_external) {
    auto location = Location::Parse(allowed);
    if (!location.ok()) {
      return arrow::Status::Invalid("allow_external: ", location.status().message());
    }
    paths.allowed_.push_back(*std::move(location));
  }
  return paths;
}

arrow::Result<ExternalPaths::Place> ExternalPaths::Resolve(std::string_view path_or_uri) const {
  Place place{std::string(path_or_uri), false};
  const bool is_relative = root_.is_local() && !path_or_uri.empty() &&
                           !path_or_uri.starts_with('/') &&
                           path_or_uri.find(kSchemeEnd) == std::string_view::npos;
  if (is_relative) {
    // The writer was given a relative path itself.
    std::error_code error;
    const auto directory = std::filesystem::current_path(error);
    if (error)
      return arrow::internal::StatusFromErrno(error.value(), arrow::StatusCode::IOError,
                                              "the current directory");
    place.uri = directory.string() + "/" + place.uri;
  }
  ARROW_ASSIGN_OR_RAISE(const auto location, Location::Parse(place.uri));
  if (location.scheme == root_.scheme && location.authority == root_.authority) {
    place.with_credentials = true;
    return place;
  }
  const bool is_allowed =
      std::any_of(allowed_.begin(), allowed_.end(),
                  [&](const Location& allowed) { return location.IsAtOrBelow(allowed); });
  if (!is_allowed) {
    return arrow::internal::StatusFromErrno(EACCES, arrow::StatusCode::IOError, "'", path_or_uri,
                                            "' lies outside of the table's ",
                                            root_.is_local() ? "file system" : "bucket",
                                            ": it is not read unless allow_external names it");
  }
  // An authority such as container@account names a host, too; a bucket alone does not.
  place.with_credentials = location.scheme == root_.scheme &&
                           location.authority.find('@') == std::string::npos &&
                           root_.authority.find('@') == std::string::npos;
  return place;
}

arrow::Result<DirectoryAndName> DirectoryAndName::Split(const std::string& path_or_uri) {
  const size_t slash = path_or_uri.rfind('/');
  if (slash == std::string::npos || slash + 1 == path_or_uri.size()) {
    return Malformed(path_or_uri, "it names no file");
  }
  const size_t scheme_end = path_or_uri.find(kSchemeEnd);
  DirectoryAndName split{path_or_uri.substr(0, std::max<size_t>(slash, 1)),
                         path_or_uri.substr(slash + 1)};
  if (scheme_end == std::string::npos) return split;
  if (slash < scheme_end + kSchemeEnd.size()) return Malformed(path_or_uri, "it names no file");
  // file:///name lies in the root directory.
  if (split.directory.size() == scheme_end + kSchemeEnd.size()) split.directory += '/';
  ARROW_ASSIGN_OR_RAISE(split.name, Unescape(split.name, path_or_uri));
  return split;
}

}  // namespace croupier::table
