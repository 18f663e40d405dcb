#include "croupier/table_writer.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/io_util.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "croupier/table/test_tables.h"
#include "croupier/table/test_written_tables.h"
#include "croupier/testing/child_process.h"
#include "croupier/testing/golden.h"

namespace croupier::table {
namespace {

class TableWriterTest : public WrittenTableTest {};

TEST_P(TableWriterTest, WhatIsCreatedIsRead) {
  const auto rows = Range(0, 1000);
  const auto result = Create(rows);
  EXPECT_EQ(result.version, 1);
  EXPECT_EQ(result.num_rows_added, 1000);
  EXPECT_EQ(Read(), rows);
  EXPECT_EQ(Open()->schema()->ToString(), TwoColumns()->ToString());
}

TEST_P(TableWriterTest, ATableIsCreatedOnce) {
  Create(Range(0, 3));
  const auto status = TableWriter::Create(uri_, StreamOf(Range(5, 6))).status();
  EXPECT_TRUE(status.IsAlreadyExists()) << status;
  EXPECT_EQ(Read(), Range(0, 3));
}

TEST_P(TableWriterTest, AnEmptyStreamMakesAnEmptyTable) {
  Create({});
  EXPECT_EQ(Open()->CountRows().ValueOrDie(), 0);
  const auto result = Writer()->Append(StreamOf(Range(0, 2))).ValueOrDie();
  EXPECT_EQ(result.version, 2);
  EXPECT_EQ(Read(), Range(0, 2));
}

TEST_P(TableWriterTest, RowsAreDividedIntoFiles) {
  CreateOptions options;
  options.max_rows_per_file = 7;
  std::vector<int64_t> seen;
  options.progress = [&](const WriteProgress& progress) {
    seen.push_back(progress.num_rows);
    EXPECT_EQ(progress.num_files, (progress.num_rows + 6) / 7);
    return arrow::Status::OK();
  };
  ASSERT_TRUE(TableWriter::Create(uri_,
                                  StreamOf(arrow::RecordBatchVector{
                                      BatchOf(Range(0, 10)), BatchOf({}), BatchOf(Range(10, 20))}),
                                  options)
                  .ok());
  EXPECT_EQ(Read(), Range(0, 20));
  const auto addresses = NumbersOf(*Open(), kRowAddressColumn);
  EXPECT_EQ(addresses[6], 6);
  EXPECT_EQ(addresses[7], uint64_t{1} << 32);
  EXPECT_EQ(addresses[19], (uint64_t{2} << 32) + 5);
  EXPECT_EQ(seen, (std::vector<int64_t>{7, 10, 14, 20}));
}

TEST_P(TableWriterTest, AppendsInAnyOrderOfColumnsAndWithoutNullableOnes) {
  Create(Range(0, 2));
  const auto batch = BatchOf(Range(2, 4));
  ASSERT_TRUE(
      Writer()
          ->Append(StreamOf(arrow::RecordBatchVector{batch->SelectColumns({1, 0}).ValueOrDie()}))
          .ok());
  EXPECT_EQ(Read(), Range(0, 4));
  ASSERT_TRUE(
      Writer()
          ->Append(StreamOf(arrow::RecordBatchVector{batch->SelectColumns({0}).ValueOrDie()}))
          .ok());
  const auto table = Scan(*Open(), {"id", "text"});
  EXPECT_EQ(table->num_rows(), 6);
  EXPECT_EQ(table->column(1)->null_count(), 2);
  EXPECT_EQ(Open()->version(), 3);
  VersionRef first;
  first.version = 1;
  EXPECT_EQ(Read(first), Range(0, 2));
}

TEST_P(TableWriterTest, RowsOfAnotherSchemaAreRefusedByNameAndType) {
  Create(Range(0, 2));
  const auto append = [&](const arrow::FieldVector& fields) {
    arrow::ArrayVector arrays;
    for (const auto& field : fields) {
      arrays.push_back(arrow::MakeArrayOfNull(field->type(), 1).ValueOrDie());
    }
    return Writer()
        ->Append(StreamOf(arrow::RecordBatchVector{
            arrow::RecordBatch::Make(arrow::schema(fields), 1, std::move(arrays))}))
        .status();
  };
  const auto unknown =
      append({arrow::field("id", arrow::int64()), arrow::field("x", arrow::int8())});
  EXPECT_TRUE(unknown.IsInvalid());
  EXPECT_NE(unknown.message().find("'x'"), std::string::npos) << unknown;
  const auto other = append({arrow::field("id", arrow::int32())});
  EXPECT_TRUE(other.IsTypeError());
  EXPECT_NE(other.message().find("'id' has the type int64, the rows have int32"), std::string::npos)
      << other;
  const auto twice =
      append({arrow::field("id", arrow::int64()), arrow::field("id", arrow::int64())});
  EXPECT_TRUE(twice.IsInvalid()) << twice;
  EXPECT_EQ(Open()->version(), 1);
  EXPECT_EQ(Read(), Range(0, 2));
}

TEST_P(TableWriterTest, AStreamThatFailsLeavesTheTableAsItWas) {
  class Failing : public arrow::RecordBatchReader {
   public:
    std::shared_ptr<arrow::Schema> schema() const override { return TwoColumns(); }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
      if (++num_read_ > 3) return arrow::Status::Invalid("the stream is broken");
      *batch = BatchOf(Range(0, 100));
      return arrow::Status::OK();
    }

   private:
    int num_read_ = 0;
  };
  WriteOptions options;
  options.max_rows_per_file = 50;
  CreateOptions create;
  create.max_rows_per_file = 50;
  const auto created = TableWriter::Create(uri_, std::make_shared<Failing>(), create).status();
  EXPECT_NE(created.message().find("the stream is broken"), std::string::npos) << created;
  EXPECT_FALSE(OpenLanceTable(uri_).ok());
  EXPECT_TRUE(GetParam() || !std::filesystem::exists(uri_));
  Create(Range(0, 2));
  EXPECT_FALSE(Writer()->Append(std::make_shared<Failing>(), options).ok());
  EXPECT_FALSE(Writer()->Overwrite(std::make_shared<Failing>(), options).ok());
  EXPECT_EQ(Read(), Range(0, 2));
  EXPECT_TRUE(GetParam() || FilesIn(uri_ + "/data").size() == 1);
}

TEST_P(TableWriterTest, AnOverwriteReplacesSchemaAndRowsAndKeepsOldVersions) {
  Create(Range(0, 5));
  const auto schema =
      arrow::schema({arrow::field("x", arrow::float32())}, arrow::key_value_metadata({"k"}, {"v"}));
  arrow::FloatBuilder builder;
  ASSERT_TRUE(builder.AppendValues({1.5F, 2.5F}).ok());
  const auto batch = arrow::RecordBatch::Make(schema, 2, {builder.Finish().ValueOrDie()});
  const auto result = Writer()->Overwrite(StreamOf(arrow::RecordBatchVector{batch})).ValueOrDie();
  EXPECT_EQ(result.version, 2);
  EXPECT_EQ(result.num_rows_added, 2);
  EXPECT_EQ(result.num_rows_removed, 5);
  EXPECT_TRUE(Open()->schema()->Equals(*schema, /*check_metadata=*/true));
  EXPECT_EQ(Open()->CountRows().ValueOrDie(), 2);
  // Fragment ids go on.
  EXPECT_EQ(NumbersOf(*Open(), kRowAddressColumn)[0], uint64_t{1} << 32);
  VersionRef first;
  first.version = 1;
  EXPECT_EQ(Read(first), Range(0, 5));
}

TEST_P(TableWriterTest, DeletesRows) {
  Create(Range(0, 20), 5);
  const auto result = Delete([](int64_t id) { return id % 2 == 0 || id >= 15; }).ValueOrDie();
  EXPECT_EQ(result.num_rows_removed, 13);
  EXPECT_EQ(result.version, 2);
  Rows left;
  for (int64_t id = 1; id < 15; id += 2) left.emplace_back(id, TextOf(id));
  EXPECT_EQ(Read(), left);
  // Again in fragments that have deletions; what is there stays deleted.
  ASSERT_TRUE(Delete([](int64_t id) { return id == 1 || id == 7; }).ok());
  std::erase_if(left, [](const auto& row) { return row.first == 1 || row.first == 7; });
  EXPECT_EQ(Read(), left);
  EXPECT_EQ(Open()->CountRows().ValueOrDie(), std::ssize(left));
  ASSERT_TRUE(Delete([](int64_t) { return true; }).ok());
  EXPECT_EQ(Open()->CountRows().ValueOrDie(), 0);
}

TEST_P(TableWriterTest, WhatChangesNothingMakesNoVersion) {
  Create(Range(0, 5));
  const auto result = Delete([](int64_t) { return false; }).ValueOrDie();
  EXPECT_EQ(result.version, 1);
  EXPECT_EQ(result.num_attempts, 0);
  EXPECT_EQ(Writer()->Append(StreamOf(Rows())).ValueOrDie().version, 1);
  EXPECT_EQ(Writer()->Compact().ValueOrDie().version, 1);
  EXPECT_EQ(Writer()->DropColumns({}).ValueOrDie().version, 1);
}

TEST_P(TableWriterTest, AddressesOfNoLiveRowAreRefused) {
  Create(Range(0, 5));
  ASSERT_TRUE(Delete([](int64_t id) { return id == 2; }).ok());
  for (const auto& removed :
       std::vector<std::vector<uint64_t>>{{2}, {5}, {uint64_t{1} << 32}, {UINT64_MAX}, {0, 0}}) {
    const auto status =
        Writer()
            ->ChangeRows(
                [&](const std::shared_ptr<const TableSource>&) -> arrow::Result<RowChange> {
                  return RowChange{.removed = removed};
                })
            .status();
    EXPECT_TRUE(status.IsIndexError() || status.IsInvalid()) << status;
  }
  EXPECT_EQ(Open()->version(), 2);
  EXPECT_EQ(Open()->CountRows().ValueOrDie(), 4);
}

TEST_P(TableWriterTest, UpdatedRowsKeepTheirStableIds) {
  Create(Range(0, 10), 4, /*stable_row_ids=*/true);
  const auto result =
      Writer()
          ->ChangeRows(
              [&](const std::shared_ptr<const TableSource>& source) -> arrow::Result<RowChange> {
                RowChange change;
                change.removed = Find(*source, [](int64_t id) { return id == 2 || id == 7; });
                std::ranges::reverse(change.removed);
                change.num_updated = 2;
                change.added = StreamOf(Rows{{7, "new"}, {2, "new"}, {100, "inserted"}});
                return change;
              })
          .ValueOrDie();
  EXPECT_EQ(result.num_rows_added, 3);
  EXPECT_EQ(result.num_rows_removed, 2);
  const auto table = Open();
  EXPECT_EQ(NumbersOf(*table, kRowIdColumn),
            (std::vector<uint64_t>{0, 1, 3, 4, 5, 6, 8, 9, 7, 2, 10}));
  EXPECT_EQ(NumbersOf(*table, kRowCreatedAtVersionColumn),
            (std::vector<uint64_t>{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(NumbersOf(*table, kRowLastUpdatedAtVersionColumn),
            (std::vector<uint64_t>{1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2}));
  const std::vector<uint64_t> wanted = {2, 10, 7};
  const auto taken = table->Take(wanted, {"id"}).ValueOrDie();
  EXPECT_EQ(taken->column(0)->ToString().find("100") != std::string::npos, true);
  // And through a compaction.
  ASSERT_TRUE(Writer()->Compact().ok());
  auto ids = NumbersOf(*Open(), kRowIdColumn);
  EXPECT_EQ(Open()->Take(wanted, {"id"}).ValueOrDie()->ToString(), taken->ToString());
  EXPECT_EQ(ids.size(), 11);
  EXPECT_EQ(NumbersOf(*Open(), kRowLastUpdatedAtVersionColumn),
            (std::vector<uint64_t>{1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2}));
  // New rows get new ids.
  ASSERT_TRUE(Writer()->Append(StreamOf(Range(200, 201))).ok());
  EXPECT_EQ(NumbersOf(*Open(), kRowIdColumn).back(), 11);
}

TEST_P(TableWriterTest, AddsAndDropsColumns) {
  Create(Range(0, 20), 5);
  ASSERT_TRUE(Delete([](int64_t id) { return id % 5 == 0 || id % 5 == 4 || id == 7; }).ok());
  const auto before = Read();
  NewColumns doubled;
  doubled.schema = arrow::schema({arrow::field("double", arrow::int64(), /*nullable=*/false)});
  doubled.inputs = {"id"};
  doubled.compute = [&](const std::shared_ptr<arrow::RecordBatch>& batch)
      -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    arrow::Int64Builder builder;
    const auto& ids = static_cast<const arrow::Int64Array&>(*batch->column(0));
    for (int64_t i = 0; i < ids.length(); ++i)
      ARROW_RETURN_NOT_OK(builder.Append(2 * ids.Value(i)));
    ARROW_ASSIGN_OR_RAISE(auto array, builder.Finish());
    return arrow::RecordBatch::Make(doubled.schema, batch->num_rows(), {array});
  };
  ASSERT_TRUE(Writer()->AddColumns(doubled).ok());
  NewColumns nothing;
  nothing.schema = arrow::schema({arrow::field("nothing", arrow::utf8())});
  ASSERT_TRUE(Writer()->AddColumns(nothing).ok());
  const auto table = Scan(*Open(), {"id", "double", "nothing"});
  const auto batch = table->CombineChunksToBatch().ValueOrDie();
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    EXPECT_EQ(static_cast<const arrow::Int64Array&>(*batch->column(1)).Value(i),
              2 * static_cast<const arrow::Int64Array&>(*batch->column(0)).Value(i));
  }
  EXPECT_EQ(batch->column(2)->null_count(), batch->num_rows());
  EXPECT_EQ(Read(), before);
  EXPECT_TRUE(Writer()->AddColumns(nothing).status().IsInvalid());

  ASSERT_TRUE(Writer()->DropColumns({"double", "text"}).ok());
  EXPECT_EQ(Open()->schema()->field_names(), (std::vector<std::string>{"id", "nothing"}));
  EXPECT_EQ(Scan(*Open(), {"id"})->num_rows(), std::ssize(before));
  const auto unknown = Writer()->DropColumns({"nope"}).status();
  EXPECT_TRUE(unknown.IsKeyError()) << unknown;
  EXPECT_TRUE(Writer()->DropColumns({"id", "nothing"}).status().IsInvalid());
  // A new column of an old name has none of its values.
  nothing.schema = arrow::schema({arrow::field("text", arrow::utf8())});
  ASSERT_TRUE(Writer()->AddColumns(nothing).ok());
  EXPECT_EQ(Scan(*Open(), {"text"})->column(0)->null_count(), std::ssize(before));
}

TEST_P(TableWriterTest, DeletedRowsCostNoLargeValuesOfNewColumns) {
  constexpr int64_t kNumRows = 70000;
  Create(Range(0, kNumRows));
  ASSERT_TRUE(Delete([](int64_t id) { return id != 0 && id != kNumRows - 1; }).ok());
  const auto large = arrow::schema({arrow::field("large", arrow::utf8())});
  const auto compute = [&](const std::shared_ptr<arrow::RecordBatch>& rows)
      -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    arrow::StringBuilder texts;
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      ARROW_RETURN_NOT_OK(texts.Append(std::string(1 << 20, 'x')));
    }
    ARROW_ASSIGN_OR_RAISE(auto column, texts.Finish());
    return arrow::RecordBatch::Make(large, rows->num_rows(), {std::move(column)});
  };
  const auto added = Writer()->AddColumns({large, {"id"}, compute});
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(Scan(*Open(), {"large"})->column(0)->null_count(), 0);
  if (GetParam()) return;
  uintmax_t num_bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(uri_)) {
    if (entry.is_regular_file()) num_bytes += entry.file_size();
  }
  EXPECT_LT(num_bytes, 10 << 20);
}

