#include "croupier/table_writer.h"

#include <cstdio>
#include <ctime>
#include <utility>

#include <arrow/record_batch.h>

#include "croupier/base/wall_clock.h"
#include "croupier/format/manifest/table_refs.h"
#include "croupier/table/add_columns.h"
#include "croupier/table/cleanup.h"
#include "croupier/table/commit.h"
#include "croupier/table/compaction.h"
#include "croupier/table/row_change.h"
#include "croupier/table/table_changes.h"

namespace croupier {

namespace {

using table::LanceDataset;

std::string NowRfc3339() {
  const int64_t now = WallClockNanoseconds();
  const std::time_t seconds = now / 1000000000;
  std::tm time{};
  gmtime_r(&seconds, &time);
  char text[64];
  const size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &time);
  std::snprintf(text + size, sizeof(text) - size, ".%09lldZ",
                static_cast<long long>(now % 1000000000));  // NOLINT: the format's own type
  return text;
}

WriteResult ResultOf(const table::TableChange& change, const table::Committed& committed) {
  return {committed.version, change.num_rows_added(), change.num_rows_removed(),
          committed.num_attempts};
}

}  // namespace

class TableWriter::Impl {
 public:
  Impl(std::shared_ptr<const LanceDataset> dataset, std::string branch)
      : dataset_(std::move(dataset)), branch_(std::move(branch)) {}

  const LanceDataset& dataset() const { return *dataset_; }
  const std::string& branch() const { return branch_; }

  table::ChangeContext Context(const WriteOptions& options) const {
    return {dataset_, branch_, &options};
  }

  arrow::Result<WriteResult> Commit(table::TableChange* change, const WriteOptions& options) const {
    ARROW_ASSIGN_OR_RAISE(
        const auto committed,
        table::Commit(dataset_->store(), branch_, change, {options.max_attempts, options.cancel}));
    return ResultOf(*change, committed);
  }

  std::string TagPath(const std::string& name) const { return "_refs/tags/" + name + ".json"; }

 private:
  const std::shared_ptr<const LanceDataset> dataset_;
  const std::string branch_;
};

TableWriter::TableWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TableWriter::~TableWriter() = default;

arrow::Result<WriteResult> TableWriter::Create(
    const std::string& uri, const std::shared_ptr<arrow::RecordBatchReader>& rows,
    const CreateOptions& create, const LanceOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto dataset, LanceDataset::Open(uri, options));
  ARROW_RETURN_NOT_OK(dataset->store()->CheckWritable());
  // Before anything is written: CommitFirst asks again.
  ARROW_ASSIGN_OR_RAISE(const auto manifests,
                        LanceDataset::ListManifests(*dataset->store(), "", *create.cancel));
  if (!manifests.empty()) return table::TableExists(dataset->location());
  const format::ManifestDraft draft(create.data_format_version, create.stable_row_ids);
  table::OverwriteChange change({dataset, "", &create}, rows);
  ARROW_RETURN_NOT_OK(change.PrepareFor(draft));
  ARROW_ASSIGN_OR_RAISE(
      const auto committed,
      table::CommitFirst(dataset->store(), draft, &change, {create.max_attempts, create.cancel}));
  return ResultOf(change, committed);
}

arrow::Result<std::unique_ptr<TableWriter>> TableWriter::Open(const std::string& uri,
                                                              const LanceOptions& options) {
  if (options.at.version.has_value() || !options.at.tag.empty()) {
    return arrow::Status::Invalid(
        "only the newest version of a table can be changed; restore() makes an older one the "
        "newest");
  }
  ARROW_ASSIGN_OR_RAISE(auto dataset, LanceDataset::Open(uri, options));
  ARROW_RETURN_NOT_OK(dataset->store()->CheckWritable());
  ARROW_ASSIGN_OR_RAISE(auto version, dataset->Read(options.at, /*branch=*/"", *options.cancel));
  ARROW_RETURN_NOT_OK(format::CheckWriterFlags(*version.manifest));
  return std::unique_ptr<TableWriter>(
      new TableWriter(std::make_unique<Impl>(std::move(dataset), std::move(version.branch))));
}

