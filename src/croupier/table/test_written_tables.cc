#include "croupier/table/test_written_tables.h"

#include <arrow/array/array_binary.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "croupier/table/test_tables.h"
#include "croupier/testing/golden.h"

namespace croupier::table {

std::shared_ptr<arrow::Schema> TwoColumns() {
  return arrow::schema({arrow::field("id", arrow::int64()), arrow::field("text", arrow::utf8())});
}

std::shared_ptr<arrow::RecordBatch> BatchOf(const Rows& rows) {
  arrow::Int64Builder ids;
  arrow::StringBuilder texts;
  for (const auto& [id, text] : rows) {
    EXPECT_TRUE(ids.Append(id).ok());
    EXPECT_TRUE(texts.Append(text).ok());
  }
  return arrow::RecordBatch::Make(TwoColumns(), std::ssize(rows),
                                  {ids.Finish().ValueOrDie(), texts.Finish().ValueOrDie()});
}

std::shared_ptr<arrow::RecordBatchReader> StreamOf(arrow::RecordBatchVector batches) {
  const auto schema = batches[0]->schema();
  return arrow::RecordBatchReader::Make(std::move(batches), schema).ValueOrDie();
}

std::shared_ptr<arrow::RecordBatchReader> StreamOf(const Rows& rows) {
  return StreamOf(arrow::RecordBatchVector{BatchOf(rows)});
}

std::string TextOf(int64_t id, std::string text) { return text.append(std::to_string(id)); }

Rows Range(int64_t first, int64_t end, const std::string& text) {
  Rows rows;
  for (int64_t id = first; id < end; ++id) rows.emplace_back(id, TextOf(id, text));
  return rows;
}

std::shared_ptr<arrow::Table> Scan(const TableSource& source, std::vector<std::string> columns) {
  ScanOptions options;
  options.columns = std::move(columns);
  const auto table = ScanAll(source, options);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? *table : nullptr;
}

std::vector<uint64_t> NumbersOf(const TableSource& source, const std::string& column) {
  std::vector<uint64_t> numbers;
  const auto table = Scan(source, {column});
  for (const auto& chunk : table->column(0)->chunks()) {
    const auto& array = static_cast<const arrow::UInt64Array&>(*chunk);
    numbers.insert(numbers.end(), array.raw_values(), array.raw_values() + array.length());
  }
  return numbers;
}

Rows RowsOf(const TableSource& source) {
  const auto table = Scan(source, {"id", "text"});
  Rows rows;
  const auto batch = table->CombineChunksToBatch().ValueOrDie();
  const auto& ids = static_cast<const arrow::Int64Array&>(*batch->column(0));
  const auto& texts = static_cast<const arrow::StringArray&>(*batch->column(1));
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    rows.emplace_back(ids.Value(i), texts.GetString(i));
  }
  return rows;
}

std::shared_ptr<const TableSource> WrittenTableTest::Open(const VersionRef& at) const {
  LanceOptions options;
  options.at = at;
  return OpenLanceTable(uri_, options).ValueOrDie();
}

WriteResult WrittenTableTest::Create(const Rows& rows, int64_t max_rows_per_file,
                                     bool stable_row_ids) const {
  CreateOptions options;
  options.max_rows_per_file = max_rows_per_file;
  options.stable_row_ids = stable_row_ids;
  return TableWriter::Create(uri_, StreamOf(rows), options).ValueOrDie();
}

std::vector<uint64_t> WrittenTableTest::Find(const TableSource& source,
                                             const std::function<bool(int64_t)>& condition) {
  const auto batch = Scan(source, {"id", kRowAddressColumn})->CombineChunksToBatch().ValueOrDie();
  const auto& ids = static_cast<const arrow::Int64Array&>(*batch->column(0));
  const auto& addresses = static_cast<const arrow::UInt64Array&>(*batch->column(1));
  std::vector<uint64_t> found;
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    if (condition(ids.Value(i))) found.push_back(addresses.Value(i));
  }
  return found;
}

arrow::Result<WriteResult> WrittenTableTest::Delete(
    const std::function<bool(int64_t)>& condition) const {
  return Writer()->ChangeRows(
      [&](const std::shared_ptr<const TableSource>& source) -> arrow::Result<RowChange> {
        return RowChange{.removed = Find(*source, condition)};
      });
}

std::string WrittenTableTest::MakeUri() {
  if (!GetParam()) return testing::MakeTemporaryDirectory() + "/t.lance";
  static int num_tables = 0;
  return "memory://writer-" + std::to_string(++num_tables) + "/t.lance";
}

}  // namespace croupier::table
