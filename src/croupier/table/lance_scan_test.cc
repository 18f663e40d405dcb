#include "croupier/table/lance_scan.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <arrow/memory_pool.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include "croupier/cancel.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/child_process.h"

namespace croupier::table {
namespace {

std::shared_ptr<arrow::RecordBatch> RowsAt(const arrow::Table& rows, int64_t begin, int64_t end) {
  return rows.Slice(begin, end - begin)->CombineChunksToBatch().ValueOrDie();
}

TEST(LanceScanTest, BatchesOfAnySizeCutAcrossFragmentsAndDeletionsAlike) {
  for (const std::string name : {"records", "deletions_arrow", "deletions_bitmap", "evolved"}) {
    const auto table = OpenGoldenTable(name);
    const auto rows = ReadGoldenRows(name);
    for (const int64_t batch_rows : {1, 3, 64, 1000, 1 << 20}) {
      const auto scanned = ScanAll(*table, {{}, rows->schema()->field_names(), batch_rows});
      ASSERT_TRUE(scanned.ok()) << scanned.status();
      EXPECT_TRUE((*scanned)->Equals(*rows)) << name << ", batches of " << batch_rows;
    }
  }
}

TEST(LanceScanTest, ACancelledBatchIsStillToCome) {
  const auto table = OpenGoldenTable("records");
  const auto rows = ReadGoldenRows("records");
  CancelFlag cancel;
  const auto columns = rows->schema()->field_names();
  const auto reader = table->Scan({{.cancel = &cancel}, columns, 10}).ValueOrDie();
  EXPECT_TRUE(reader->Next().ValueOrDie()->Equals(*RowsAt(*rows, 0, 10)));
  cancel.Cancel();
  EXPECT_TRUE(reader->Next().status().IsCancelled());
}

TEST(LanceScanTest, AScanThatIsDroppedHalfwayEndsItsThreads) {
  const auto rows = ReadGoldenRows("records");
  for (int i = 0; i < 20; ++i) {
    // The reader is the last to hold the table.
    const auto reader =
        OpenGoldenTable("records")->Scan({{}, rows->schema()->field_names(), 7}).ValueOrDie();
    EXPECT_TRUE(reader->Next().ValueOrDie()->Equals(*RowsAt(*rows, 0, 7)));
  }
}

TEST(LanceScanTest, ParentAndChildEachGoOnFromTheSameBatch) {
  const auto table = OpenGoldenTable("records");
  const auto rows = ReadGoldenRows("records");
  const auto reader = table->Scan({{}, rows->schema()->field_names(), 10}).ValueOrDie();
  EXPECT_TRUE(reader->Next().ValueOrDie()->Equals(*RowsAt(*rows, 0, 10)));
  const auto reads_the_rest = [&] {
    const auto rest = reader->ToTable().ValueOrDie();
    return rest->Equals(*rows->Slice(10));
  };
  const auto child = testing::RunInForkedChild([&] { return reads_the_rest() ? 0 : 1; });
  EXPECT_EQ(child.exit_code, 0);
  EXPECT_FALSE(child.timed_out);
  EXPECT_TRUE(reads_the_rest());
}

}  // namespace
}  // namespace croupier::table
