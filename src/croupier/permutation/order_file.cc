#include "croupier/permutation/order_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/hash.h"

namespace croupier::permutation {

namespace {

constexpr uint64_t kMagic = 0x314f524452435243ULL;  // "CRCRDRO1"
constexpr uint64_t kAlignment = 64;

// The first bytes, in this order.
struct Header {
  uint64_t magic = kMagic;
  uint64_t limit = 0;
  uint64_t num_lists = 0;
  uint64_t num_blocks = 0;
  uint64_t num_words = 0;
  uint64_t num_name_bytes = 0;
  uint64_t hash = 0;
  uint64_t checksum = 0;  // of the fields above, of the sizes of lists and of the name
};
static_assert(sizeof(Header) == kAlignment);
static_assert(sizeof(PackedBlock) == 16);

uint64_t Add(uint64_t hash, uint64_t value) {
  return Mix64((hash ^ value) + 0x9e3779b97f4a7c15ULL);
}

uint64_t ChecksumOf(const Header& header, std::span<const uint64_t> sizes, std::string_view name) {
  uint64_t sum = 0;
  for (const uint64_t field : {header.magic, header.limit, header.num_lists, header.num_blocks,
                               header.num_words, header.num_name_bytes, header.hash}) {
    sum = Add(sum, field);
  }
  for (const uint64_t size : sizes) sum = Add(sum, size);
  return Add(sum, Fnv1a64(name));
}

// Where the sections begin, and the end. Each begins at a multiple of kAlignment.
struct Layout {
  uint64_t sizes = 0;
  uint64_t name = 0;
  uint64_t blocks = 0;
  uint64_t checksums = 0;
  uint64_t words = 0;
  uint64_t end = 0;

  // Counts must be far below 2^58.
  explicit Layout(const Header& header) {
    const auto align = [](uint64_t offset) {
      return (offset + kAlignment - 1) / kAlignment * kAlignment;
    };
    sizes = sizeof(Header);
    name = align(sizes + header.num_lists * sizeof(uint64_t));
    blocks = align(name + header.num_name_bytes);
    checksums = align(blocks + header.num_blocks * sizeof(PackedBlock));
    words = align(checksums + header.num_blocks * sizeof(uint64_t));
    end = words + header.num_words * sizeof(uint64_t);
  }
};

// Appends sections, with zeros before each.
class SectionWriter {
 public:
  explicit SectionWriter(ByteSink* sink) : sink_(sink) {}

  arrow::Status Begin(uint64_t offset) {
    constexpr std::array<uint8_t, kAlignment> kZeros = {};
    return Append(kZeros.data(), offset - written_);
  }
  arrow::Status Append(const void* data, size_t num_bytes) {
    written_ += num_bytes;
    return num_bytes == 0 ? arrow::Status::OK()
                          : sink_->Append({static_cast<const uint8_t*>(data), num_bytes});
  }
  template <typename T>
  arrow::Status Append(std::span<const T> values) {
    return Append(values.data(), values.size_bytes());
  }

 private:
  ByteSink* const sink_;
  uint64_t written_ = 0;
};

class StringSink : public ByteSink {
 public:
  arrow::Status Append(std::span<const uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return arrow::Status::OK();
  }
  std::string text;
};

// A file's bytes in memory, until the last list of it ends.
class Mapping {
 public:
  Mapping(void* bytes, size_t num_bytes) : bytes_(bytes), num_bytes_(num_bytes) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { munmap(bytes_, num_bytes_); }

