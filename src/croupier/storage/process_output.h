#pragma once

#include <chrono>
#include <string>

#include <arrow/result.h>

#include "croupier/cancel.h"

namespace croupier::storage {

/// Run a command by /bin/sh, with nothing on its standard input, and read its standard output.
///
/// The command, with what it starts, is killed if it is cancelled or takes too long. Works beside
/// forks of other threads.
/// \return what it wrote, up to 64 KiB; a final failure (FailureOf) that does not repeat any of it
///         if it ends with an error, writes more, or takes longer than `patience`
arrow::Result<std::string> ReadProcessOutput(const std::string& command,
                                             std::chrono::milliseconds patience,
                                             const CancelToken& cancel);

}  // namespace croupier::storage
