#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <arrow/array/array_binary.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/concatenate.h>
#include <arrow/buffer.h>
#include <arrow/chunked_array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include "croupier/blob.h"
#include "croupier/table.h"
#include "croupier/table/test_tables.h"
#include "croupier/table_writer.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

class BlobTableTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const TableSource> Open(BlobHandling blobs) const {
    LanceOptions options;
    options.blobs = blobs;
    return OpenLanceTable(testing::GoldenPath("tables/" + GetParam() + ".lance"), options)
        .ValueOrDie();
  }

  std::shared_ptr<arrow::LargeBinaryArray> Expected() const {
    const auto blobs = rows_->GetColumnByName("blob");
    return std::static_pointer_cast<arrow::LargeBinaryArray>(
        arrow::Concatenate(blobs->chunks()).ValueOrDie());
  }

  const std::shared_ptr<arrow::Table> rows_ = ReadGoldenRows(GetParam());
};

TEST_P(BlobTableTest, AScanOfDescriptorsSaysWhereBlobsAre) {
  const auto table = Open(BlobHandling::kDescriptors);
  const auto scanned = ScanAll(*table, {{}, {"blob", "i"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_EQ((*scanned)->schema()->field(0)->type()->id(), arrow::Type::STRUCT);
  EXPECT_EQ((*scanned)->column(0)->null_count(), Expected()->null_count());
  EXPECT_TRUE((*scanned)->column(1)->Equals(rows_->GetColumnByName("i")));
}

TEST_P(BlobTableTest, AScanOfBytesGivesTheBlobs) {
  const auto table = Open(BlobHandling::kBytes);
  EXPECT_TRUE(table->schema()->GetFieldByName("blob")->type()->Equals(*arrow::large_binary()));
  for (const int64_t batch_rows : {1, 4, 100}) {
    const auto scanned = ScanAll(*table, {{}, {"i", "_rowid", "blob"}, batch_rows});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_TRUE((*scanned)->GetColumnByName("blob")->Equals(rows_->GetColumnByName("blob")));
  }
}

TEST_P(BlobTableTest, BytesAreTakenInAnyOrderWithRepeats) {
  const auto table = Open(BlobHandling::kBytes);
  auto row_ids = RowIdsOf(*rows_);
  std::reverse(row_ids.begin(), row_ids.end());
  row_ids.push_back(row_ids.front());
  const auto taken = table->Take(row_ids, {"blob"});
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_TRUE((*taken)->ValidateFull().ok());
  const auto expected = Expected();
  for (int64_t slot = 0; slot < (*taken)->num_rows(); ++slot) {
    const int64_t row = slot == expected->length() ? slot - 1 : expected->length() - 1 - slot;
    EXPECT_TRUE((*taken)->column(0)->RangeEquals(*expected, slot, slot + 1, row)) << slot;
  }
}

TEST_P(BlobTableTest, AHandleReadsAnyPartOfItsBlob) {
  const auto expected = Expected();
  for (const auto handling : {BlobHandling::kDescriptors, BlobHandling::kBytes}) {
    const auto blobs = Open(handling)->TakeBlobs(RowIdsOf(*rows_), "blob");
    ASSERT_TRUE(blobs.ok()) << blobs.status();
    ASSERT_EQ(std::ssize(*blobs), expected->length());
    for (int64_t row = 0; row < expected->length(); ++row) {
      const auto& blob = (*blobs)[static_cast<size_t>(row)];
      ASSERT_EQ(blob == nullptr, expected->IsNull(row)) << row;
      if (blob == nullptr) continue;
      const auto bytes = expected->GetView(row);
      const auto size = std::ssize(bytes);
      EXPECT_EQ(blob->SizeBytes().ValueOrDie(), size);
      EXPECT_EQ(blob->ReadAll({}).ValueOrDie()->ToString(), bytes);
      EXPECT_EQ(blob->ReadRange(size / 3, size / 2, {}).ValueOrDie()->ToString(),
                bytes.substr(static_cast<size_t>(size / 3), static_cast<size_t>(size / 2)));
      EXPECT_EQ(blob->ReadRange(size, 0, {}).ValueOrDie()->size(), 0);
      for (const auto& [offset, count] : std::vector<std::pair<int64_t, int64_t>>{
               {0, size + 1}, {size, 1}, {-1, 1}, {0, -1}, {1, INT64_MAX}}) {
        EXPECT_TRUE(blob->ReadRange(offset, count, {}).status().IsIndexError()) << row;
      }
    }
  }
}

TEST_P(BlobTableTest, OnlyColumnsOfBlobsHaveThem) {
  const auto table = Open(BlobHandling::kDescriptors);
  const std::vector<uint64_t> row_ids = {0};
  EXPECT_TRUE(table->TakeBlobs(row_ids, "i").status().IsTypeError());
  EXPECT_TRUE(table->TakeBlobs(row_ids, "_rowid").status().IsTypeError());
  EXPECT_TRUE(table->TakeBlobs(row_ids, "other").status().IsKeyError());
  EXPECT_TRUE(table->TakeBlobs(std::vector<uint64_t>{999}, "blob").status().IsIndexError());
}

TEST_P(BlobTableTest, ACompactionKeepsTheBlobs) {
  const auto path = CopyGoldenTable(GetParam());
  CompactOptions compact;
  compact.max_deleted_share = 0;
  const auto compacted = TableWriter::Open(path).ValueOrDie()->Compact(compact);
  ASSERT_TRUE(compacted.ok()) << compacted.status();
  EXPECT_EQ(compacted->num_rows_added, rows_->num_rows());
  LanceOptions options;
  options.blobs = BlobHandling::kBytes;
  const auto scanned = ScanAll(*OpenLanceTable(path, options).ValueOrDie(), {{}, {"blob", "i"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)->column(0)->Equals(arrow::ChunkedArray(Expected())));
  EXPECT_TRUE((*scanned)->column(1)->Equals(rows_->GetColumnByName("i")));
}

TEST_P(BlobTableTest, SourcesSayWhatIsWrittenForBlobs) {
  const auto table = Open(BlobHandling::kSources);
  const auto type = table->schema()->GetFieldByName("blob")->type();
  const auto scanned = ScanAll(*table, {{}, {"blob"}}).ValueOrDie();
  const auto whole = arrow::Concatenate(scanned->column(0)->chunks()).ValueOrDie();
  ASSERT_TRUE(whole->ValidateFull().ok());
  const auto expected = Expected();
  EXPECT_EQ(whole->null_count(), expected->null_count());
  if (GetParam() == "blobs_v1") {
    EXPECT_TRUE(whole->Equals(*expected));
    return;
  }
  const auto& structs = static_cast<const arrow::StructArray&>(*whole);
  for (int64_t row = 0; row < whole->length(); ++row) {
    const bool is_elsewhere = structs.field(1)->IsValid(row);
    EXPECT_EQ(structs.field(0)->IsNull(row), expected->IsNull(row) || is_elsewhere);
    if (!structs.field(0)->IsValid(row)) continue;
    EXPECT_TRUE(structs.field(0)->RangeEquals(*expected, row, row + 1, row));
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, BlobTableTest, ::testing::Values("blobs_v1", "blobs_v2"));

// The paths of the files that hold blobs of the copy of a table.
std::vector<std::string> SidecarsOf(const std::string& table_path) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(table_path + "/data")) {
    if (entry.path().extension() == ".blob") paths.push_back(entry.path());
  }
  return paths;
}

TEST(BlobSidecarTest, AFileThatIsTooShortIsAnErrorThatNamesIt) {
  const auto path = CopyGoldenTable("blobs_v2");
  for (const auto& sidecar : SidecarsOf(path)) std::filesystem::resize_file(sidecar, 10);
  LanceOptions options;
  options.blobs = BlobHandling::kBytes;
  const auto status = ScanAll(*OpenLanceTable(path, options).ValueOrDie(), {{}, {"blob"}}).status();
  EXPECT_TRUE(status.IsSerializationError()) << status;
  EXPECT_NE(status.message().find(".blob"), std::string::npos) << status;
  // Handles are got, and fail when they are read.
  const auto blobs =
      OpenLanceTable(path).ValueOrDie()->TakeBlobs(RowIdsOf(*ReadGoldenRows("blobs_v2")), "blob");
  ASSERT_TRUE(blobs.ok()) << blobs.status();
  int num_errors = 0;
  for (const auto& blob : *blobs) {
    num_errors += blob != nullptr && blob->ReadAll({}).status().IsSerializationError();
  }
  EXPECT_GT(num_errors, 0);
}

TEST(BlobSidecarTest, AMissingFileIsAnErrorOfTheStorage) {
  const auto path = CopyGoldenTable("blobs_v2");
  for (const auto& sidecar : SidecarsOf(path)) std::filesystem::remove(sidecar);
  LanceOptions options;
  options.blobs = BlobHandling::kBytes;
  EXPECT_TRUE(
      ScanAll(*OpenLanceTable(path, options).ValueOrDie(), {{}, {"blob"}}).status().IsIOError());
}

TEST(JsonTableTest, JsonIsReadAsText) {
  const auto table = OpenGoldenTable("json");
  const auto expected = ReadGoldenRows("json");
  EXPECT_EQ(
      table->schema()->GetFieldByName("j")->metadata()->Get("ARROW:extension:name").ValueOrDie(),
      "arrow.json");
  const auto scanned = ScanAll(*table, {{}, {"j", "i"}});
  ASSERT_TRUE(scanned.ok()) << scanned.status();
  EXPECT_TRUE((*scanned)->column(0)->Equals(expected->column(0)))
      << (*scanned)->column(0)->ToString();
  const auto row_ids = RowIdsOf(*expected);
  const auto taken = table->Take(std::vector<uint64_t>{row_ids[13], row_ids[1], row_ids[0]}, {"j"});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE((*taken)->ValidateFull().ok());
  EXPECT_EQ((*taken)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "0.00001");
  EXPECT_TRUE((*taken)->column(0)->IsNull(1));
}

}  // namespace
}  // namespace croupier::table
