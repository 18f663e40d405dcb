#include "croupier/format/encoding/general_compression.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/util/compression.h>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr uint32_t kZstdMagic = 0xfd2fb528;
constexpr int64_t kMaxZstdBlockBytes = 128 << 10;
// An LZ4 sequence gives at most 255 bytes for each byte of its length.
constexpr int64_t kMaxLz4Ratio = 255;

enum class ZstdBlockType : uint8_t { kRaw = 0, kRun = 1, kCompressed = 2, kReserved = 3 };

struct ZstdBlock {
  bool is_last = false;
  ZstdBlockType type = ZstdBlockType::kRaw;
  int64_t size = 0;  // of the block's content; of a run: how often its byte is repeated
};

// Read a block header; the reader then stands at the content.
arrow::Result<ZstdBlock> ReadBlockHeader(ByteReader* reader) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, reader->ReadBytes(3));
  const uint32_t header = bytes[0] | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16;
  return ZstdBlock{(header & 1) != 0, static_cast<ZstdBlockType>(header >> 1 & 3), header >> 3};
}

// The window of the highest level that fits every decoder (RFC 8878, section 3.1.1.1.2).
constexpr uint64_t kMaxZstdWindowBytes = 8 << 20;

struct ZstdFrame {
  std::optional<uint64_t> content_size;
  uint64_t window_bytes = 0;  // 0 in a frame of a single segment
  Bytes blocks;
  bool needs_codec = false;
  int64_t max_raw_size = 0;  // exact if no codec is needed
};

arrow::Result<ZstdFrame> ParseZstdFrame(Bytes bytes) {
  ByteReader reader(bytes);
  ARROW_ASSIGN_OR_RAISE(const auto magic, reader.Read<uint32_t>());
  if (magic != kZstdMagic) return arrow::Status::SerializationError("not a zstd frame");
  ARROW_ASSIGN_OR_RAISE(const auto descriptor, reader.Read<uint8_t>());
  const bool single_segment = (descriptor & 0x20) != 0;
  const bool has_checksum = (descriptor & 0x04) != 0;
  if ((descriptor & 0x08) != 0)
    return arrow::Status::SerializationError("zstd: reserved bit is set");
  if ((descriptor & 0x03) != 0) {
    return arrow::Status::NotImplemented("cannot read a zstd frame with a dictionary");
  }
  ZstdFrame frame;
  if (!single_segment) {
    ARROW_ASSIGN_OR_RAISE(const auto window, reader.Read<uint8_t>());
    const uint64_t base = uint64_t{1} << (10 + (window >> 3));
    frame.window_bytes = base + base / 8 * (window & 7);
  }
  switch (descriptor >> 6) {
    case 0:
      if (single_segment) {
        ARROW_ASSIGN_OR_RAISE(frame.content_size, reader.Read<uint8_t>());
      }
      break;
    case 1: {
      ARROW_ASSIGN_OR_RAISE(const auto size, reader.Read<uint16_t>());
      frame.content_size = uint64_t{size} + 256;
      break;
    }
    case 2: {
      ARROW_ASSIGN_OR_RAISE(frame.content_size, reader.Read<uint32_t>());
      break;
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(frame.content_size, reader.Read<uint64_t>());
      break;
    }
  }
  frame.blocks = bytes.subspan(reader.position());
  for (bool is_last = false; !is_last;) {
    ARROW_ASSIGN_OR_RAISE(const auto block, ReadBlockHeader(&reader));
    is_last = block.is_last;
    switch (block.type) {
      case ZstdBlockType::kRaw:
        frame.max_raw_size += block.size;
        ARROW_RETURN_NOT_OK(reader.ReadBytes(static_cast<uint64_t>(block.size)));
        break;
      case ZstdBlockType::kRun:
        if (block.size > kMaxZstdBlockBytes) {
          return arrow::Status::SerializationError("zstd: a block is too large: ", block.size);
        }
        frame.max_raw_size += block.size;
        ARROW_RETURN_NOT_OK(reader.ReadBytes(1));
        break;
      case ZstdBlockType::kCompressed:
        frame.needs_codec = true;
        frame.max_raw_size += kMaxZstdBlockBytes;
        ARROW_RETURN_NOT_OK(reader.ReadBytes(static_cast<uint64_t>(block.size)));
        break;
      case ZstdBlockType::kReserved:
        return arrow::Status::SerializationError("zstd: a block of the reserved type");
    }
  }
  if (has_checksum) {
    ARROW_RETURN_NOT_OK(reader.ReadBytes(4));
    frame.needs_codec = true;  // which checks it
  }
  if (reader.remaining() != 0) {
    return arrow::Status::SerializationError("zstd: ", reader.remaining(),
                                             " bytes behind the frame");
  }
  return frame;
}

