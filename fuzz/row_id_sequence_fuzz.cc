#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <arrow/status.h>

#include "croupier/format/manifest/row_id_sequence.h"
#include "require.h"

// The first two bytes are the number of rows of a fragment; the rest is a RowIdSequence message,
// and is also taken for a RowDatasetVersionSequence. Parsing gives an error, or a value for every
// row in no more memory than rows need.

namespace {

using croupier::format::RowIdSequence;
using croupier::format::RowVersionSequence;
using croupier::fuzz::Require;

void CheckIds(std::span<const uint8_t> message, int64_t num_rows) {
  const auto parsed = RowIdSequence::Parse(message, num_rows);
  if (!parsed.ok()) {
    Require(parsed.status().IsSerializationError(), parsed.status().ToString());
    return;
  }
  const RowIdSequence& ids = **parsed;
  Require(ids.num_rows() == num_rows, "there is an id for every row");
  Require(ids.pieces().size() * sizeof(RowIdSequence::Piece) +
                  ids.scattered().size() * sizeof(uint64_t) <=
              8 * static_cast<size_t>(num_rows) + sizeof(RowIdSequence::Piece),
          "at most 8 bytes a row");
  std::vector<uint64_t> all(static_cast<size_t>(num_rows));
  ids.Read(0, all);
  for (size_t row = 0; row < all.size(); ++row) {
    Require(ids.At(static_cast<uint32_t>(row)) == all[row], "single ids are those of all");
  }
}

void CheckVersions(std::span<const uint8_t> message, int64_t num_rows) {
  const auto parsed = RowVersionSequence::Parse(message, num_rows);
  if (!parsed.ok()) {
    Require(parsed.status().IsSerializationError(), parsed.status().ToString());
    return;
  }
  std::vector<uint64_t> all(static_cast<size_t>(num_rows));
  (*parsed)->Read(0, all);
  std::vector<uint64_t> last(1);
  if (num_rows == 0) return;
  (*parsed)->Read(static_cast<uint32_t>(num_rows - 1), last);
  Require(last[0] == all.back(), "the last version is that of all");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const int64_t num_rows = data[0] | data[1] << 8;
  CheckIds({data + 2, size - 2}, num_rows);
  CheckVersions({data + 2, size - 2}, num_rows);
  return 0;
}
