#include "croupier/format/encoding/general_compression.h"

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/util/compression.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

using test::ByteVector;
using test::ZstdBlock;

ByteVector Noise(size_t size) {
  SplitMix64 random(size + 1);
  ByteVector bytes(size);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  return bytes;
}

ByteVector Text(size_t size) {
  const std::string line = "a line of text that repeats itself; ";
  ByteVector bytes;
  while (bytes.size() < size)
    bytes.push_back(static_cast<uint8_t>(line[bytes.size() % line.size()]));
  return bytes;
}

ByteVector Compress(arrow::Compression::type type, const ByteVector& raw) {
  const auto codec = arrow::util::Codec::Create(type).ValueOrDie();
  ByteVector out(static_cast<size_t>(codec->MaxCompressedLen(std::ssize(raw), raw.data())));
  const int64_t size =
      codec->Compress(std::ssize(raw), raw.data(), std::ssize(out), out.data()).ValueOrDie();
  out.resize(static_cast<size_t>(size));
  return out;
}

ByteVector EncodeZstd(const ByteVector& raw) {
  return test::WithRawSize(uint64_t{raw.size()}, Compress(arrow::Compression::ZSTD, raw));
}

ByteVector EncodeLz4(const ByteVector& raw) {
  return test::WithRawSize(static_cast<uint32_t>(raw.size()),
                           Compress(arrow::Compression::LZ4, raw));
}

arrow::Result<ByteVector> DecompressToVector(CompressionScheme scheme, const ByteVector& bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto buffer, Decompress(scheme, bytes, arrow::default_memory_pool()));
  return ByteVector(buffer->data(), buffer->data() + buffer->size());
}

TEST(GeneralCompressionTest, ZstdAndLz4ComeBackAtEverySize) {
  for (const size_t size : {1u, 7u, 100u, 255u, 256u, 70000u, 131072u, 131073u, 400000u}) {
    for (const auto& raw : {Text(size), Noise(size), ByteVector(size, 0x11)}) {
      const auto zstd = DecompressToVector(CompressionScheme::kZstd, EncodeZstd(raw));
      ASSERT_TRUE(zstd.ok()) << zstd.status();
      EXPECT_EQ(*zstd, raw) << size;
      const auto lz4 = DecompressToVector(CompressionScheme::kLz4, EncodeLz4(raw));
      ASSERT_TRUE(lz4.ok()) << lz4.status();
      EXPECT_EQ(*lz4, raw) << size;
    }
  }
}

TEST(GeneralCompressionTest, NoBytesAreNoBytes) {
  for (const auto scheme : {CompressionScheme::kZstd, CompressionScheme::kLz4}) {
    EXPECT_EQ(DecompressToVector(scheme, {}).ValueOrDie(), ByteVector{});
  }
}

TEST(GeneralCompressionTest, AZstdFrameWithoutItsSizeInFrontIsRead) {
  for (const auto& raw : {Text(5000), Noise(5000)}) {
    const auto frame = Compress(arrow::Compression::ZSTD, raw);
    const auto decoded = DecompressToVector(CompressionScheme::kZstd, frame);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, raw);
  }
}

TEST(GeneralCompressionTest, RawAndRunBlocksAreRead) {
  const std::vector<ZstdBlock> blocks = {{ZstdBlock::kRaw, 3, {'a', 'b', 'c'}},
                                         {ZstdBlock::kRun, 1000, {'z'}},
                                         {ZstdBlock::kRaw, 0, {}},
                                         {ZstdBlock::kRun, 0, {'y'}},
                                         {ZstdBlock::kRaw, 1, {'d'}}};
  const std::string text = "abc" + std::string(1000, 'z') + "d";
  const ByteVector raw(text.begin(), text.end());
  for (const int64_t content_size : {int64_t{-1}, std::ssize(raw)}) {
    const auto frame = test::EncodeZstdFrame(blocks, content_size);
    for (const auto& bytes : {frame, test::WithRawSize(uint64_t{raw.size()}, frame)}) {
      const auto decoded = DecompressToVector(CompressionScheme::kZstd, bytes);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(*decoded, raw);
    }
  }
}

TEST(GeneralCompressionTest, AFrameThatDisagreesWithAStatedSizeIsAnError) {
  const std::vector<ZstdBlock> blocks = {{ZstdBlock::kRaw, 4, {1, 2, 3, 4}}};
  for (const uint64_t stated : {uint64_t{0}, uint64_t{3}, uint64_t{5}, UINT64_MAX}) {
    for (const int64_t content_size : {int64_t{-1}, int64_t{4}}) {
      const auto bytes = test::WithRawSize(stated, test::EncodeZstdFrame(blocks, content_size));
      EXPECT_TRUE(
          DecompressToVector(CompressionScheme::kZstd, bytes).status().IsSerializationError());
    }
  }
  EXPECT_TRUE(DecompressToVector(CompressionScheme::kZstd, test::EncodeZstdFrame(blocks, 5))
                  .status()
                  .IsSerializationError());
  auto compressed = EncodeZstd(Text(1000));
  compressed[0] ^= 1;
  EXPECT_TRUE(
      DecompressToVector(CompressionScheme::kZstd, compressed).status().IsSerializationError());
}

