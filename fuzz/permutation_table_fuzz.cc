#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "croupier/permutation.h"
#include "require.h"

// The bytes are a serialized permutation table. What can be read is written back so that it reads
// the same, and maps positions to rows that there are.

using croupier::PermutationTable;
using croupier::fuzz::Require;

namespace {

// Empty if they are not there, or damaged.
std::vector<uint64_t> SomeRows(const PermutationTable& table, int64_t split) {
  std::vector<uint64_t> rows;
  const int64_t num_rows = table.split_num_rows(split);
  const int64_t step = std::max<int64_t>(1, num_rows / 20);
  for (int64_t k = 0; k < std::min<int64_t>(num_rows, 20); ++k) {
    rows.push_back(static_cast<uint64_t>(k * step));
  }
  if (!table.MapPositions(split, rows).ok()) rows.clear();
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto table = PermutationTable::Deserialize(bytes);
  if (!table.ok()) {
    Require(table.status().IsInvalid() || table.status().IsSerializationError(),
            "other bytes are malformed");
    return 0;
  }
  if ((*table)->num_splits() > 1000) return 0;
  const auto written = (*table)->Serialize();
  if (!written.ok()) {
    Require(written.status().IsSerializationError(), "a list is damaged");
    return 0;
  }
  const auto again = PermutationTable::Deserialize(*written);
  Require(again.ok(), "what was written can be read");
  Require((*again)->Serialize().ValueOrDie() == *written, "it is written the same");
  for (int64_t split = 0; split < (*table)->num_splits(); ++split) {
    const auto rows = SomeRows(**table, split);
    Require(SomeRows(**again, split) == rows, "it has the same rows");
    if ((*table)->maps_to_row_ids()) continue;
    for (const uint64_t rank : rows) {
      Require(rank < static_cast<uint64_t>((*table)->spec().num_base_rows), "there is such a row");
    }
  }
  return 0;
}
