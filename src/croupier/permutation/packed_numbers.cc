#include "croupier/permutation/packed_numbers.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "croupier/base/hash.h"
#include "croupier/permutation/spill_file.h"

namespace croupier::permutation {

namespace {

// The `width` bits from bit `begin` on; width in [1, 64].
uint64_t ReadBits(const uint64_t* words, size_t begin, uint32_t width) {
  const size_t word = begin / 64;
  const size_t shift = begin % 64;
  uint64_t bits = words[word] >> shift;
  if (shift + width > 64) bits |= words[word + 1] << (64 - shift);
  return width == 64 ? bits : bits & ((uint64_t{1} << width) - 1);
}

void WriteBits(uint64_t* words, size_t begin, uint32_t width, uint64_t bits) {
  const size_t word = begin / 64;
  const size_t shift = begin % 64;
  words[word] |= bits << shift;
  if (shift + width > 64) words[word + 1] |= bits >> (64 - shift);
}

}  // namespace

// A sum, so that the hashes of the numbers need not wait for each other.
uint64_t ChecksumOf(uint64_t block, std::span<const uint64_t> numbers) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
  uint64_t place = block * PackedBlock::kNumbers;
  uint64_t sum = 0;
  for (const uint64_t number : numbers) sum += Mix64(number + ++place * kGamma);
  return sum;
}

PackedNumbers::PackedNumbers(std::shared_ptr<SpillFile> spill) : spill_(std::move(spill)) {}

PackedNumbers::PackedNumbers(std::shared_ptr<const StoredBlocks> stored, uint64_t first_block,
                             int64_t size)
    : size_(size), stored_(std::move(stored)), first_block_(first_block) {
  const auto num_numbers = static_cast<uint64_t>(size);
  blocks_ = stored_->blocks.subspan(
      first_block, (num_numbers + PackedBlock::kNumbers - 1) / PackedBlock::kNumbers);
  constexpr size_t kSegmentWords = size_t{1} << kSegmentBits;
  if (blocks_.empty()) return;
  for (size_t begin = 0; begin < stored_->words.size(); begin += kSegmentWords) {
    segments_.push_back({.words = stored_->words.data() + begin,
                         .num_words = std::min(kSegmentWords, stored_->words.size() - begin),
                         .owned = {}});
  }
}

PackedNumbers::~PackedNumbers() {
  if (spill_ == nullptr) return;
  for (const Segment& segment : segments_) {
    spill_->Release(segment.words, segment.owned.size() * sizeof(uint64_t),
                    segment.num_words * sizeof(uint64_t));
  }
}

uint64_t PackedNumbers::NumNumbers(uint64_t block) const {
  return std::min(PackedBlock::kNumbers,
                  static_cast<uint64_t>(size_) - block * PackedBlock::kNumbers);
}

std::span<const uint64_t> PackedNumbers::WordsOf(size_t block) const {
  const PackedBlock& packed = blocks_[block];
  const uint64_t num_words = PackedBlock::NumWords(NumNumbers(block), packed.width());
  if (num_words == 0) return {};
  return {WordAt(packed.first_word()), num_words};
}

void PackedNumbers::Unpack(uint64_t block, std::span<uint64_t> numbers) const {
  const PackedBlock packed = blocks_[block];
  const uint32_t width = packed.width();
  if (width == PackedBlock::kConsecutive) {
    std::iota(numbers.begin(), numbers.end(), packed.smallest);
  } else if (width == 0) {
    std::fill(numbers.begin(), numbers.end(), packed.smallest);
  } else {
    const uint64_t* words = WordAt(packed.first_word());
    for (size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = packed.smallest + ReadBits(words, i * width, width);
    }
  }
}

arrow::Status PackedNumbers::CheckBlock(uint64_t block) const {
  const uint64_t number = first_block_ + block;
  const auto damaged = [&](const char* why) {
    return arrow::Status::SerializationError(stored_->name, " is damaged: ", why, ", block ",
                                             number);
  };
  const PackedBlock& packed = blocks_[block];
  if (packed.width() > PackedBlock::kConsecutive) return damaged("more than 64 bits a number");
  uint64_t numbers[PackedBlock::kNumbers];
  const std::span of_block(numbers, NumNumbers(block));
  const uint64_t num_words = PackedBlock::NumWords(of_block.size(), packed.width());
  const uint64_t all_words = stored_->words.size();
  if (packed.first_word() > all_words || num_words > all_words - packed.first_word()) {
    return damaged("a block ends behind the end");
  }
  Unpack(block, of_block);
  if (*std::max_element(of_block.begin(), of_block.end()) >= stored_->limit) {
    return damaged("a number is out of range");
  }
  if (ChecksumOf(number, of_block) != stored_->checksums[number]) {
    return damaged("other numbers than were written");
  }
  stored_->checked[number / 64].fetch_or(uint64_t{1} << number % 64, std::memory_order_relaxed);
  return arrow::Status::OK();
}

