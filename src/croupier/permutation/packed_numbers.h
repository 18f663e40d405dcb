#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier::permutation {

class SpillFile;

/// A list of numbers, in blocks of 256 that are each packed to the bits of their range.
///
/// At most 8 bytes a number and 16 bytes a block; 1 to 2 bytes for ascending ranks of which every
/// second to hundredth is there, nothing but the block for consecutive ones. Any number is found in
/// constant time. Immutable; any number of threads; usable in a forked child.
class PackedNumbers {
 public:
  PackedNumbers(const PackedNumbers&) = delete;
  PackedNumbers& operator=(const PackedNumbers&) = delete;
  ~PackedNumbers();

  int64_t size() const { return size_; }
  /// Replace each index, in [0, size()), by the number there.
  void Lookup(std::span<uint64_t> indices_to_numbers) const;
  /// Bytes that the list holds, in memory or in the file that it was spilled to.
  int64_t num_bytes() const;

  /// Write the list as bytes; they hold for machines of one byte order.
  std::string Serialize() const;
  /// Read what Serialize wrote.
  ///
  /// \return SerializationError unless the bytes are a list of numbers below `limit`
  static arrow::Result<std::shared_ptr<const PackedNumbers>> Parse(std::string_view bytes,
                                                                   uint64_t limit);

 private:
  friend class PackedNumbersBuilder;

  static constexpr int kBlockBits = 8;
  // The width of a block whose numbers follow each other.
  static constexpr uint32_t kConsecutive = 65;

  struct Block {
    uint64_t smallest = 0;
    uint32_t segment = 0;
    uint32_t first_word : 25 = 0;
    uint32_t width : 7 = 0;  // bits of a number above the smallest, or kConsecutive
  };
  // Words of 64 bits, in which blocks lie one behind another.
  struct Segment {
    const uint64_t* words = nullptr;
    size_t num_words = 0;
    std::vector<uint64_t> owned;  // empty if they were spilled
  };

  explicit PackedNumbers(std::shared_ptr<SpillFile> spill);
  static size_t NumWords(size_t num_numbers, uint32_t width);

  int64_t size_ = 0;
  std::vector<Block> blocks_;
  std::vector<Segment> segments_;
  std::shared_ptr<SpillFile> spill_;  // keeps its mappings; null if nothing was to be spilled
};

/// Builds a list by appending. Not thread-safe.
class PackedNumbersBuilder {
 public:
  /// \param spill takes what is over its budget; may be shared; null: all stays in memory
  explicit PackedNumbersBuilder(std::shared_ptr<SpillFile> spill = nullptr);

  arrow::Status Append(uint64_t number) {
    pending_.push_back(number);
    return pending_.size() == kBlockSize ? PackBlock() : arrow::Status::OK();
  }
  arrow::Status Append(std::span<const uint64_t> numbers);
  int64_t size() const { return list_->size_ + static_cast<int64_t>(pending_.size()); }

  /// Give the list; the builder cannot be used again.
  arrow::Result<std::shared_ptr<const PackedNumbers>> Finish();

 private:
  static constexpr size_t kBlockSize = size_t{1} << PackedNumbers::kBlockBits;
  // A segment is at most 8 MiB, and at least 256 KiB, for a process has only some 65,000 mappings.
  static constexpr size_t kMaxSegmentWords = size_t{1} << 20;
  static constexpr size_t kMinSegmentWords = size_t{1} << 15;

  arrow::Status PackBlock();
  arrow::Status EndSegment();

  std::unique_ptr<PackedNumbers> list_;
  std::vector<uint64_t> pending_;  // of the block that is not full
  std::vector<uint64_t> words_;    // of the segment that is not full
};

}  // namespace croupier::permutation
