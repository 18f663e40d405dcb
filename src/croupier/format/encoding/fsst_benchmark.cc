#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "croupier/base/hash.h"
#include "croupier/format/encoding/fsst.h"
#include "croupier/format/encoding/test_encoders.h"

namespace croupier::format {
namespace {

// Addresses, as in a column of image URLs.
std::vector<std::string> Texts(size_t num_values) {
  SplitMix64 random(2);
  std::vector<std::string> texts;
  for (size_t i = 0; i < num_values; ++i) {
    texts.push_back("https://example.org/photos/" + std::to_string(random.Next() % 100000) +
                    "/full/" + std::to_string(random.Next() % 1000) + ".jpeg");
  }
  return texts;
}

const std::vector<std::string>& Symbols() {
  static const std::vector<std::string> symbols = {
      "https://", "example.", "org/phot", "os/", "/full/", ".jpeg", "1", "2",  "3",
      "4",        "5",        "6",        "7",   "8",      "9",     "0", "12", "34"};
  return symbols;
}

// Argument: values (1000: in cache; many: out of cache).
void DecodeValues(benchmark::State& state) {
  const auto table = FsstSymbolTable::Parse(test::EncodeFsstTable(Symbols())).ValueOrDie();
  std::vector<std::string> codes;
  int64_t size = 0;
  for (const auto& text : Texts(static_cast<size_t>(state.range(0)))) {
    codes.push_back(test::EncodeFsst(Symbols(), text));
    size += std::ssize(text);
  }
  std::vector<uint8_t> out(static_cast<size_t>(size + FsstSymbolTable::kSlackBytes));
  const auto bytes = [](const std::string& value) {
    return Bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size());
  };
  for (auto _ : state) {
    int64_t total = 0;
    for (const auto& value : codes) total += *table.DecodedSize(bytes(value));
    benchmark::DoNotOptimize(total);
    uint8_t* end = out.data();
    for (const auto& value : codes) end = table.Decode(bytes(value), end);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * size);
}

// The limit: the same values copied.
void CopyValues(benchmark::State& state) {
  const auto texts = Texts(static_cast<size_t>(state.range(0)));
  int64_t size = 0;
  for (const auto& text : texts) size += std::ssize(text);
  std::vector<uint8_t> out(static_cast<size_t>(size));
  for (auto _ : state) {
    uint8_t* end = out.data();
    for (const auto& text : texts) {
      std::memcpy(end, text.data(), text.size());
      end += text.size();
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * size);
}

BENCHMARK(DecodeValues)->Arg(1000)->Arg(200000);
BENCHMARK(CopyValues)->Arg(1000)->Arg(200000);

}  // namespace
}  // namespace croupier::format
