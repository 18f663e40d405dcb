#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/permutation.h"
#include "croupier/table.h"

// Tables for tests, and what every test does with permutations.
namespace croupier::permutation {

/// A table that answers only what the interface demands, slowly, in small batches whose order is
/// another at every scan. Row ids are 3 * rank + 5, with a gap behind each.
class MinimalTable : public TableSource {
 public:
  /// A column x: uint64, of the row ids.
  explicit MinimalTable(int64_t num_rows, uint64_t version = 7, std::string branch = {});
  explicit MinimalTable(std::shared_ptr<arrow::Table> rows, uint64_t version = 7,
                        std::string branch = {});

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_->schema(); }
  uint64_t version() const override { return version_; }
  const std::string& branch() const override { return branch_; }
  const std::string& location() const override { return location_; }
  arrow::Result<int64_t> CountRows() const override { return rows_->CountRows(); }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options = {}) const override;
  static uint64_t RowId(int64_t rank) { return static_cast<uint64_t>(3 * rank + 5); }
  int num_scans() const { return num_scans_; }

 private:
  std::shared_ptr<const TableSource> rows_;  // in memory
  const uint64_t version_;
  const std::string branch_;
  const std::string location_ = "minimal";
  mutable std::atomic<int> num_scans_ = 0;
};

/// A table of any size, which only knows its number of rows. Row ids as of MinimalTable.
class HugeTable : public MinimalTable {
 public:
  explicit HugeTable(int64_t num_rows) : MinimalTable(0), num_rows_(num_rows) {}
  arrow::Result<int64_t> CountRows() const override { return num_rows_; }
  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& options = {}) const override;

 private:
  const int64_t num_rows_;
};

/// A table of rows as JSON: `[{"a": 1}, …]`.
std::shared_ptr<arrow::Table> RowsFromJson(const std::shared_ptr<arrow::Schema>& schema,
                                           const std::string& json);

/// A row for each number: id, its group id % 7 as text, its half as float; some groups are null.
std::shared_ptr<arrow::Table> NumberedRows(int64_t num_rows);

/// Build a permutation table. Fails the test if it cannot be.
std::shared_ptr<const PermutationTable> Build(
    const std::shared_ptr<const TableSource>& base,
    const std::function<void(PermutationBuilder*)>& steps);

/// Permutation tables of NumberedRows(100) or more: computed ones, filters, splits by every rule.
std::vector<std::shared_ptr<const PermutationTable>> TablesOfAllKinds(
    const std::shared_ptr<const TableSource>& base);

std::vector<uint64_t> AllRowIds(const Permutation& permutation);

/// What the positions of a split are mapped to: ranks or row ids.
std::vector<uint64_t> MappedRows(const PermutationTable& table, int64_t split);

/// As MappedRows, of every split.
std::vector<std::vector<uint64_t>> MappedSplits(const PermutationTable& table);

}  // namespace croupier::permutation
