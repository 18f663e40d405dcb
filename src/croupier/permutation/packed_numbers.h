#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

namespace croupier::permutation {

class SpillFile;

/// Up to 256 numbers that follow each other in a list, packed to the bits of their range.
struct PackedBlock {
  static constexpr uint64_t kNumbers = 256;
  /// The width of a block whose numbers are consecutive.
  static constexpr uint32_t kConsecutive = 65;

  uint64_t smallest = 0;
  uint64_t place = 0;  ///< first word << 7 | width

  static PackedBlock Make(uint64_t smallest, uint64_t first_word, uint32_t width) {
    return {smallest, first_word << 7 | width};
  }
  /// Bits of a number above the smallest, at most 64, or kConsecutive.
  uint32_t width() const { return place & 0x7f; }
  uint64_t first_word() const { return place >> 7; }
  static uint64_t NumWords(uint64_t num_numbers, uint32_t width) {
    return width == kConsecutive ? 0 : (num_numbers * width + 63) / 64;
  }
};

/// Tell the numbers of a block apart from others, and from those of another block.
///
/// \param block its number among all blocks that are written together
uint64_t ChecksumOf(uint64_t block, std::span<const uint64_t> numbers);

/// The blocks of lists in bytes that others may have damaged. Each is checked when it is first
/// used.
struct StoredBlocks {
  std::span<const PackedBlock> blocks;
  std::span<const uint64_t> checksums;  ///< of each block
  std::span<const uint64_t> words;
  uint64_t limit = 0;                 ///< all numbers are below
  std::string name;                   ///< of the bytes, for errors
  std::shared_ptr<const void> owner;  ///< of the bytes
  /// A bit for each block that was checked in this process; a forked child inherits it.
  mutable std::vector<std::atomic<uint64_t>> checked;
};

/// A list of numbers, in blocks of 256 that are each packed to the bits of their range.
///
/// At most 8 bytes a number and 16 bytes a block; 1 to 2 bytes for ascending ranks of which every
/// second to hundredth is there, nothing but the block for consecutive ones. Any number is found in
/// constant time. Immutable; any number of threads; usable in a forked child.
class PackedNumbers {
 public:
  /// A list whose blocks are stored: those from `first_block` on, which are there.
  PackedNumbers(std::shared_ptr<const StoredBlocks> stored, uint64_t first_block, int64_t size);
  PackedNumbers(const PackedNumbers&) = delete;
  PackedNumbers& operator=(const PackedNumbers&) = delete;
  ~PackedNumbers();

  int64_t size() const { return size_; }
  /// Replace each index, in [0, size()), by the number there.
  ///
  /// \return SerializationError if a stored block is damaged; what was built here has no errors
  arrow::Status Lookup(std::span<uint64_t> indices_to_numbers) const;
  /// Bytes that the list takes, in memory or in a file.
  int64_t num_bytes() const;

  std::span<const PackedBlock> blocks() const { return blocks_; }
  /// The words of a block of this list. Of a stored list they are there once it was looked up.
  std::span<const uint64_t> WordsOf(size_t block) const;

 private:
  friend class PackedNumbersBuilder;

  static constexpr int kBlockBits = 8;
  // Words lie in segments; the number of a word is `segment << kSegmentBits | place in it`.
  static constexpr int kSegmentBits = 25;
  struct Segment {
    const uint64_t* words = nullptr;
    size_t num_words = 0;
    std::vector<uint64_t> owned;  // empty if they were spilled, or are stored
  };

  explicit PackedNumbers(std::shared_ptr<SpillFile> spill);
  arrow::Status CheckBlocks(std::span<const uint64_t> indices) const;
  arrow::Status CheckBlock(uint64_t block) const;
  uint64_t NumNumbers(uint64_t block) const;
  // Numbers of a block, from its first one on.
  void Unpack(uint64_t block, std::span<uint64_t> numbers) const;
  const uint64_t* WordAt(uint64_t word) const {
    return segments_[word >> kSegmentBits].words + (word & ((uint64_t{1} << kSegmentBits) - 1));
  }

  int64_t size_ = 0;
  std::span<const PackedBlock> blocks_;
  std::vector<PackedBlock> owned_blocks_;
  std::vector<Segment> segments_;
  std::shared_ptr<SpillFile> spill_;  // keeps its mappings; null if nothing was to be spilled
  std::shared_ptr<const StoredBlocks> stored_;  // null if the list was built here
  uint64_t first_block_ = 0;                    // among those that are stored
};

/// Builds a list by appending. Not thread-safe.
class PackedNumbersBuilder {
 public:
  /// \param spill takes what is over its budget; may be shared; null: all stays in memory
  explicit PackedNumbersBuilder(std::shared_ptr<SpillFile> spill = nullptr);

  arrow::Status Append(uint64_t number) {
    pending_.push_back(number);
    return pending_.size() == PackedBlock::kNumbers ? PackBlock() : arrow::Status::OK();
  }
  arrow::Status Append(std::span<const uint64_t> numbers);
  int64_t size() const { return list_->size_ + static_cast<int64_t>(pending_.size()); }

  /// Give the list; the builder cannot be used again.
  arrow::Result<std::shared_ptr<const PackedNumbers>> Finish();

 private:
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
