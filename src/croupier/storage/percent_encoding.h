#pragma once

#include <string>
#include <string_view>

namespace croupier::storage {

/// Encode all but unreserved characters (RFC 3986), as signatures of AWS want it.
std::string PercentEncode(std::string_view text, bool keep_slashes = false);

}  // namespace croupier::storage
