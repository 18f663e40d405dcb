#include "croupier/permutation/test_tables.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "croupier/base/hash.h"
#include "croupier/base/index_shuffle.h"

namespace croupier::permutation {

namespace {

std::shared_ptr<arrow::Table> RowIdRows(int64_t num_rows) {
  arrow::UInt64Builder builder;
  for (int64_t i = 0; i < num_rows; ++i) {
    EXPECT_TRUE(builder.Append(MinimalTable::RowId(i)).ok());
  }
  return arrow::Table::Make(arrow::schema({arrow::field("x", arrow::uint64())}),
                            {builder.Finish().ValueOrDie()});
}

// Ranks as row ids, where a column of a batch is `_rowid`.
std::shared_ptr<arrow::RecordBatch> WithRowIds(std::shared_ptr<arrow::RecordBatch> batch) {
  const int column = batch->schema()->GetFieldIndex(kRowIdColumn);
  if (column < 0) return batch;
  const auto& ranks = static_cast<const arrow::UInt64Array&>(*batch->column(column));
  arrow::UInt64Builder builder;
  for (int64_t i = 0; i < ranks.length(); ++i) {
    EXPECT_TRUE(builder.Append(MinimalTable::RowId(static_cast<int64_t>(ranks.Value(i)))).ok());
  }
  return batch->SetColumn(column, batch->schema()->field(column), builder.Finish().ValueOrDie())
      .ValueOrDie();
}

}  // namespace

MinimalTable::MinimalTable(int64_t num_rows, uint64_t version, std::string branch)
    : MinimalTable(RowIdRows(num_rows), version, std::move(branch)) {}

MinimalTable::MinimalTable(std::shared_ptr<arrow::Table> rows, uint64_t version, std::string branch)
    : rows_(MakeMemoryTable("minimal", std::move(rows)).ValueOrDie()),
      version_(version),
      branch_(std::move(branch)) {}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MinimalTable::Scan(
    const ScanOptions& options) const {
  const auto scan = static_cast<uint64_t>(++num_scans_);
  ARROW_ASSIGN_OR_RAISE(const auto reader, rows_->Scan(options));
  ARROW_ASSIGN_OR_RAISE(const auto table, reader->ToTable());
  ARROW_ASSIGN_OR_RAISE(const auto all, table->CombineChunksToBatch());
  // Batches of a few rows, in random order.
  const int64_t batch_rows = all->num_rows() / 7 + 1;
  const auto num_batches = static_cast<uint64_t>((all->num_rows() + batch_rows - 1) / batch_rows);
  arrow::RecordBatchVector batches;
  for (uint64_t i = 0; i < num_batches; ++i) {
    const auto place = static_cast<int64_t>(KeyedBijection(num_batches, scan).Map(i));
    batches.push_back(WithRowIds(all->Slice(place * batch_rows, batch_rows)));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return arrow::RecordBatchReader::Make(std::move(batches), all->schema());
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> MinimalTable::Take(
    std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
    const ReadOptions& options) const {
  std::vector<uint64_t> ranks;
  ranks.reserve(row_ids.size());
  for (const uint64_t row_id : row_ids) ranks.push_back((row_id - 5) / 3);
  ARROW_ASSIGN_OR_RAISE(auto batch, rows_->TakeOffsets(ranks, columns, options));
  return WithRowIds(std::move(batch));
}

arrow::Result<std::shared_ptr<const RowIdIndex>> HugeTable::RowIds(const ReadOptions&) const {
  class Index : public RowIdIndex {
   public:
    explicit Index(int64_t num_rows) : num_rows_(num_rows) {}
    int64_t num_rows() const override { return num_rows_; }
    void Lookup(std::span<uint64_t> values) const override {
      for (auto& value : values) value = RowId(static_cast<int64_t>(value));
    }

   private:
    int64_t num_rows_;
  };
  return std::make_shared<Index>(num_rows_);
}

std::shared_ptr<arrow::Table> RowsFromJson(const std::shared_ptr<arrow::Schema>& schema,
                                           const std::string& json) {
  const auto rows =
      arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), json).ValueOrDie();
  const auto batch = arrow::RecordBatch::FromStructArray(rows).ValueOrDie();
  return arrow::Table::Make(schema, batch->columns());
}

std::shared_ptr<arrow::Table> NumberedRows(int64_t num_rows) {
  arrow::Int64Builder ids;
  arrow::StringBuilder groups;
  arrow::DoubleBuilder halves;
  for (int64_t i = 0; i < num_rows; ++i) {
    EXPECT_TRUE(ids.Append(i).ok());
    EXPECT_TRUE(
        (i % 7 == 6 ? groups.AppendNull() : groups.Append("group " + std::to_string(i % 7))).ok());
    EXPECT_TRUE(halves.Append(static_cast<double>(i) / 2).ok());
  }
  return arrow::Table::Make(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("group", arrow::utf8()),
                     arrow::field("half", arrow::float64())}),
      {ids.Finish().ValueOrDie(), groups.Finish().ValueOrDie(), halves.Finish().ValueOrDie()});
}

