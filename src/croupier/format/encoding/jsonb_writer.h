#pragma once

#include <string>
#include <string_view>

#include <arrow/status.h>

namespace croupier::format {

/// Append JSON text as JSONB, as AppendJsonText reads it.
///
/// Members of objects are sorted by their keys; of those with the same key the last one stays.
///
/// \return Invalid for text that is not JSON, or nests deeper than 500; CapacityError for a member
///         of 256 MiB or more
arrow::Status AppendJsonb(std::string_view text, std::string* jsonb);

}  // namespace croupier::format
