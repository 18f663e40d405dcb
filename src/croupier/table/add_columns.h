#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "croupier/table/table_changes.h"

namespace croupier::table {

/// Adds columns: to the schema and, where there are values, one data file to each fragment.
class AddColumnsChange : public TableChange {
 public:
  AddColumnsChange(ChangeContext context, const NewColumns& columns)
      : TableChange(std::move(context)), columns_(columns) {}

  arrow::Status Prepare(const VersionFile& base) override;
  format::Transaction::Operation operation() const override {
    return format::Transaction::Operation::kMerge;
  }
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  arrow::Status WriteValues(const VersionFile& base, const std::vector<format::Field>& fields);

  const NewColumns& columns_;
  std::vector<format::ManifestDraft::Message> new_fields_;
  std::map<uint64_t, format::DataFile> files_of_fragments_;
};

}  // namespace croupier::table
