#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "croupier/table/table_changes.h"

namespace croupier::table {

class RowsToRewrite;

/// Writes fragments anew that are small, or have many deleted rows.
class CompactChange : public TableChange {
 public:
  CompactChange(ChangeContext context, const CompactOptions& compact)
      : TableChange(std::move(context)), compact_(compact) {}

  arrow::Status Prepare(const VersionFile& base) override;
  bool is_empty() const override { return replaced_.empty(); }
  format::Transaction::Operation operation() const override {
    return format::Transaction::Operation::kRewrite;
  }
  std::vector<uint64_t> changed_fragments() const override {
    return {replaced_.begin(), replaced_.end()};
  }
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  // Neighbours that become one: their place among the fragments, and the ranks of their live rows.
  struct Group {
    size_t begin = 0;
    size_t end = 0;
    int64_t first_rank = 0;
    int64_t end_rank = 0;
  };

  std::vector<Group> Plan(const format::Manifest& manifest,
                          const std::vector<int64_t>& first_ranks) const;
  arrow::Status Rewrite(const RowsToRewrite& rows, const format::Manifest& manifest,
                        const DataPlace& place, const Group& group);

  const CompactOptions& compact_;
  std::set<uint64_t> replaced_;  // ids of the old fragments
  std::vector<format::Fragment> added_;
};

}  // namespace croupier::table
