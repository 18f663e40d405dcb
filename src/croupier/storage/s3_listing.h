#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/result.h>

namespace croupier::storage {

/// A page of the names right below a prefix.
struct S3Listing {
  struct Entry {
    std::string name;  ///< without the prefix and slashes; empty for an object named as the prefix
    bool is_directory = false;
    auto operator<=>(const Entry&) const = default;
  };
  std::vector<Entry> entries;  ///< in the order of their names
  /// Asks for the next page; empty if this is the last one.
  std::string next;

  /// Read the answer to a request for a list.
  ///
  /// \param prefix what was asked for, empty or with a slash at its end
  /// \return SerializationError if it is malformed, or names something that was not asked for
  /// Source: Amazon S3 API Reference, ListObjectsV2.
  static arrow::Result<S3Listing> Parse(std::string_view body, std::string_view prefix);
};

}  // namespace croupier::storage
