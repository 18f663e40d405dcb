#include "croupier/format/encoding/bitpacking.h"

#include <array>
#include <cstring>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/status.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/kernel/bit_pack.h"
#include "croupier/format/kernel/bit_unpack.h"

namespace croupier::format {

namespace {

constexpr int64_t kMaxImpliedValues = 1 << 16;

// Calls `call(Word{})` with the word type of these bits.
template <typename Call>
arrow::Result<ValueBlock> WithWord(int64_t word_bits, Call call) {
  switch (word_bits) {
    case 8:
      return call(uint8_t{});
    case 16:
      return call(uint16_t{});
    case 32:
      return call(uint32_t{});
    case 64:
      return call(uint64_t{});
    default:
      return arrow::Status::SerializationError("bit packing: no words of ", word_bits, " bits");
  }
}

}  // namespace

arrow::Result<ValueBlock> DecodeInlineBitpacking(int64_t word_bits, Bytes bytes, int64_t num_values,
                                                 arrow::MemoryPool* pool) {
  return WithWord(word_bits, [&](auto word) -> arrow::Result<ValueBlock> {
    using Word = decltype(word);
    if (num_values > kBitpackedBlockValues) {
      return arrow::Status::SerializationError("bit packing: a block has ", num_values, " values");
    }
    if (bytes.size() < sizeof(Word)) {
      return arrow::Status::SerializationError("bit packing: a block without its width");
    }
    const auto width = LoadLittleEndian<Word>(bytes.data());
    if (width > sizeof(Word) * 8 ||
        std::ssize(bytes) !=
            static_cast<int64_t>(sizeof(Word)) + BitpackedBlockBytes(static_cast<int64_t>(width))) {
      return arrow::Status::SerializationError("bit packing: a block of the width ",
                                               uint64_t{width}, " has ", bytes.size(), " bytes");
    }
    ARROW_ASSIGN_OR_RAISE(auto buffer,
                          arrow::AllocateResizableBuffer(
                              kBitpackedBlockValues * static_cast<int64_t>(sizeof(Word)), pool));
    UnpackBits(bytes.data() + sizeof(Word), static_cast<int>(width),
               reinterpret_cast<Word*>(buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(num_values * static_cast<int64_t>(sizeof(Word)),
                                       /*shrink_to_fit=*/false));
    return ValueBlock{num_values, std::move(buffer), nullptr, {}};
  });
}

arrow::Result<ValueBlock> DecodeOutOfLineBitpacking(int64_t word_bits, int64_t width, Bytes bytes,
                                                    int64_t num_values, arrow::MemoryPool* pool) {
  return WithWord(word_bits, [&](auto word) -> arrow::Result<ValueBlock> {
    using Word = decltype(word);
    if (width < 0 || width >= word_bits) {
      return arrow::Status::SerializationError("bit packing: the width ", width, " for words of ",
                                               word_bits, " bits");
    }
    // Values of no bits take no bytes of the file: levels and indices of a chunk at most.
    if (width == 0 && num_values > kMaxImpliedValues) {
      return arrow::Status::CapacityError("bit packing: ", num_values, " values of 0 bits");
    }
    const int64_t num_full = num_values / kBitpackedBlockValues;
    const int64_t num_rest = num_values % kBitpackedBlockValues;
    const int64_t full_bytes = num_full * BitpackedBlockBytes(width);
    const int64_t rest_bytes = std::ssize(bytes) - full_bytes;
    const int64_t raw_rest_bytes = num_rest * static_cast<int64_t>(sizeof(Word));
    const bool rest_is_raw = width > 0 && rest_bytes == raw_rest_bytes;
    if (!rest_is_raw && rest_bytes != (num_rest > 0 ? BitpackedBlockBytes(width) : 0)) {
      return arrow::Status::SerializationError("bit packing: ", num_values, " values of ", width,
                                               " bits in ", bytes.size(), " bytes");
    }
    ARROW_ASSIGN_OR_RAISE(
        auto buffer, arrow::AllocateBuffer(num_values * static_cast<int64_t>(sizeof(Word)), pool));
    auto* values = reinterpret_cast<Word*>(buffer->mutable_data());
    const uint8_t* packed = bytes.data();
    for (int64_t block = 0; block < num_full; ++block) {
      UnpackBits(packed, static_cast<int>(width), values);
      packed += BitpackedBlockBytes(width);
      values += kBitpackedBlockValues;
    }
    if (rest_is_raw) {
      if (num_rest > 0) std::memcpy(values, packed, static_cast<size_t>(raw_rest_bytes));
    } else if (num_rest > 0) {
      std::array<Word, kBitpackedBlockValues> rest;
      UnpackBits(packed, static_cast<int>(width), rest.data());
      std::memcpy(values, rest.data(), static_cast<size_t>(raw_rest_bytes));
    }
    return ValueBlock{num_values, std::move(buffer), nullptr, {}};
  });
}

namespace {

// Pack up to 1024 values of any alignment; zeros fill the block up.
template <typename Word>
void PackBlock(const uint8_t* values, int64_t num_values, int width, uint8_t* packed) {
  alignas(64) std::array<Word, kBitpackedBlockValues> block;
  const auto size = static_cast<size_t>(num_values) * sizeof(Word);
  std::memcpy(block.data(), values, size);
  std::memset(reinterpret_cast<uint8_t*>(block.data()) + size, 0, sizeof(block) - size);
  PackBits(block.data(), width, packed);
}

}  // namespace

template <std::unsigned_integral Word>
void EncodeInlineBitpacking(const uint8_t* values, int64_t num_values, OutputBytes* out) {
  const int width = BitWidthOf<Word>(values, num_values);
  out->AppendValue(static_cast<Word>(width));
  PackBlock<Word>(values, num_values, width,
                  out->Grow(static_cast<size_t>(BitpackedBlockBytes(width))));
}

template <std::unsigned_integral Word>
void EncodeOutOfLineBitpacking(const uint8_t* values, int64_t num_values, int width,
                               OutputBytes* out) {
  const auto block_bytes = static_cast<size_t>(BitpackedBlockBytes(width));
  for (; num_values >= kBitpackedBlockValues; num_values -= kBitpackedBlockValues) {
    PackBlock<Word>(values, kBitpackedBlockValues, width, out->Grow(block_bytes));
    values += kBitpackedBlockValues * sizeof(Word);
  }
  // The size tells a packed rest from a raw one.
  const size_t raw_bytes = static_cast<size_t>(num_values) * sizeof(Word);
  if (block_bytes < raw_bytes) {
    PackBlock<Word>(values, num_values, width, out->Grow(block_bytes));
  } else {
    out->Append(values, raw_bytes);
  }
}

template void EncodeInlineBitpacking<uint8_t>(const uint8_t*, int64_t, OutputBytes*);
template void EncodeInlineBitpacking<uint16_t>(const uint8_t*, int64_t, OutputBytes*);
template void EncodeInlineBitpacking<uint32_t>(const uint8_t*, int64_t, OutputBytes*);
template void EncodeInlineBitpacking<uint64_t>(const uint8_t*, int64_t, OutputBytes*);
template void EncodeOutOfLineBitpacking<uint8_t>(const uint8_t*, int64_t, int, OutputBytes*);
template void EncodeOutOfLineBitpacking<uint16_t>(const uint8_t*, int64_t, int, OutputBytes*);
template void EncodeOutOfLineBitpacking<uint32_t>(const uint8_t*, int64_t, int, OutputBytes*);
template void EncodeOutOfLineBitpacking<uint64_t>(const uint8_t*, int64_t, int, OutputBytes*);

}  // namespace croupier::format
