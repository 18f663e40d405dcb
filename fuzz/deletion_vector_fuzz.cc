#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/status.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/manifest/deletion_vector.h"
#include "require.h"

// The bytes are u8 form (even: bitmap, odd: Arrow), u32 rows of the fragment, the deletion file.
// Parsing gives an error, or runs of rows that there are; it takes no more memory than the file
// explains.

namespace {

using croupier::format::DeletionVector;
using croupier::fuzz::Require;
using Parsed = arrow::Result<std::shared_ptr<const DeletionVector>>;

Parsed ParseArrow(std::span<const uint8_t> file, int64_t num_rows) {
  const auto* pool = arrow::default_memory_pool();
  const int64_t before = pool->total_bytes_allocated();
  auto parsed = DeletionVector::ParseArrow(
      std::make_shared<arrow::Buffer>(file.data(), std::ssize(file)), num_rows);
  // Batches may share the bytes of the file, so each of them may cost that much.
  Require(pool->total_bytes_allocated() - before < (int64_t{1} << 30), "memory is bounded");
  return parsed;
}

void Check(const DeletionVector& vector, int64_t num_rows) {
  int64_t num_deleted = 0;
  int64_t after = -1;
  for (const auto& run : vector.runs()) {
    Require(run.begin > after && run.begin < run.end, "runs ascend and do not touch");
    Require(run.num_deleted_before == num_deleted, "runs count what lies before them");
    Require(vector.Contains(run.begin) && vector.Contains(run.end - 1), "runs are deleted");
    Require(!vector.Contains(run.end), "runs end");
    if (run.begin > 0) {
      const auto rank = static_cast<uint32_t>(run.begin - num_deleted - 1);
      Require(vector.Select(rank) == run.begin - 1, "the live row before a run is found");
    }
    num_deleted += run.end - run.begin;
    after = run.end;
  }
  Require(after <= num_rows, "deleted rows are rows");
  Require(vector.num_deleted() == num_deleted, "deleted rows are counted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  croupier::ByteReader reader({data, size});
  const auto form = reader.Read<uint8_t>();
  const auto num_rows = reader.Read<uint32_t>();
  if (!num_rows.ok()) return 0;
  const auto file = reader.ReadBytes(reader.remaining()).ValueOrDie();
  const auto parsed =
      *form % 2 == 0 ? DeletionVector::ParseBitmap(file, *num_rows) : ParseArrow(file, *num_rows);
  if (parsed.ok()) {
    Check(**parsed, *num_rows);
  } else {
    Require(parsed.status().IsSerializationError(), parsed.status().ToString());
  }
  return 0;
}
