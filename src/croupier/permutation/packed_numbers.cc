#include "croupier/permutation/packed_numbers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "croupier/permutation/spill_file.h"

namespace croupier::permutation {

namespace {

constexpr uint64_t kMagic = 0x31304b4341505243ULL;  // "CRPACK01"

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

void AppendBytes(const void* data, size_t size, std::string* bytes) {
  bytes->append(static_cast<const char*>(data), size);
}

}  // namespace

PackedNumbers::PackedNumbers(std::shared_ptr<SpillFile> spill) : spill_(std::move(spill)) {}
PackedNumbers::~PackedNumbers() {
  if (spill_ == nullptr) return;
  for (const Segment& segment : segments_) {
    spill_->Release(segment.words, segment.owned.size() * sizeof(uint64_t),
                    segment.num_words * sizeof(uint64_t));
  }
}

size_t PackedNumbers::NumWords(size_t num_numbers, uint32_t width) {
  return width == kConsecutive ? 0 : (num_numbers * width + 63) / 64;
}

void PackedNumbers::Lookup(std::span<uint64_t> indices_to_numbers) const {
  constexpr uint64_t kInBlock = (uint64_t{1} << kBlockBits) - 1;
  for (uint64_t& value : indices_to_numbers) {
    const Block& block = blocks_[value >> kBlockBits];
    const uint64_t place = value & kInBlock;
    if (block.width == kConsecutive) {
      value = block.smallest + place;
    } else if (block.width == 0) {
      value = block.smallest;
    } else {
      value = block.smallest + ReadBits(segments_[block.segment].words + block.first_word,
                                        place * block.width, block.width);
    }
  }
}

int64_t PackedNumbers::num_bytes() const {
  size_t num_bytes = blocks_.size() * sizeof(Block);
  for (const Segment& segment : segments_) num_bytes += segment.num_words * sizeof(uint64_t);
  return static_cast<int64_t>(num_bytes);
}

// The numbers of blocks and words, the smallest number and the width of each block, then the words.
std::string PackedNumbers::Serialize() const {
  uint64_t num_words = 0;
  for (const Segment& segment : segments_) num_words += segment.num_words;
  const uint64_t header[] = {kMagic, static_cast<uint64_t>(size_), num_words};
  std::string bytes;
  bytes.reserve(sizeof(header) + blocks_.size() * 9 + num_words * sizeof(uint64_t));
  AppendBytes(header, sizeof(header), &bytes);
  for (const Block& block : blocks_) {
    AppendBytes(&block.smallest, sizeof(block.smallest), &bytes);
    bytes += static_cast<char>(block.width);
  }
  for (const Segment& segment : segments_) {
    AppendBytes(segment.words, segment.num_words * sizeof(uint64_t), &bytes);
  }
  return bytes;
}

arrow::Result<std::shared_ptr<const PackedNumbers>> PackedNumbers::Parse(std::string_view bytes,
                                                                         uint64_t limit) {
  const auto corrupt = [](std::string_view why) {
    return arrow::Status::SerializationError("malformed list of numbers: ", why);
  };
  uint64_t header[3];
  if (bytes.size() < sizeof(header)) return corrupt("too short");
  std::memcpy(header, bytes.data(), sizeof(header));
  const auto [magic, size, num_words] = header;
  if (magic != kMagic) return corrupt("not one of this format");
  constexpr size_t kBlockBytes = sizeof(uint64_t) + 1;
  constexpr uint64_t kBlockSize = uint64_t{1} << kBlockBits;
  const uint64_t num_blocks = size / kBlockSize + (size % kBlockSize != 0);
  bytes.remove_prefix(sizeof(header));
  if (num_blocks > bytes.size() / kBlockBytes ||
      num_words > (bytes.size() - num_blocks * kBlockBytes) / sizeof(uint64_t) ||
      bytes.size() != num_blocks * kBlockBytes + num_words * sizeof(uint64_t)) {
    return corrupt("its length does not fit its header");
  }
  const auto words = bytes.substr(num_blocks * kBlockBytes);
  PackedNumbersBuilder builder;
  std::vector<uint64_t> block_words;
  std::vector<uint64_t> numbers;
  uint64_t words_read = 0;
  for (uint64_t i = 0; i < num_blocks; ++i) {
    uint64_t smallest = 0;
    std::memcpy(&smallest, bytes.data() + i * kBlockBytes, sizeof(smallest));
    const auto width = static_cast<uint8_t>(bytes[i * kBlockBytes + sizeof(smallest)]);
    if (width > kConsecutive) return corrupt("a block of more than 64 bits a number");
    numbers.resize(std::min(kBlockSize, size - i * kBlockSize));
    const size_t needed = NumWords(numbers.size(), width);
    if (needed > num_words - words_read) return corrupt("a block ends behind the end");
    block_words.resize(needed);
    if (needed > 0) {
      std::memcpy(block_words.data(), words.data() + words_read * sizeof(uint64_t),
                  needed * sizeof(uint64_t));
    }
    words_read += needed;
    for (size_t k = 0; k < numbers.size(); ++k) {
      const uint64_t offset = width == kConsecutive ? k
                              : width == 0          ? 0
                                           : ReadBits(block_words.data(), k * width, width);
      numbers[k] = smallest + offset;
      if (numbers[k] < smallest || numbers[k] >= limit) return corrupt("a number is out of range");
    }
    ARROW_RETURN_NOT_OK(builder.Append(numbers));
  }
  if (words_read != num_words) return corrupt("it has more words than its blocks");
  return builder.Finish();
}

PackedNumbersBuilder::PackedNumbersBuilder(std::shared_ptr<SpillFile> spill)
    : list_(new PackedNumbers(std::move(spill))) {}

arrow::Status PackedNumbersBuilder::Append(std::span<const uint64_t> numbers) {
  while (!numbers.empty()) {
    const auto part = numbers.first(std::min(numbers.size(), kBlockSize - pending_.size()));
    pending_.insert(pending_.end(), part.begin(), part.end());
    numbers = numbers.subspan(part.size());
    if (pending_.size() == kBlockSize) ARROW_RETURN_NOT_OK(PackBlock());
  }
  return arrow::Status::OK();
}

arrow::Status PackedNumbersBuilder::PackBlock() {
  const auto [smallest, largest] = std::minmax_element(pending_.begin(), pending_.end());
  PackedNumbers::Block block;
  block.smallest = *smallest;
  bool is_consecutive = pending_.front() == *smallest;  // not if they wrap around
  for (size_t i = 0; i < pending_.size() && is_consecutive; ++i) {
    is_consecutive = pending_[i] - *smallest == i;
  }
  block.width = is_consecutive ? PackedNumbers::kConsecutive
                               : static_cast<uint32_t>(std::bit_width(*largest - *smallest)) & 0x7f;
  const size_t num_words = PackedNumbers::NumWords(pending_.size(), block.width);
  const bool is_crowded = list_->spill_ != nullptr && list_->spill_->is_crowded();
  if (words_.size() + num_words > (is_crowded ? kMinSegmentWords : kMaxSegmentWords)) {
    ARROW_RETURN_NOT_OK(EndSegment());
  }
  block.segment = static_cast<uint32_t>(list_->segments_.size());
  block.first_word = static_cast<uint32_t>(words_.size()) & 0x1ffffff;
  words_.resize(words_.size() + num_words);
  if (list_->spill_ != nullptr) {
    list_->spill_->CountUntaken(static_cast<int64_t>(num_words * sizeof(uint64_t)));
  }
  if (num_words > 0) {
    uint64_t* words = words_.data() + block.first_word;
    for (size_t i = 0; i < pending_.size(); ++i) {
      WriteBits(words, i * block.width, block.width, pending_[i] - block.smallest);
    }
  }
  list_->blocks_.push_back(block);
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
  list_->blocks_.shrink_to_fit();
  return std::shared_ptr<const PackedNumbers>(std::move(list_));
}

}  // namespace croupier::permutation
