#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/table/commit.h"
#include "croupier/table/fragment_writer.h"
#include "croupier/table/lance_dataset.h"
#include "croupier/table/lance_table.h"
#include "croupier/table_writer.h"

namespace croupier::table {

/// What all changes of a table know.
struct ChangeContext {
  std::shared_ptr<const LanceDataset> dataset;
  std::string branch;
  const WriteOptions* options;  ///< outlives the change

  /// Open a version that is changed, with the bytes of blobs.
  arrow::Result<std::shared_ptr<const LanceTable>> Open(
      const VersionFile& version, BlobHandling blobs = BlobHandling::kBytes) const;
};

/// A change that may write data files.
class TableChange : public Change {
 public:
  explicit TableChange(ChangeContext context)
      : context_(std::move(context)),
        files_(context_.dataset->store(), *context_.options->cancel) {}

  NewFiles* files() override { return &files_; }

  int64_t num_rows_added() const { return num_rows_added_; }
  int64_t num_rows_removed() const { return num_rows_removed_; }

 protected:
  const ChangeContext& context() const { return context_; }
  const WriteOptions& options() const { return *context_.options; }
  /// \param data_format_version of the table
  /// \return NotImplemented for a version whose files cannot be written
  arrow::Result<DataPlace> PlaceFor(const std::string& data_format_version);
  arrow::Result<DataPlace> PlaceFor(const format::Manifest& manifest);

  int64_t num_rows_added_ = 0;
  int64_t num_rows_removed_ = 0;

 private:
  const ChangeContext context_;
  NewFiles files_;
};

/// Adds the rows of a stream.
class AppendChange : public TableChange {
 public:
  AppendChange(ChangeContext context, std::shared_ptr<arrow::RecordBatchReader> rows)
      : TableChange(std::move(context)), rows_(std::move(rows)) {}

  arrow::Status Prepare(const VersionFile& base) override;
  bool is_empty() const override { return fragments_.empty(); }
  format::Transaction::Operation operation() const override {
    return format::Transaction::Operation::kAppend;
  }
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  std::shared_ptr<arrow::RecordBatchReader> rows_;  // null once it is read
  std::vector<format::Field> fields_;               // of the table that they were written for
  std::vector<format::Fragment> fragments_;
};

/// Replaces rows and schema, or makes those of a new table.
class OverwriteChange : public TableChange {
 public:
  OverwriteChange(ChangeContext context, std::shared_ptr<arrow::RecordBatchReader> rows)
      : TableChange(std::move(context)), rows_(std::move(rows)) {}

  arrow::Status Prepare(const VersionFile& base) override;
  /// Write the rows for a table that is begun by a draft.
  arrow::Status PrepareFor(const format::ManifestDraft& draft);
  format::Transaction::Operation operation() const override {
    return format::Transaction::Operation::kOverwrite;
  }
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  std::shared_ptr<arrow::RecordBatchReader> rows_;  // null once it is read
  std::string data_format_version_;
  int32_t first_field_id_ = 0;
  std::vector<format::ManifestDraft::Message> schema_;
  std::vector<format::ManifestDraft::Message> schema_metadata_;
  std::vector<format::Fragment> fragments_;
};

/// Removes columns.
class DropColumnsChange : public TableChange {
 public:
  DropColumnsChange(ChangeContext context, std::vector<std::string> names)
      : TableChange(std::move(context)), names_(std::move(names)) {}

  arrow::Status Prepare(const VersionFile& base) override;
  bool is_empty() const override { return field_ids_.empty(); }
  format::Transaction::Operation operation() const override {
    return format::Transaction::Operation::kProject;
  }
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  const std::vector<std::string> names_;
  std::set<int32_t> field_ids_;
};

/// Goes back to an older version.
class RestoreChange : public TableChange {
 public:
  RestoreChange(ChangeContext context, VersionRef ref)
      : TableChange(std::move(context)), ref_(std::move(ref)) {}

  arrow::Status Prepare(const VersionFile& base) override;
  format::Transaction::Operation operation() const override {
    return format::Transaction::Operation::kRestore;
  }
  arrow::Result<format::WireWriter> Apply(format::ManifestDraft* draft) override;

 private:
  const VersionRef ref_;
  VersionFile older_;
};

/// The messages of fields and those below them, in pre-order.
std::vector<format::ManifestDraft::Message> FieldMessages(const std::vector<format::Field>& fields);

}  // namespace croupier::table
