#pragma once

#include <cstdint>
#include <span>

#include <arrow/status.h>

namespace croupier {

/// Takes the bytes of a new object, from first to last.
///
/// What was appended may not be seen before the owner of the sink has finished it; a sink that goes
/// away without leaves nothing behind. Not thread-safe.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;

  /// Append bytes; they may go away once the call has returned. After an error the sink is useless.
  virtual arrow::Status Append(std::span<const uint8_t> bytes) = 0;
};

}  // namespace croupier
