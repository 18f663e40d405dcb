#pragma once

#include <string_view>

#include <arrow/result.h>

#include "croupier/storage/aws_credentials.h"

namespace croupier::storage {

// What tells of keys. No error repeats a part of it.

/// Read keys as JSON: of containers, machines, and commands.
///
/// \return Invalid if it is malformed, or not of keys
arrow::Result<AwsKeys> ParseAwsKeys(std::string_view json);

/// Read keys as the token service gives them, in XML.
arrow::Result<AwsKeys> ParseAssumedRole(std::string_view xml);

}  // namespace croupier::storage
