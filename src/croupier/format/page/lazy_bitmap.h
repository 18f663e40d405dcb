#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace croupier::format {

/// A validity bitmap in the making; all set, and without memory, until a bit is cleared.
class LazyBitmap {
 public:
  LazyBitmap(int64_t num_bits, arrow::MemoryPool* pool) : num_bits_(num_bits), pool_(pool) {}

  /// The bits, to change some of them.
  arrow::Result<uint8_t*> Bits() {
    if (buffer_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(buffer_, arrow::AllocateBitmap(num_bits_, pool_));
      std::memset(buffer_->mutable_data(), 0xff, static_cast<size_t>(buffer_->size()));
    }
    return buffer_->mutable_data();
  }

  bool is_all_set() const { return buffer_ == nullptr; }
  /// Give the bitmap away; null if all bits are set.
  std::shared_ptr<arrow::Buffer> Release() { return std::move(buffer_); }

 private:
  int64_t num_bits_;
  arrow::MemoryPool* pool_;
  std::shared_ptr<arrow::Buffer> buffer_;
};

}  // namespace croupier::format
