#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <arrow/result.h>

#include "croupier/permutation.h"

namespace croupier::permutation {

/// The directory of temporary files: TMPDIR, else /tmp.
std::string TemporaryDirectory();

/// Holds bytes in a temporary file once more of them are there than may be in memory.
///
/// The file has no name and goes with the last process that maps it. Not thread-safe but for
/// Release; what was taken may be read by any thread and by forked children.
class SpillFile {
 public:
  /// Make one for a build, within the budget of its options or of Config.
  static arrow::Result<std::shared_ptr<SpillFile>> Make(const BuildOptions& options);

  /// \param memory_bytes how much Take leaves in memory
  /// \param directory of the file; empty: TMPDIR, else /tmp
  explicit SpillFile(int64_t memory_bytes, std::string directory = {});
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Take bytes over into the file if there is no room for them in memory.
  ///
  /// \return where they are now, until they are released; null if they may stay where they are.
  ///         IOError names the directory.
  arrow::Result<const void*> Take(const void* bytes, size_t num_bytes);
  /// Give back bytes that were left in memory (`num_in_memory`), or unmap those that were not.
  void Release(const void* bytes, size_t num_in_memory, size_t num_bytes);

  /// Count bytes that were not taken yet, of lists that are being built; negative: that were.
  void CountUntaken(int64_t num_bytes) { num_bytes_untaken_ += num_bytes; }
  /// Tell whether many lists hold so much that was not taken yet, that some of it should be.
  bool is_crowded() const {
    return num_bytes_untaken_ > kMostUntaken &&
           num_bytes_untaken_ + num_bytes_in_memory_ > memory_bytes_;
  }

  int64_t num_bytes_spilled() const { return num_bytes_spilled_; }

 private:
  static constexpr int64_t kMostUntaken = int64_t{64} << 20;

  arrow::Status Open();

  const int64_t memory_bytes_;
  const std::string directory_;
  std::atomic<int64_t> num_bytes_in_memory_ = 0;
  int64_t num_bytes_untaken_ = 0;
  int64_t num_bytes_spilled_ = 0;
  int file_ = -1;
};

}  // namespace croupier::permutation
