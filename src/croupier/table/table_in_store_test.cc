// Tables whose files are in an object store.

#include <filesystem>
#include <string>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include "croupier/database.h"
#include "croupier/storage/memory_store.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

// Puts a golden table into `memory://<store>/db/<name>.lance`.
void PutIntoMemory(const std::string& store, const std::string& name) {
  const std::filesystem::path root = testing::GoldenPath("tables/" + name + ".lance");
  storage::MemoryObjects objects;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    const auto path = std::filesystem::relative(entry.path(), root).string();
    const auto bytes = testing::ReadGolden("tables/" + name + ".lance/" + path);
    objects["db/" + name + ".lance/" + path] =
        arrow::Buffer::FromString(std::string(bytes.begin(), bytes.end()));
  }
  storage::MakeMemoryStore(store, std::move(objects));
}

TEST(TableInStoreTest, ReadsAsTheSameTableOnDisk) {
  PutIntoMemory("table_in_store", "numbers");
  const auto database = Database::Open("memory://table_in_store/db").ValueOrDie();
  EXPECT_EQ(database->TableNames().ValueOrDie(), std::vector<std::string>{"numbers"});
  const auto table = database->OpenTable("numbers").ValueOrDie();
  EXPECT_EQ(table->location(), "memory://table_in_store/db/numbers.lance");
  const auto on_disk = OpenLanceTable(testing::GoldenPath("tables/numbers.lance")).ValueOrDie();
  ScanOptions options;
  options.columns = {"i", kRowIdColumn};
  const auto expected = on_disk->Scan(options).ValueOrDie()->ToTable().ValueOrDie();
  EXPECT_GT(expected->num_rows(), 0);
  EXPECT_TRUE(table->Scan(options).ValueOrDie()->ToTable().ValueOrDie()->Equals(*expected));
  EXPECT_GT(ReadStoreCounters()["memory://"].num_bytes, 0);
}

TEST(TableInStoreTest, ACancelledOpeningGivesNoTable) {
  PutIntoMemory("table_in_store_cancelled", "numbers");
  CancelFlag cancel;
  cancel.Cancel();
  LanceOptions options;
  options.cancel = &cancel;
  EXPECT_TRUE(OpenLanceTable("memory://table_in_store_cancelled/db/numbers.lance", options)
                  .status()
                  .IsCancelled());
}

}  // namespace
}  // namespace croupier::table
