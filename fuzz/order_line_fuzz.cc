#include <cstddef>
#include <cstdint>
#include <string>

#include "croupier/order_spec.h"
#include "croupier/permutation.h"
#include "require.h"

// The bytes are a line of an order. What can be read is written back the same, and what is computed
// maps positions to rows that there are.

using croupier::OrderSpec;
using croupier::PermutationTable;
using croupier::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string line(reinterpret_cast<const char*>(data), size);
  const auto spec = OrderSpec::Parse(line);
  if (!spec.ok()) {
    Require(spec.status().IsInvalid(), "other lines are Invalid");
    return 0;
  }
  Require(spec->ToString() == line, "a line is written as it was read");
  Require(spec->OrderId().size() == 16, "an order has an id");
  if (!spec->is_computed() || spec->split_sizes.size() > 1000) return 0;
  const auto table = PermutationTable::Make(*spec);
  if (!table.ok()) return 0;
  for (int64_t split = 0; split < (*table)->num_splits(); ++split) {
    const int64_t num_rows = (*table)->split_num_rows(split);
    if (num_rows == 0) continue;
    uint64_t positions[] = {0, static_cast<uint64_t>(num_rows / 2),
                            static_cast<uint64_t>(num_rows - 1)};
    Require((*table)->MapPositions(split, positions).ok(), "a computed order has no errors");
    for (const uint64_t rank : positions) {
      Require(rank < static_cast<uint64_t>(spec->num_base_rows), "there is such a row");
    }
  }
  return 0;
}