std::shared_ptr<const PermutationTable> Build(
    const std::shared_ptr<const TableSource>& base,
    const std::function<void(PermutationBuilder*)>& steps) {
  PermutationBuilder builder(base);
  steps(&builder);
  return builder.Execute().ValueOrDie();
}

std::vector<std::shared_ptr<const PermutationTable>> TablesOfAllKinds(
    const std::shared_ptr<const TableSource>& base) {
  constexpr int64_t kHalf = SplitRule::kRatioUnit / 2;
  return {
      Build(base, [](auto*) {}),
      Build(base, [](auto* b) { ASSERT_TRUE(b->Shuffle(1).ok()); }),
      Build(base,
            [](auto* b) {
              ASSERT_TRUE(b->SplitRandom({.fixed = 3}, 1, {"a", "b\"", "ü"}, 4).ok());
              ASSERT_TRUE(b->Shuffle(1, 3, 2).ok());
              ASSERT_TRUE(b->Shard({2, 1, Remainder::kRepeat}).ok());
            }),
      Build(base, [](auto* b) { ASSERT_TRUE(b->Filter("id % 3 = 1").ok()); }),
      Build(base,
            [](auto* b) {
              ASSERT_TRUE(b->Filter("id % 3 = 1 and half > 2.0").ok());
              ASSERT_TRUE(b->SplitSequential({.fixed = 2}).ok());
              ASSERT_TRUE(b->Shuffle(9).ok());
            }),
      Build(base,
            [](auto* b) {
              ASSERT_TRUE(b->SplitBy({.kind = SplitRule::Kind::kHash,
                                      .columns = {"id"},
                                      .weights = {1, 2},
                                      .discard_weight = 1})
                              .ok());
            }),
      Build(base,
            [](auto* b) {
              ASSERT_TRUE(b->SplitBy({.kind = SplitRule::Kind::kStratified,
                                      .columns = {"group"},
                                      .ratios = {kHalf, kHalf},
                                      .seed = 3},
                                     {"x", "y"})
                              .ok());
              ASSERT_TRUE(b->Filter("id > 10").ok());
              ASSERT_TRUE(b->Shuffle(9).ok());
            }),
      Build(base,
            [](auto* b) {
              ASSERT_TRUE(
                  b->SplitBy({.kind = SplitRule::Kind::kCalculated, .expression = "id % 4 * 2"})
                      .ok());
            }),
  };
}

std::vector<uint64_t> AllRowIds(const Permutation& permutation) {
  std::vector<int64_t> positions(static_cast<size_t>(permutation.num_rows()));
  std::iota(positions.begin(), positions.end(), 0);
  return permutation.RowIds(positions).ValueOrDie();
}

std::vector<uint64_t> MappedRows(const PermutationTable& table, int64_t split) {
  std::vector<uint64_t> rows(static_cast<size_t>(table.split_num_rows(split)));
  std::iota(rows.begin(), rows.end(), uint64_t{0});
  EXPECT_TRUE(table.MapPositions(split, rows).ok());
  return rows;
}

std::vector<std::vector<uint64_t>> MappedSplits(const PermutationTable& table) {
  std::vector<std::vector<uint64_t>> splits;
  splits.reserve(static_cast<size_t>(table.num_splits()));
  for (int64_t i = 0; i < table.num_splits(); ++i) splits.push_back(MappedRows(table, i));
  return splits;
}

}  // namespace croupier::permutation