// Old writers left the size of zstd frames out: bytes that begin like a frame are one.
bool IsBareZstdFrame(Bytes bytes) {
  return bytes.size() < 8 ||
         (LoadLittleEndian<uint32_t>(bytes.data()) == kZstdMagic && (bytes[4] & 0x10) == 0);
}

// Decompress a frame that does not state its size.
arrow::Result<std::shared_ptr<arrow::Buffer>> DecompressUnsized(const ZstdFrame& frame, Bytes bytes,
                                                                arrow::MemoryPool* pool) {
  if (frame.window_bytes > kMaxZstdWindowBytes) {
    return arrow::Status::NotImplemented("cannot read a zstd frame with a window of ",
                                         frame.window_bytes, " bytes");
  }
  ARROW_ASSIGN_OR_RAISE(const auto codec, arrow::util::Codec::Create(arrow::Compression::ZSTD));
  ARROW_ASSIGN_OR_RAISE(const auto decoder, codec->MakeDecompressor());
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(frame.max_raw_size, pool));
  int64_t size_bytes = 0;
  while (!decoder->IsFinished()) {
    const auto step =
        decoder->Decompress(std::ssize(bytes), bytes.data(), frame.max_raw_size - size_bytes,
                            buffer->mutable_data() + size_bytes);
    if (!step.ok()) return arrow::Status::SerializationError(step.status().message());
    if (step->bytes_read == 0 && step->bytes_written == 0) {
      return arrow::Status::SerializationError("zstd: the frame is cut off or too large");
    }
    bytes = bytes.subspan(static_cast<size_t>(step->bytes_read));
    size_bytes += step->bytes_written;
  }
  ARROW_RETURN_NOT_OK(buffer->Resize(size_bytes));
  return buffer;
}

arrow::Status WrongSize(int64_t size, int64_t stated_size) {
  return arrow::Status::SerializationError("decompressed ", size, " bytes, the value says ",
                                           stated_size);
}

}  // namespace

DecompressionState::DecompressionState() = default;
DecompressionState::~DecompressionState() = default;

arrow::Status DecompressionState::DecompressZstd(Bytes frame, uint8_t* destination,
                                                 int64_t size_bytes) {
  if (zstd_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto codec, arrow::util::Codec::Create(arrow::Compression::ZSTD));
    ARROW_ASSIGN_OR_RAISE(zstd_, codec->MakeDecompressor());
  }
  ARROW_RETURN_NOT_OK(zstd_->Reset());
  // A frame that is there as a whole, with room for all of its stated content, is decoded in one
  // go; any other would make the decoder allocate the window that the frame asks for.
  const auto result = zstd_->Decompress(std::ssize(frame), frame.data(), size_bytes, destination);
  if (!result.ok()) return arrow::Status::SerializationError(result.status().message());
  if (result->bytes_written != size_bytes || result->bytes_read != std::ssize(frame) ||
      !zstd_->IsFinished()) {
    return WrongSize(result->bytes_written, size_bytes);
  }
  return arrow::Status::OK();
}

arrow::Status DecompressionState::DecompressOnce(CompressionScheme scheme, Bytes content,
                                                 uint8_t* destination, int64_t size_bytes) {
  ARROW_ASSIGN_OR_RAISE(
      const auto codec,
      arrow::util::Codec::Create(scheme == CompressionScheme::kLz4 ? arrow::Compression::LZ4
                                                                   : arrow::Compression::ZSTD));
  const auto size = codec->Decompress(std::ssize(content), content.data(), size_bytes, destination);
  if (!size.ok()) return arrow::Status::SerializationError(size.status().message());
  return *size == size_bytes ? arrow::Status::OK() : WrongSize(*size, size_bytes);
}

arrow::Result<CompressedBytes> CompressedBytes::Parse(CompressionScheme scheme, Bytes bytes) {
  CompressedBytes parsed;
  parsed.scheme_ = scheme;
  parsed.content_ = bytes;
  if (bytes.empty()) {
    parsed.needs_codec_ = false;
    return parsed;
  }
  if (scheme == CompressionScheme::kLz4) {
    ByteReader reader(bytes);
    ARROW_ASSIGN_OR_RAISE(const auto raw_size, reader.Read<uint32_t>());
    parsed.content_ = bytes.subspan(reader.position());
    parsed.raw_size_bytes_ = raw_size;
    if (parsed.raw_size_bytes_ > kMaxLz4Ratio * (std::ssize(parsed.content_) + 1)) {
      return arrow::Status::SerializationError("lz4: ", parsed.content_.size(),
                                               " bytes cannot hold ", raw_size);
    }
    return parsed;
  }
  const bool is_bare = IsBareZstdFrame(bytes);
  if (!is_bare) parsed.content_ = bytes.subspan(8);
  ARROW_ASSIGN_OR_RAISE(const auto frame, ParseZstdFrame(parsed.content_));
  parsed.zstd_blocks_ = frame.blocks;
  parsed.needs_codec_ = frame.needs_codec;
  std::optional<uint64_t> raw_size = frame.content_size;
  parsed.frame_states_size_ = raw_size.has_value();
  if (!is_bare) {
    const auto stated = LoadLittleEndian<uint64_t>(bytes.data());
    if (raw_size.has_value() && *raw_size != stated) {
      return arrow::Status::SerializationError("zstd: the frame holds ", *raw_size,
                                               " bytes, the value says ", stated);
    }
    raw_size = stated;
  }
  if (!raw_size.has_value()) {
    if (frame.needs_codec) {
      return arrow::Status::NotImplemented("cannot read a zstd frame that does not state its size");
    }
    raw_size = static_cast<uint64_t>(frame.max_raw_size);
  }
  if (*raw_size > static_cast<uint64_t>(frame.max_raw_size) ||
      (!frame.needs_codec && *raw_size != static_cast<uint64_t>(frame.max_raw_size))) {
    return arrow::Status::SerializationError("zstd: the blocks hold ", frame.max_raw_size,
                                             " bytes, the frame says ", *raw_size);
  }
  parsed.raw_size_bytes_ = static_cast<int64_t>(*raw_size);
  return parsed;
}

