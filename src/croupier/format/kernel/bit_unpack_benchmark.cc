#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include "croupier/base/hash.h"
#include "croupier/format/kernel/bit_unpack.h"

namespace croupier::format {
namespace {

std::vector<uint8_t> Noise(size_t size) {
  SplitMix64 random(1);
  std::vector<uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  return bytes;
}

// Arguments: packed width, blocks (1: in cache; many: out of cache).
template <typename Word>
void UnpackBlocks(benchmark::State& state) {
  const auto width = static_cast<int>(state.range(0));
  const auto num_blocks = static_cast<size_t>(state.range(1));
  const auto block_bytes = static_cast<size_t>(BitpackedBlockBytes(width));
  const auto packed = Noise(num_blocks * block_bytes + 1);
  std::vector<Word> values(num_blocks * kBitpackedBlockValues);
  for (auto _ : state) {
    for (size_t i = 0; i < num_blocks; ++i) {
      UnpackBits(packed.data() + i * block_bytes, width, values.data() + i * kBitpackedBlockValues);
    }
    benchmark::ClobberMemory();
  }
  const auto num_values = state.iterations() * static_cast<int64_t>(values.size());
  state.SetItemsProcessed(num_values);
  state.SetBytesProcessed(num_values * static_cast<int64_t>(sizeof(Word)));
}

// The limit: the unpacked bytes copied.
template <typename Word>
void CopyBlocks(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(1)) * kBitpackedBlockValues * sizeof(Word);
  const auto from = Noise(size);
  std::vector<uint8_t> to(size);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), size);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(size / sizeof(Word)));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}

BENCHMARK(UnpackBlocks<uint8_t>)->ArgsProduct({{1, 3, 7}, {1}});
BENCHMARK(UnpackBlocks<uint16_t>)->ArgsProduct({{1, 5, 15}, {1}});
BENCHMARK(UnpackBlocks<uint32_t>)->ArgsProduct({{1, 7, 20, 32}, {1, 8192}});
BENCHMARK(UnpackBlocks<uint64_t>)->ArgsProduct({{1, 11, 33, 62}, {1, 4096}});
BENCHMARK(CopyBlocks<uint8_t>)->Args({0, 1});
BENCHMARK(CopyBlocks<uint32_t>)->ArgsProduct({{0}, {1, 8192}});
BENCHMARK(CopyBlocks<uint64_t>)->ArgsProduct({{0}, {1, 4096}});

}  // namespace
}  // namespace croupier::format