TEST_P(TableWriterTest, NewColumnsOfOtherShapeAreRefused) {
  Create(Range(0, 20), 5);
  NewColumns columns;
  columns.schema = arrow::schema({arrow::field("x", arrow::int64())});
  columns.inputs = {"id"};
  columns.compute = [](const std::shared_ptr<arrow::RecordBatch>& batch)
      -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> { return batch->Slice(0, 2); };
  EXPECT_TRUE(Writer()->AddColumns(columns).status().IsInvalid());
  columns.compute = [](const std::shared_ptr<arrow::RecordBatch>& batch)
      -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> { return batch; };
  EXPECT_FALSE(Writer()->AddColumns(columns).ok());
  columns.compute = [](const std::shared_ptr<arrow::RecordBatch>&)
      -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
    return arrow::Status::Invalid("no values");
  };
  EXPECT_FALSE(Writer()->AddColumns(columns).ok());
  EXPECT_EQ(Open()->version(), 1);
}

TEST_P(TableWriterTest, CompactsSmallFragmentsAndThoseWithDeletions) {
  Create(Range(0, 100), 10);
  ASSERT_TRUE(Delete([](int64_t id) { return id % 3 == 0; }).ok());
  const auto before = Read();
  CompactOptions options;
  options.target_rows_per_fragment = 40;
  const auto result = Writer()->Compact(options).ValueOrDie();
  EXPECT_EQ(result.version, 3);
  EXPECT_EQ(Read(), before);
  // Nothing is left to do.
  EXPECT_EQ(Writer()->Compact(options).ValueOrDie().num_attempts, 0);
  VersionRef second;
  second.version = 2;
  EXPECT_EQ(Read(second), before);
}

