#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "croupier/table/table_changes.h"

namespace croupier::table {

/// Removes rows and adds others: delete, update and merge.
class RowsChange : public TableChange {
 public:
  using Compute =
      std::function<arrow::Result<RowChange>(const std::shared_ptr<const TableSource>&)>;

  RowsChange(ChangeContext context, const Compute& compute)
      : TableChange(std::move(context)), compute_(compute) {}

  arrow::Status Prepare(const VersionFile& base) override;
  bool is_empty() const override;
  bool depends_on_other_rows() const override { return depends_on_other_rows_; }
  format::Transaction::Operation operation() const override;
  std::vector<uint64_t> changed_fragments() const override;
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  // Stable row ids of updated rows, and when these were made.
  struct KeptLineage {
    std::vector<uint64_t> row_ids;
    std::vector<uint64_t> created_at;
  };

  arrow::Status RemoveRows(const LanceTable& table, std::vector<uint64_t> addresses);
  arrow::Status KeepLineage(const LanceTable& table, std::span<const uint64_t> addresses);
  arrow::Status GiveLineage(format::ManifestDraft* draft,
                            std::vector<format::Fragment>* fragments) const;

  const Compute& compute_;
  bool depends_on_other_rows_ = false;
  uint64_t base_version_ = 0;
  std::map<uint64_t, format::DeletionFile> deletions_;  // by fragment: its new deletion file
  std::vector<uint64_t> removed_fragments_;             // ascending
  std::vector<format::Fragment> added_;
  KeptLineage kept_;
};

}  // namespace croupier::table
