#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/base/byte_range.h"
#include "croupier/cancel.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/storage/object_store.h"
#include "croupier/storage/range_coalescer.h"

namespace croupier::storage {

/// Ranges of several objects that are read together: coalesced, many reads at once.
///
/// Add all, Run once, then look at the bytes. Not thread-safe.
class RangeFetch {
 public:
  /// Ask for a range.
  /// \return the number by which its bytes are found after Run
  size_t Add(const std::shared_ptr<const Object>& object, ByteRange range);

  /// Ask for bytes to be written straight to `destination`, which `keep_alive` of Run owns.
  void AddInPlace(const std::shared_ptr<const Object>& object, int64_t offset_bytes,
                  std::span<uint8_t> destination);

  bool empty() const { return ranges_.empty() && requests_.empty(); }

  /// Read everything; each object in the way that suits its store (ReadHabits).
  ///
  /// \param keep_alive owns the destinations of AddInPlace (see IoScheduler::Read)
  /// \return IOError of the first read that failed, naming the object; Cancelled
  arrow::Status Run(IoScheduler* scheduler, std::shared_ptr<const void> keep_alive,
                    const CancelToken& cancel, arrow::MemoryPool* pool);

  /// The bytes of an added range; they live as long as buffer() of it.
  std::span<const uint8_t> bytes(size_t index) const;
  /// The memory that holds the bytes, and perhaps those of neighbouring ranges.
  const std::shared_ptr<arrow::Buffer>& owner(size_t index) const;

 private:
  struct Place {
    size_t buffer_index = 0;
    int64_t offset_bytes = 0;
  };
  std::vector<std::shared_ptr<const Object>> objects_;  // distinct
  std::vector<uint32_t> object_of_range_;
  std::vector<ByteRange> ranges_;
  std::vector<ReadRequest> requests_;
  std::vector<std::shared_ptr<arrow::Buffer>> buffers_;
  std::vector<Place> places_;
};

}  // namespace croupier::storage
