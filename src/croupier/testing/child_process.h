#pragma once

#include <functional>

namespace croupier::testing {

/// How a child process ended.
struct ChildResult {
  bool timed_out = false;
  int exit_code = -1;  ///< -1 if a signal ended it
  int signal = 0;      ///< 0 if it exited by itself
};

/// Fork, run `body` in the child and exit there with its return value, by way of exit().
///
/// The hang guard kills the child after `timeout_seconds`. stdout and stderr are inherited.
ChildResult RunInForkedChild(const std::function<int()>& body, int timeout_seconds = 30);

}  // namespace croupier::testing