arrow::Result<WriteResult> TableWriter::Append(
    const std::shared_ptr<arrow::RecordBatchReader>& rows, const WriteOptions& options) {
  table::AppendChange change(impl_->Context(options), rows);
  return impl_->Commit(&change, options);
}

arrow::Result<WriteResult> TableWriter::Overwrite(
    const std::shared_ptr<arrow::RecordBatchReader>& rows, const WriteOptions& options) {
  table::OverwriteChange change(impl_->Context(options), rows);
  return impl_->Commit(&change, options);
}

arrow::Result<WriteResult> TableWriter::ChangeRows(
    const std::function<arrow::Result<RowChange>(const std::shared_ptr<const TableSource>&)>&
        compute,
    const WriteOptions& options) {
  table::RowsChange change(impl_->Context(options), compute);
  return impl_->Commit(&change, options);
}

arrow::Result<WriteResult> TableWriter::DropColumns(const std::vector<std::string>& names,
                                                    const WriteOptions& options) {
  table::DropColumnsChange change(impl_->Context(options), names);
  return impl_->Commit(&change, options);
}

arrow::Result<WriteResult> TableWriter::AddColumns(const NewColumns& columns,
                                                   const WriteOptions& options) {
  table::AddColumnsChange change(impl_->Context(options), columns);
  return impl_->Commit(&change, options);
}

arrow::Result<WriteResult> TableWriter::Compact(const CompactOptions& options) {
  table::CompactChange change(impl_->Context(options), options);
  return impl_->Commit(&change, options);
}

arrow::Result<WriteResult> TableWriter::Restore(const VersionRef& ref,
                                                const WriteOptions& options) {
  table::RestoreChange change(impl_->Context(options), ref);
  return impl_->Commit(&change, options);
}

arrow::Status TableWriter::SetTag(const std::string& name, const VersionRef& ref, bool replace) {
  if (!format::IsTagName(name)) {
    return arrow::Status::Invalid("not a name of a tag: '", name,
                                  "'; it has letters, digits, '.', '-' and '_'");
  }
  const auto& store = impl_->dataset().store();
  ARROW_ASSIGN_OR_RAISE(const auto version, impl_->dataset().Read(ref, impl_->branch()));
  ARROW_ASSIGN_OR_RAISE(const auto manifest, store->Open(version.manifest_path));
  format::TagFile tag;
  tag.branch = version.branch;
  tag.version = version.manifest->version;
  tag.manifest_size_bytes = static_cast<uint64_t>(manifest->size_bytes());
  tag.created_at = tag.updated_at = NowRfc3339();
  if (replace) {
    ARROW_ASSIGN_OR_RAISE(const auto tags, impl_->dataset().ListTags(CancelToken::Never()));
    for (const auto& old : tags) {
      if (old.name != name) continue;
      tag.created_at = old.created_at;
      tag.metadata = old.metadata;
    }
  }
  const auto json = tag.Write();
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(json.data()), json.size());
  if (replace) return store->Put(impl_->TagPath(name), bytes);
  ARROW_ASSIGN_OR_RAISE(const bool is_new, store->PutIfAbsent(impl_->TagPath(name), bytes));
  if (is_new) return arrow::Status::OK();
  return arrow::Status::AlreadyExists(store->location(), ": there is a tag named '", name,
                                      "' already");
}

arrow::Status TableWriter::DeleteTag(const std::string& name) {
  const auto& store = impl_->dataset().store();
  if (format::IsTagName(name)) {
    const auto status = store->Delete(impl_->TagPath(name));
    if (!storage::IsNotFound(status)) return status;
  }
  // Names those there are.
  VersionRef ref;
  ref.tag = name;
  const auto version = impl_->dataset().Read(ref, impl_->branch());
  return version.ok() ? arrow::Status::OK() : version.status();
}

arrow::Result<CleanupResult> TableWriter::CleanUp(const CleanupOptions& options) {
  if (!impl_->branch().empty()) {
    return arrow::Status::NotImplemented("cannot clean up the branch '", impl_->branch(),
                                         "' alone; clean up the main branch");
  }
  return table::CleanUpDataset(impl_->dataset(), options);
}

}  // namespace croupier