TEST(GeneralCompressionTest, BlocksThatNoWriterMakesAreErrors) {
  const std::vector<std::vector<ZstdBlock>> frames = {
      {{ZstdBlock::kReserved, 0, {}}},
      {{ZstdBlock::kRun, (128 << 10) + 1, {'x'}}},
      {{ZstdBlock::kRaw, 100, {'x'}}},  // cut off
  };
  for (const auto& blocks : frames) {
    EXPECT_TRUE(DecompressToVector(CompressionScheme::kZstd, test::EncodeZstdFrame(blocks, -1))
                    .status()
                    .IsSerializationError());
  }
}

TEST(GeneralCompressionTest, StatedSizesAreCheckedBeforeMemoryIsAsked) {
  auto* pool = arrow::default_memory_pool();
  const int64_t before = pool->total_bytes_allocated();
  const auto small = Compress(arrow::Compression::ZSTD, Text(100));
  EXPECT_FALSE(
      DecompressToVector(CompressionScheme::kZstd, test::WithRawSize(uint64_t{1} << 40, small))
          .ok());
  EXPECT_FALSE(DecompressToVector(CompressionScheme::kLz4,
                                  test::WithRawSize(uint32_t{0xffffffff}, ByteVector(100, 0xff)))
                   .ok());
  // A frame that states a huge content of its own.
  auto frame = test::EncodeZstdFrame({{ZstdBlock::kCompressed, 4, {1, 2, 3, 4}}}, int64_t{1} << 40);
  EXPECT_FALSE(DecompressToVector(CompressionScheme::kZstd, frame).ok());
  EXPECT_EQ(pool->total_bytes_allocated(), before);
}

TEST(GeneralCompressionTest, EveryTruncationIsAnError) {
  for (const auto& raw : {Text(600), Noise(600)}) {
    for (const auto scheme : {CompressionScheme::kZstd, CompressionScheme::kLz4}) {
      const auto bytes = scheme == CompressionScheme::kZstd ? EncodeZstd(raw) : EncodeLz4(raw);
      for (size_t size = 1; size < bytes.size(); ++size) {
        const ByteVector cut(bytes.begin(), bytes.begin() + static_cast<int64_t>(size));
        EXPECT_TRUE(DecompressToVector(scheme, cut).status().IsSerializationError()) << size;
      }
    }
  }
}

TEST(GeneralCompressionTest, AChangedByteIsAnErrorOrGivesBytesOfTheStatedSize) {
  SplitMix64 random(3);
  for (const auto& raw : {Text(600), Noise(300)}) {
    for (const auto scheme : {CompressionScheme::kZstd, CompressionScheme::kLz4}) {
      auto bytes = scheme == CompressionScheme::kZstd ? EncodeZstd(raw) : EncodeLz4(raw);
      for (size_t at = 0; at < bytes.size(); ++at) {
        const auto change = static_cast<uint8_t>(1 + random.Next() % 255);
        bytes[at] ^= change;
        const auto decoded = DecompressToVector(scheme, bytes);
        if (decoded.ok()) {
          EXPECT_EQ(static_cast<int64_t>(decoded->size()),
                    CompressedBytes::Parse(scheme, bytes)->raw_size_bytes())
              << at;
        } else {
          EXPECT_TRUE(decoded.status().IsSerializationError() ||
                      decoded.status().IsNotImplemented())
              << at << decoded.status();
        }
        bytes[at] ^= change;
      }
    }
  }
}

TEST(GeneralCompressorTest, BytesComeBack) {
  SplitMix64 random(3);
  test::ByteVector noise(5000);
  for (auto& byte : noise) byte = static_cast<uint8_t>(random.Next());
  auto* pool = arrow::default_memory_pool();
  for (const auto scheme : {CompressionScheme::kLz4, CompressionScheme::kZstd}) {
    for (const std::optional<int> level :
         {std::optional<int>(), std::optional<int>(0), std::optional<int>(5)}) {
      auto compressor = GeneralCompressor::Make(scheme, level).ValueOrDie();
      for (const auto& bytes : {noise, test::ByteVector(9000, 7), test::ByteVector{1}}) {
        OutputBytes out(pool);
        ASSERT_TRUE(compressor->Append(bytes, &out).ok());
        const auto read = Decompress(scheme, out.bytes(), pool);
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_EQ(test::ByteVector((*read)->data(), (*read)->data() + (*read)->size()), bytes);
      }
    }
  }
}

}  // namespace
}  // namespace croupier::format