 private:
  void* const bytes_;
  const size_t num_bytes_;
};

// Values in bytes that are known to be there. They are used where they lie, for copies would be in
// the memory of each process; alignment is that of the sections.
template <typename T>
std::span<const T> SectionOf(std::string_view bytes, uint64_t offset, uint64_t count) {
  return {reinterpret_cast<const T*>(bytes.data() + offset), count};
}

uint64_t NumBlocks(uint64_t num_numbers) {
  return num_numbers / PackedBlock::kNumbers + (num_numbers % PackedBlock::kNumbers != 0);
}

}  // namespace

arrow::Result<OrderImage> OrderImage::Make(SplitLists lists, uint64_t limit) {
  OrderImage image;
  image.limit_ = limit;
  std::vector<uint64_t> numbers;
  for (const auto& list : lists) {
    image.hash_ = Add(image.hash_, static_cast<uint64_t>(list->size()));
    const auto num_numbers = static_cast<uint64_t>(list->size());
    for (uint64_t begin = 0; begin < num_numbers; begin += PackedBlock::kNumbers) {
      numbers.resize(std::min(PackedBlock::kNumbers, num_numbers - begin));
      std::iota(numbers.begin(), numbers.end(), begin);
      ARROW_RETURN_NOT_OK(list->Lookup(numbers));
      const uint64_t checksum = permutation::ChecksumOf(image.checksums_.size(), numbers);
      image.checksums_.push_back(checksum);
      image.hash_ = Add(image.hash_, checksum);
      const PackedBlock& block = list->blocks()[begin / PackedBlock::kNumbers];
      image.num_words_ += PackedBlock::NumWords(numbers.size(), block.width());
    }
  }
  image.lists_ = std::move(lists);
  return image;
}

int64_t OrderImage::num_bytes() const {
  Header header;
  header.num_lists = lists_.size();
  header.num_blocks = checksums_.size();
  header.num_words = num_words_;
  return static_cast<int64_t>(Layout(header).end);
}

arrow::Status OrderImage::Write(std::string_view name, ByteSink* sink) const {
  Header header;
  header.limit = limit_;
  header.num_lists = lists_.size();
  header.num_blocks = checksums_.size();
  header.num_words = num_words_;
  header.num_name_bytes = name.size();
  header.hash = hash_;
  std::vector<uint64_t> sizes;
  sizes.reserve(lists_.size());
  for (const auto& list : lists_) sizes.push_back(static_cast<uint64_t>(list->size()));
  header.checksum = ChecksumOf(header, sizes, name);
  const Layout layout(header);
  SectionWriter writer(sink);
  ARROW_RETURN_NOT_OK(writer.Append(&header, sizeof(header)));
  ARROW_RETURN_NOT_OK(writer.Append<uint64_t>(sizes));
  ARROW_RETURN_NOT_OK(writer.Begin(layout.name));
  ARROW_RETURN_NOT_OK(writer.Append(name.data(), name.size()));
  ARROW_RETURN_NOT_OK(writer.Begin(layout.blocks));
  uint64_t next_word = 0;
  std::vector<PackedBlock> blocks;
  for (const auto& list : lists_) {
    blocks.assign(list->blocks().begin(), list->blocks().end());
    for (size_t i = 0; i < blocks.size(); ++i) {
      const uint64_t num_words = list->WordsOf(i).size();
      blocks[i] = PackedBlock::Make(blocks[i].smallest, next_word, blocks[i].width());
      next_word += num_words;
    }
    ARROW_RETURN_NOT_OK(writer.Append<PackedBlock>(blocks));
  }
  ARROW_RETURN_NOT_OK(writer.Begin(layout.checksums));
  ARROW_RETURN_NOT_OK(writer.Append<uint64_t>(checksums_));
  ARROW_RETURN_NOT_OK(writer.Begin(layout.words));
  // Many blocks at a time: a block is some 300 bytes.
  constexpr size_t kStepWords = size_t{1} << 16;
  std::vector<uint64_t> words;
  for (const auto& list : lists_) {
    for (size_t i = 0; i < list->blocks().size(); ++i) {
      const auto of_block = list->WordsOf(i);
      words.insert(words.end(), of_block.begin(), of_block.end());
      if (words.size() < kStepWords) continue;
      ARROW_RETURN_NOT_OK(writer.Append<uint64_t>(words));
      words.clear();
    }
  }
  return writer.Append<uint64_t>(words);
}

arrow::Result<std::string> OrderImage::ToBytes() const {
  StringSink sink;
  sink.text.reserve(static_cast<size_t>(num_bytes()));
  ARROW_RETURN_NOT_OK(Write({}, &sink));
  return std::move(sink.text);
}

arrow::Result<OrderFile> OrderFile::Map(const std::string& path) {
  const auto failed = [&](int code) {
    return arrow::internal::StatusFromErrno(code, arrow::StatusCode::IOError,
                                            "cannot map the order of rows in ", path);
  };
  // Not to wait for the other end of a pipe.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return failed(errno);
  struct stat about = {};
  if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
    close(file);
    return arrow::Status::IOError("not a file of an order of rows: ", path);
  }
  const auto num_bytes = static_cast<size_t>(about.st_size);
  if (num_bytes < sizeof(Header)) {
    close(file);
    return arrow::Status::SerializationError(path, " is damaged: too short");
  }
  void* bytes = mmap(nullptr, num_bytes, PROT_READ, MAP_SHARED, file, 0);
  const int code = errno;
  close(file);
  if (bytes == MAP_FAILED) return failed(code);
  auto mapping = std::make_shared<Mapping>(bytes, num_bytes);
  return Parse({static_cast<const char*>(bytes), num_bytes}, path, std::move(mapping));
}

