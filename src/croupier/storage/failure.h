#pragma once

#include <optional>
#include <string>

#include <arrow/status.h>

namespace croupier::storage {

/// What a failed request means for the next.
enum class Failure {
  kFinal,      ///< the same request would fail again
  kTransient,  ///< it may succeed: a lost connection, a time-out, a fault of the server
  kThrottled,  ///< it may succeed later: the store asks for fewer requests
};

/// Make an IOError that knows what it means for the next request.
arrow::Status MakeFailure(Failure failure, std::string message);

/// What a status that MakeFailure made means; nothing for any other.
std::optional<Failure> FailureOf(const arrow::Status& status);

}  // namespace croupier::storage
