#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include <arrow/memory_pool.h>
#include <arrow/status.h>

namespace croupier::format {

/// Bytes that grow at their end, without being set to zero first.
///
/// Memory is the pool's; where it has none, std::bad_alloc is thrown, as by a std::vector.
class OutputBytes {
 public:
  explicit OutputBytes(arrow::MemoryPool* pool) : pool_(pool) {}
  OutputBytes(const OutputBytes&) = delete;
  OutputBytes& operator=(const OutputBytes&) = delete;
  OutputBytes(OutputBytes&& other) noexcept { *this = std::move(other); }
  OutputBytes& operator=(OutputBytes&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~OutputBytes() { Release(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

  /// Add bytes of any value; gives the first. Moves those that are there.
  uint8_t* Grow(size_t size) {
    if (size > capacity_ - size_) Reserve(std::max(size_ + size, capacity_ * 2));
    uint8_t* begin = data_ + size_;
    size_ += size;
    return begin;
  }
  void Append(const void* bytes, size_t size) {
    if (size > 0) std::memcpy(Grow(size), bytes, size);
  }
  template <typename T>
  void AppendValue(T value) {
    std::memcpy(Grow(sizeof(T)), &value, sizeof(T));
  }
  void AppendZeros(size_t size) {
    if (size > 0) std::memset(Grow(size), 0, size);
  }
  /// Add zeros until the size is a multiple of `alignment`, a power of two.
  void PadTo(size_t alignment) { AppendZeros((0 - size_) & (alignment - 1)); }
  void Truncate(size_t size) { size_ = size; }
  /// Forget the bytes, and keep the memory.
  void Clear() { size_ = 0; }
  /// Give the memory back too.
  void Release() {
    if (data_ != nullptr) pool_->Free(data_, static_cast<int64_t>(capacity_));
    data_ = nullptr;
    size_ = 0;
    capacity_ = 0;
  }

 private:
  void Reserve(size_t capacity) {
    capacity = (capacity + 63) / 64 * 64;
    const auto status = data_ == nullptr
                            ? pool_->Allocate(static_cast<int64_t>(capacity), &data_)
                            : pool_->Reallocate(static_cast<int64_t>(capacity_),
                                                static_cast<int64_t>(capacity), &data_);
    if (!status.ok()) throw std::bad_alloc();
    capacity_ = capacity;
  }

  arrow::MemoryPool* pool_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace croupier::format