arrow::Status CompressedBytes::DecompressInto(uint8_t* destination,
                                              DecompressionState* state) const {
  if (content_.empty()) return arrow::Status::OK();
  if (needs_codec_ && state != nullptr && frame_states_size_) {
    return state->DecompressZstd(content_, destination, raw_size_bytes_);
  }
  if (needs_codec_) {
    return DecompressionState::DecompressOnce(scheme_, content_, destination, raw_size_bytes_);
  }
  // Parse has walked the same blocks and found them whole.
  ByteReader reader(zstd_blocks_);
  for (bool is_last = false; !is_last;) {
    ARROW_ASSIGN_OR_RAISE(const auto block, ReadBlockHeader(&reader));
    is_last = block.is_last;
    const auto size = static_cast<size_t>(block.size);
    if (block.type == ZstdBlockType::kRaw) {
      ARROW_ASSIGN_OR_RAISE(const auto content, reader.ReadBytes(size));
      std::memcpy(destination, content.data(), size);
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto byte, reader.Read<uint8_t>());
      std::memset(destination, byte, size);
    }
    destination += size;
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Buffer>> Decompress(CompressionScheme scheme, Bytes bytes,
                                                         arrow::MemoryPool* pool) {
  if (scheme == CompressionScheme::kZstd && !bytes.empty() && IsBareZstdFrame(bytes)) {
    ARROW_ASSIGN_OR_RAISE(const auto frame, ParseZstdFrame(bytes));
    if (!frame.content_size.has_value()) return DecompressUnsized(frame, bytes, pool);
  }
  ARROW_ASSIGN_OR_RAISE(const auto compressed, CompressedBytes::Parse(scheme, bytes));
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(compressed.raw_size_bytes(), pool));
  ARROW_RETURN_NOT_OK(compressed.DecompressInto(buffer->mutable_data()));
  return buffer;
}

GeneralCompressor::GeneralCompressor(CompressionScheme scheme,
                                     std::unique_ptr<arrow::util::Codec> codec)
    : scheme_(scheme), codec_(std::move(codec)) {}
GeneralCompressor::~GeneralCompressor() = default;

arrow::Result<std::unique_ptr<GeneralCompressor>> GeneralCompressor::Make(
    CompressionScheme scheme, std::optional<int> level) {
  const bool is_lz4 = scheme == CompressionScheme::kLz4;
  // Level 0 is the default of zstd, and LZ4 has no levels in blocks of its fast kind.
  const bool has_level = !is_lz4 && level.value_or(0) != 0;
  ARROW_ASSIGN_OR_RAISE(
      auto codec,
      arrow::util::Codec::Create(is_lz4 ? arrow::Compression::LZ4 : arrow::Compression::ZSTD,
                                 has_level ? *level : arrow::util::kUseDefaultCompressionLevel));
  return std::unique_ptr<GeneralCompressor>(new GeneralCompressor(scheme, std::move(codec)));
}

arrow::Status GeneralCompressor::Append(Bytes bytes, OutputBytes* out) {
  const auto size = std::ssize(bytes);
  if (scheme_ == CompressionScheme::kLz4) {
    if (size > INT32_MAX) return arrow::Status::CapacityError("LZ4 of more than 2 GiB");
    out->AppendValue(static_cast<uint32_t>(size));
  } else {
    out->AppendValue(static_cast<uint64_t>(size));
  }
  const int64_t limit = codec_->MaxCompressedLen(size, bytes.data());
  const size_t begin = out->size();
  uint8_t* to = out->Grow(static_cast<size_t>(limit));
  ARROW_ASSIGN_OR_RAISE(const int64_t compressed, codec_->Compress(size, bytes.data(), limit, to));
  out->Truncate(begin + static_cast<size_t>(compressed));
  return arrow::Status::OK();
}

}  // namespace croupier::format