TEST_P(TableWriterTest, RacingWritersLoseNothing) {
  CreateOptions create;
  create.max_rows_per_file = 10;
  ASSERT_TRUE(TableWriter::Create(uri_, StreamOf(Range(0, 100)), create).ok());
  constexpr int kNumThreads = 4;
  constexpr int kNumRounds = 6;
  WriteOptions patient;
  patient.max_attempts = 200;
  std::vector<std::thread> threads;
  threads.reserve(kNumThreads);
  for (int thread = 0; thread < kNumThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kNumRounds; ++round) {
        const int64_t first = 1000 * (thread + 1) + 10 * round;
        EXPECT_TRUE(Writer()->Append(StreamOf(Range(first, first + 10)), patient).ok());
        // Two threads delete in the same fragments.
        const int64_t deleted = thread * 10 + round;
        const auto result = Writer()->ChangeRows(
            [&](const std::shared_ptr<const TableSource>& source) -> arrow::Result<RowChange> {
              return RowChange{
                  .removed = Find(*source, [&](int64_t id) { return id % 40 == deleted % 40; })};
            },
            patient);
        EXPECT_TRUE(result.ok()) << result.status();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  auto rows = Read();
  std::ranges::sort(rows);
  EXPECT_EQ(std::ranges::adjacent_find(rows), rows.end());
  int64_t num_expected = 0;
  for (int64_t id = 0; id < 100; ++id) {
    const bool is_deleted = id % 40 % 10 < kNumRounds;
    const bool is_there = std::ranges::binary_search(rows, std::pair(id, TextOf(id)));
    EXPECT_EQ(is_there, !is_deleted) << id;
    num_expected += is_deleted ? 0 : 1;
  }
  // Each thread's appends but those that a later delete matched; no more than that is gone.
  for (const auto& [id, text] : rows) EXPECT_EQ(text, TextOf(id));
  EXPECT_GE(std::ssize(rows), num_expected);
  EXPECT_GE(Open()->version(), 1 + kNumThreads * kNumRounds);
}

INSTANTIATE_TEST_SUITE_P(Stores, TableWriterTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Memory" : "Local"; });

TEST(TableWriterOpenTest, RefusesWhatCannotBeWritten) {
  const auto path = CopyGoldenTable("numbers");
  LanceOptions options;
  options.at.version = 1;
  EXPECT_TRUE(TableWriter::Open(path, options).status().IsInvalid());
  EXPECT_FALSE(TableWriter::Open("gs://bucket/t.lance").ok());
  const auto status = TableWriter::Open("gs://bucket/t.lance").status();
  EXPECT_TRUE(status.IsNotImplemented());
  EXPECT_NE(status.message().find("cannot write here"), std::string::npos) << status;
  EXPECT_FALSE(TableWriter::Open(path + "-not").ok());
}

// Tables of other writers: old formats, names of manifests, deletion files, lineage in columns.
TEST(TableWriterOpenTest, EveryGoldenTableGoesOn) {
  int num_tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(testing::GoldenPath("tables"))) {
    if (entry.path().extension() != ".lance") continue;
    const auto name = entry.path().stem().string();
    SCOPED_TRACE(name);
    const auto path = CopyGoldenTable(name);
    const auto source = OpenLanceTable(path);
    if (!source.ok() || (*source)->CountRows().ValueOrDie() < 2) continue;
    auto row_ids = NumbersOf(**source, kRowIdColumn);
    const uint64_t first = NumbersOf(**source, kRowAddressColumn)[0];
    const auto writer = TableWriter::Open(path).ValueOrDie();
    const auto deleted = writer->ChangeRows(
        [&](const std::shared_ptr<const TableSource>&) -> arrow::Result<RowChange> {
          return RowChange{.removed = {first}};
        });
    ASSERT_TRUE(deleted.ok()) << deleted.status();
    NewColumns column;
    column.schema = arrow::schema({arrow::field("new column", arrow::int8())});
    ASSERT_TRUE(writer->AddColumns(column).ok());
    const auto after = OpenLanceTable(path).ValueOrDie();
    EXPECT_EQ(after->version(), (*source)->version() + 2);
    row_ids.erase(row_ids.begin());
    EXPECT_EQ(NumbersOf(*after, kRowIdColumn), row_ids);
    EXPECT_EQ(after->schema()->num_fields(), (*source)->schema()->num_fields() + 1);
    // Manifests keep their names' scheme: else listing them is an error.
    EXPECT_TRUE(after->ListVersions({}).ok());
    ++num_tables;
  }
  EXPECT_GT(num_tables, 12);
}

TEST(TableWriterLimitsTest, AFullDiskLeavesTheTableAsItWas) {
  const auto root = testing::MakeTemporaryDirectory();
  const auto uri = root + "/t.lance";
  ASSERT_TRUE(TableWriter::Create(uri, StreamOf(Range(0, 10))).ok());
  const auto result = testing::RunInForkedChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto large = Range(0, 5000, std::string(50, 'x'));
    const auto status = TableWriter::Open(uri).ValueOrDie()->Append(StreamOf(large)).status();
    if (arrow::internal::ErrnoFromStatus(status) != EFBIG) return 2;
    const auto created = TableWriter::Create(root + "/u.lance", StreamOf(large)).status();
    if (arrow::internal::ErrnoFromStatus(created) != EFBIG) return 3;
    return 0;
  });
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(RowsOf(*OpenLanceTable(uri).ValueOrDie()), Range(0, 10));
  EXPECT_EQ(FilesIn(uri + "/data").size(), 1);
  EXPECT_FALSE(std::filesystem::exists(root + "/u.lance"));
}

TEST(TableWriterLimitsTest, WithoutPermissionTheTableIsAsItWas) {
  const auto root = testing::MakeTemporaryDirectory();
  std::filesystem::permissions(root, std::filesystem::perms(0755));
  const auto uri = root + "/t.lance";
  ASSERT_TRUE(TableWriter::Create(uri, StreamOf(Range(0, 10))).ok());
  const auto result = testing::RunInForkedChild([&] {
    if (geteuid() == 0 && setuid(65534) != 0) return 1;
    if (geteuid() != 65534) return 0;  // files of one's own can be written
    const auto status =
        TableWriter::Open(uri).ValueOrDie()->Append(StreamOf(Range(10, 11))).status();
    return arrow::internal::ErrnoFromStatus(status) == EACCES ? 0 : 2;
  });
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(RowsOf(*OpenLanceTable(uri).ValueOrDie()), Range(0, 10));
}

}  // namespace
}  // namespace croupier::table