arrow::Result<OrderFile> OrderFile::Copy(std::string_view bytes) {
  auto copy = std::make_shared<std::vector<uint64_t>>(bytes.size() / sizeof(uint64_t) + 1);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(copy->data()));
  const std::string_view aligned(reinterpret_cast<const char*>(copy->data()), bytes.size());
  return Parse(aligned, "a list of rows", std::move(copy));
}

arrow::Result<OrderFile> OrderFile::Parse(std::string_view bytes, const std::string& location,
                                          std::shared_ptr<const void> owner) {
  const auto damaged = [&](std::string_view why) {
    return arrow::Status::SerializationError(location, " is damaged: ", why);
  };
  if (bytes.size() < sizeof(Header)) return damaged("too short");
  const auto header = LoadLittleEndian<Header>(reinterpret_cast<const uint8_t*>(bytes.data()));
  if (header.magic != kMagic) return damaged("not one of this version");
  const uint64_t most = bytes.size();
  if (header.num_lists > most || header.num_blocks > most || header.num_words > most ||
      header.num_name_bytes > most || Layout(header).end != most) {
    return damaged("its length does not fit its header");
  }
  const Layout layout(header);
  const auto sizes = SectionOf<uint64_t>(bytes, layout.sizes, header.num_lists);
  OrderFile file;
  file.limit_ = header.limit;
  file.hash_ = header.hash;
  file.name_ = bytes.substr(layout.name, header.num_name_bytes);
  if (ChecksumOf(header, sizes, file.name_) != header.checksum) {
    return damaged("its header is not as it was written");
  }
  auto stored = std::make_shared<StoredBlocks>();
  stored->blocks = SectionOf<PackedBlock>(bytes, layout.blocks, header.num_blocks);
  stored->checksums = SectionOf<uint64_t>(bytes, layout.checksums, header.num_blocks);
  stored->words = SectionOf<uint64_t>(bytes, layout.words, header.num_words);
  stored->limit = header.limit;
  stored->name = location;
  stored->owner = std::move(owner);
  stored->checked = std::vector<std::atomic<uint64_t>>(header.num_blocks / 64 + 1);
  uint64_t next_block = 0;
  file.lists_.reserve(sizes.size());
  for (const uint64_t size : sizes) {
    if (NumBlocks(size) > header.num_blocks - next_block) {
      return damaged("its lists have more rows than it");
    }
    file.lists_.push_back(
        std::make_shared<PackedNumbers>(stored, next_block, static_cast<int64_t>(size)));
    next_block += NumBlocks(size);
  }
  if (next_block != header.num_blocks) return damaged("its lists have fewer rows than it");
  return file;
}

}  // namespace croupier::permutation
