#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>
#include <gtest/gtest.h>

#include "croupier/table.h"
#include "croupier/table_writer.h"

// Tables of two columns for tests of writing: an id, and a text that tells it.
namespace croupier::table {

using Rows = std::vector<std::pair<int64_t, std::string>>;

/// Their schema: `id`, `text`.
std::shared_ptr<arrow::Schema> TwoColumns();

std::shared_ptr<arrow::RecordBatch> BatchOf(const Rows& rows);

/// A stream of one batch or more, all of the schema of the first.
std::shared_ptr<arrow::RecordBatchReader> StreamOf(arrow::RecordBatchVector batches);
std::shared_ptr<arrow::RecordBatchReader> StreamOf(const Rows& rows);

/// The text of the row with this id.
std::string TextOf(int64_t id, std::string text = "t");

/// The rows first … end - 1.
Rows Range(int64_t first, int64_t end, const std::string& text = "t");

/// All rows of some columns; null if they cannot be read, which fails the test.
std::shared_ptr<arrow::Table> Scan(const TableSource& source, std::vector<std::string> columns);

/// The values of a column of uint64.
std::vector<uint64_t> NumbersOf(const TableSource& source, const std::string& column);

Rows RowsOf(const TableSource& source);

/// A place for one such table. Parameter: whether it is in memory.
class WrittenTableTest : public ::testing::TestWithParam<bool> {
 protected:
  std::shared_ptr<const TableSource> Open(const VersionRef& at = {}) const;
  Rows Read(const VersionRef& at = {}) const { return RowsOf(*Open(at)); }
  std::unique_ptr<TableWriter> Writer() const { return TableWriter::Open(uri_).ValueOrDie(); }

  WriteResult Create(const Rows& rows, int64_t max_rows_per_file = 1 << 20,
                     bool stable_row_ids = false) const;

  /// The addresses of the rows that `condition` chooses by their id.
  static std::vector<uint64_t> Find(const TableSource& source,
                                    const std::function<bool(int64_t)>& condition);

  arrow::Result<WriteResult> Delete(const std::function<bool(int64_t)>& condition) const;

  static std::string MakeUri();

  const std::string uri_ = MakeUri();
};

}  // namespace croupier::table
