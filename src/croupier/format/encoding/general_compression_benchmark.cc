#include <cstring>
#include <string>
#include <vector>

#include <arrow/util/compression.h>
#include <benchmark/benchmark.h>

#include "croupier/base/hash.h"
#include "croupier/format/encoding/general_compression.h"
#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

enum Content : int64_t { kNoise = 0, kText = 1 };

test::ByteVector MakeValue(int64_t content, size_t size, uint64_t seed) {
  SplitMix64 random(seed);
  test::ByteVector bytes(size);
  if (content == kNoise) {
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    return bytes;
  }
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random.Next() % 300) + " ";
  std::memcpy(bytes.data(), text.data(), size);
  return bytes;
}

// Arguments: content, bytes of a value, values. Noise is what image columns hold: frames that store
// it.
void DecompressValues(benchmark::State& state) {
  const auto codec = arrow::util::Codec::Create(arrow::Compression::ZSTD).ValueOrDie();
  const auto size = static_cast<size_t>(state.range(1));
  std::vector<test::ByteVector> values;
  for (int64_t i = 0; i < state.range(2); ++i) {
    const auto raw = MakeValue(state.range(0), size, static_cast<uint64_t>(i));
    test::ByteVector frame(static_cast<size_t>(codec->MaxCompressedLen(std::ssize(raw), nullptr)));
    frame.resize(static_cast<size_t>(
        codec->Compress(std::ssize(raw), raw.data(), std::ssize(frame), frame.data())
            .ValueOrDie()));
    values.push_back(test::WithRawSize(uint64_t{size}, frame));
  }
  test::ByteVector out(size * values.size());
  for (auto _ : state) {
    uint8_t* end = out.data();
    DecompressionState kept;
    for (const auto& value : values) {
      const auto parsed = CompressedBytes::Parse(CompressionScheme::kZstd, value);
      if (!parsed.ok() || !parsed->DecompressInto(end, &kept).ok()) {
        state.SkipWithError("cannot decompress");
        return;
      }
      end += size;
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(2));
  state.SetBytesProcessed(state.iterations() * std::ssize(out));
}

// The limit: the same bytes copied.
void CopyValues(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(1));
  std::vector<test::ByteVector> values;
  for (int64_t i = 0; i < state.range(2); ++i) {
    values.push_back(MakeValue(state.range(0), size, static_cast<uint64_t>(i)));
  }
  test::ByteVector out(size * values.size());
  for (auto _ : state) {
    uint8_t* end = out.data();
    for (const auto& value : values) {
      std::memcpy(end, value.data(), size);
      end += size;
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(2));
  state.SetBytesProcessed(state.iterations() * std::ssize(out));
}

BENCHMARK(DecompressValues)
    ->ArgNames({"content", "bytes", "values"})
    ->ArgsProduct({{kNoise, kText}, {1000, 40000}, {4, 1000}});
BENCHMARK(CopyValues)
    ->ArgNames({"content", "bytes", "values"})
    ->ArgsProduct({{kNoise}, {1000, 40000}, {4, 1000}});

}  // namespace
}  // namespace croupier::format
