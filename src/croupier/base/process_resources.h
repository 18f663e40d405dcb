#pragma once

#include <cstdint>
#include <string>

#include <arrow/result.h>

namespace croupier {

/// What this process may use: by its CPU affinity and its control group, else the machine.
struct ProcessResources {
  int num_cpus = 1;
  int64_t memory_bytes = 0;

  /// \param root of the file system whose /proc and /sys are read: "" but in tests
  static ProcessResources Detect(const std::string& root = "");
};

/// One setting and where its value is from.
template <typename T>
struct Setting {
  T value{};
  std::string source;  ///< "default" or "environment CROUPIER_…"

  operator T() const { return value; }
};

/// How much the library uses where a call does not say it.
///
/// Defaults follow ProcessResources; environment variables override them. Sizes are bytes, with K,
/// M, G or T behind the number for powers of 1024.
struct Config {
  Setting<int>
      num_threads;  ///< CROUPIER_NUM_THREADS: threads of a loader or scan; the CPUs, at most 16
  Setting<int64_t>
      prefetch_bytes;  ///< CROUPIER_PREFETCH_BYTES: read ahead by a loader or scan; at most 256 MiB
  Setting<int64_t> cache_bytes;  ///< CROUPIER_CACHE_BYTES: decoded data remembered; at most 1 GiB
  /// CROUPIER_METADATA_BYTES: metadata of files remembered; at most 512 MiB
  Setting<int64_t> metadata_bytes;
  /// CROUPIER_ORDER_BYTES: lists of rows of one permutation that stay in memory while it is built;
  /// at most 2 GiB
  Setting<int64_t> order_bytes;
  Setting<int> io_threads;  ///< CROUPIER_IO_THREADS: reads that wait for storage at a time

  /// Read the settings as they are now; Invalid names the variable that cannot be parsed.
  static arrow::Result<Config> FromProcess();
};

/// Parse "64M" and the like; Invalid unless it is a positive number of bytes below 2^63.
arrow::Result<int64_t> ParseBytes(const std::string& text);

}  // namespace croupier
