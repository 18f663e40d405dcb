#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <benchmark/benchmark.h>

#include "croupier/base/hash.h"
#include "croupier/format/page/column_assembler.h"

namespace croupier::format {
namespace {

// Rows of decoded chunks, as a table keeps them.
constexpr int64_t kChunkRows = 1024;

std::shared_ptr<arrow::Buffer> MakeBuffer(int64_t size) {
  std::shared_ptr<arrow::Buffer> buffer = arrow::AllocateBuffer(size).ValueOrDie();
  std::memset(buffer->mutable_data(), 0x2a, static_cast<size_t>(size));
  return buffer;
}

std::vector<std::shared_ptr<const arrow::ArrayData>> FixedChunks(
    const std::shared_ptr<arrow::DataType>& type, int64_t row_bytes, int64_t num_chunks) {
  std::vector<std::shared_ptr<const arrow::ArrayData>> chunks;
  for (int64_t i = 0; i < num_chunks; ++i) {
    chunks.push_back(
        arrow::ArrayData::Make(type, kChunkRows, {nullptr, MakeBuffer(kChunkRows * row_bytes)}, 0));
  }
  return chunks;
}

std::vector<std::shared_ptr<const arrow::ArrayData>> TextChunks(int64_t value_bytes,
                                                                int64_t num_chunks) {
  std::vector<std::shared_ptr<const arrow::ArrayData>> chunks;
  for (int64_t i = 0; i < num_chunks; ++i) {
    auto offsets = MakeBuffer((kChunkRows + 1) * 4);
    auto* out = reinterpret_cast<int32_t*>(offsets->mutable_data());
    for (int64_t k = 0; k <= kChunkRows; ++k) out[k] = static_cast<int32_t>(k * value_bytes);
    chunks.push_back(arrow::ArrayData::Make(
        arrow::utf8(), kChunkRows, {nullptr, offsets, MakeBuffer(kChunkRows * value_bytes)}, 0));
  }
  return chunks;
}

// For each chunk the runs that a batch takes of it: a scan takes it whole, a shuffled batch takes
// rows one by one, to slots anywhere.
std::vector<std::vector<RowRun>> MakeRuns(size_t num_chunks, bool scan, int64_t num_slots) {
  std::vector<std::vector<RowRun>> runs(num_chunks);
  if (scan) {
    for (size_t i = 0; i < num_chunks; ++i) {
      runs[i].push_back({0, static_cast<uint32_t>(i * kChunkRows), kChunkRows});
    }
    return runs;
  }
  SplitMix64 random(4);
  for (int64_t slot = 0; slot < num_slots; ++slot) {
    runs[random.Next() % num_chunks].push_back(
        {static_cast<uint32_t>(random.Next() % kChunkRows), static_cast<uint32_t>(slot), 1});
  }
  return runs;
}

void Assemble(benchmark::State& state, const std::shared_ptr<arrow::DataType>& type,
              const std::vector<std::shared_ptr<const arrow::ArrayData>>& chunks,
              int64_t row_bytes) {
  const bool scan = state.range(0) == 0;
  const int64_t num_slots = scan ? std::ssize(chunks) * kChunkRows : state.range(0);
  const auto runs = MakeRuns(chunks.size(), scan, num_slots);
  for (auto _ : state) {
    auto assembler =
        ColumnAssembler::Make(LeafPath::Flat(type), num_slots, arrow::default_memory_pool())
            .ValueOrDie();
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (runs[i].empty()) continue;
      if (!assembler->Append({chunks[i]}, runs[i]).ok()) state.SkipWithError("cannot append");
    }
    benchmark::DoNotOptimize(assembler->Finish());
  }
  state.SetItemsProcessed(state.iterations() * num_slots);
  state.SetBytesProcessed(state.iterations() * num_slots * row_bytes);
}

// Arguments of all: rows of a shuffled batch (0: a scan), bytes of a value, chunks.
void AssembleFixed(benchmark::State& state) {
  const auto bytes = static_cast<int32_t>(state.range(1));
  const auto type = arrow::fixed_size_binary(bytes);
  Assemble(state, type, FixedChunks(type, bytes, state.range(2)), bytes);
}

void AssembleText(benchmark::State& state) {
  Assemble(state, arrow::utf8(), TextChunks(state.range(1), state.range(2)), state.range(1));
}

// The limit of a scan: the bytes copied to new memory.
void CopyChunks(benchmark::State& state) {
  const int64_t chunk_bytes = kChunkRows * state.range(1);
  const auto from = MakeBuffer(chunk_bytes * state.range(2));
  for (auto _ : state) {
    std::shared_ptr<arrow::Buffer> to = arrow::AllocateBuffer(from->size()).ValueOrDie();
    std::memcpy(to->mutable_data(), from->data(), static_cast<size_t>(from->size()));
    benchmark::DoNotOptimize(to);
  }
  state.SetItemsProcessed(state.iterations() * kChunkRows * state.range(2));
  state.SetBytesProcessed(state.iterations() * from->size());
}

BENCHMARK(AssembleFixed)
    ->ArgNames({"batch", "bytes", "chunks"})
    ->ArgsProduct({{0, 256, 8192}, {4, 8, 16}, {16, 1000}})
    ->ArgsProduct({{0, 256}, {3072}, {4, 100}});
BENCHMARK(AssembleText)
    ->ArgNames({"batch", "bytes", "chunks"})
    ->ArgsProduct({{0, 256, 8192}, {12, 100}, {16, 1000}});
BENCHMARK(CopyChunks)
    ->ArgNames({"batch", "bytes", "chunks"})
    ->ArgsProduct({{0}, {8, 12}, {16, 1000}})
    ->ArgsProduct({{0}, {3072}, {4, 100}});

}  // namespace
}  // namespace croupier::format