arrow::Status PackedNumbers::CheckBlocks(std::span<const uint64_t> indices) const {
  for (const uint64_t index : indices) {
    const uint64_t block = index >> kBlockBits;
    const uint64_t number = first_block_ + block;
    const uint64_t checked = stored_->checked[number / 64].load(std::memory_order_relaxed);
    if ((checked >> number % 64 & 1) == 0) ARROW_RETURN_NOT_OK(CheckBlock(block));
  }
  return arrow::Status::OK();
}

arrow::Status PackedNumbers::Lookup(std::span<uint64_t> indices_to_numbers) const {
  if (stored_ != nullptr) ARROW_RETURN_NOT_OK(CheckBlocks(indices_to_numbers));
  constexpr uint64_t kInBlock = (uint64_t{1} << kBlockBits) - 1;
  for (uint64_t& value : indices_to_numbers) {
    const PackedBlock& block = blocks_[value >> kBlockBits];
    const uint64_t place = value & kInBlock;
    const uint32_t width = block.width();
    if (width == PackedBlock::kConsecutive) {
      value = block.smallest + place;
    } else if (width == 0) {
      value = block.smallest;
    } else {
      value = block.smallest + ReadBits(WordAt(block.first_word()), place * width, width);
    }
  }
  return arrow::Status::OK();
}

int64_t PackedNumbers::num_bytes() const {
  uint64_t num_bytes = blocks_.size() * sizeof(PackedBlock);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    num_bytes += PackedBlock::NumWords(NumNumbers(i), blocks_[i].width()) * sizeof(uint64_t);
  }
  return static_cast<int64_t>(num_bytes);
}

PackedNumbersBuilder::PackedNumbersBuilder(std::shared_ptr<SpillFile> spill)
    : list_(new PackedNumbers(std::move(spill))) {}

arrow::Status PackedNumbersBuilder::Append(std::span<const uint64_t> numbers) {
  while (!numbers.empty()) {
    const auto part =
        numbers.first(std::min(numbers.size(), PackedBlock::kNumbers - pending_.size()));
    pending_.insert(pending_.end(), part.begin(), part.end());
    numbers = numbers.subspan(part.size());
    if (pending_.size() == PackedBlock::kNumbers) ARROW_RETURN_NOT_OK(PackBlock());
  }
  return arrow::Status::OK();
}

arrow::Status PackedNumbersBuilder::PackBlock() {
  const auto [smallest, largest] = std::minmax_element(pending_.begin(), pending_.end());
  bool is_consecutive = pending_.front() == *smallest;  // not if they wrap around
  for (size_t i = 0; i < pending_.size() && is_consecutive; ++i) {
    is_consecutive = pending_[i] - *smallest == i;
  }
  const uint32_t width = is_consecutive
                             ? PackedBlock::kConsecutive
                             : static_cast<uint32_t>(std::bit_width(*largest - *smallest));
  const size_t num_words = PackedBlock::NumWords(pending_.size(), width);
  const bool is_crowded = list_->spill_ != nullptr && list_->spill_->is_crowded();
  if (words_.size() + num_words > (is_crowded ? kMinSegmentWords : kMaxSegmentWords)) {
    ARROW_RETURN_NOT_OK(EndSegment());
  }
  const size_t first_word = words_.size();
  words_.resize(first_word + num_words);
  if (list_->spill_ != nullptr) {
    list_->spill_->CountUntaken(static_cast<int64_t>(num_words * sizeof(uint64_t)));
  }
  if (num_words > 0) {
    for (size_t i = 0; i < pending_.size(); ++i) {
      WriteBits(words_.data() + first_word, i * width, width, pending_[i] - *smallest);
    }
  }
  list_->owned_blocks_.push_back(PackedBlock::Make(
      *smallest, list_->segments_.size() << PackedNumbers::kSegmentBits | first_word, width));
  list_->size_ += static_cast<int64_t>(pending_.size());
  pending_.clear();
  return arrow::Status::OK();
}

arrow::Status PackedNumbersBuilder::EndSegment() {
  PackedNumbers::Segment segment;
  segment.num_words = words_.size();
  const void* spilled = nullptr;
  if (list_->spill_ != nullptr) {
    list_->spill_->CountUntaken(-static_cast<int64_t>(words_.size() * sizeof(uint64_t)));
    ARROW_ASSIGN_OR_RAISE(spilled,
                          list_->spill_->Take(words_.data(), words_.size() * sizeof(uint64_t)));
  }
  if (spilled != nullptr) {
    segment.words = static_cast<const uint64_t*>(spilled);
    words_.clear();
  } else {
    segment.owned = std::exchange(words_, {});
    segment.owned.shrink_to_fit();
    segment.words = segment.owned.data();
  }
  list_->segments_.push_back(std::move(segment));
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<const PackedNumbers>> PackedNumbersBuilder::Finish() {
  if (!pending_.empty()) ARROW_RETURN_NOT_OK(PackBlock());
  if (!words_.empty()) ARROW_RETURN_NOT_OK(EndSegment());
  list_->owned_blocks_.shrink_to_fit();
  list_->blocks_ = list_->owned_blocks_;
  return std::shared_ptr<const PackedNumbers>(std::move(list_));
}

}  // namespace croupier::permutation
