#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/cancel.h"
#include "croupier/table.h"

namespace croupier {

/// What a writer has written so far.
struct WriteProgress {
  int64_t num_rows = 0;
  int64_t num_bytes = 0;
  int64_t num_files = 0;
};

/// How rows become files.
struct WriteOptions {
  /// Rows of a data file at most; each file is a fragment.
  int64_t max_rows_per_file = 1 << 20;
  /// Bytes at which a data file is ended, after the batch that reaches them.
  int64_t max_bytes_per_file = int64_t{90} << 30;
  /// Called after each batch; an error of its own ends the call, and nothing is changed.
  std::function<arrow::Status(const WriteProgress&)> progress = nullptr;
  /// How often a change starts again because another writer was faster.
  int max_attempts = 20;
  /// Borrowed for the call.
  const CancelToken* cancel = &CancelToken::Never();
  /// Whether the rows are a table in memory, which stays there during the call: they are then
  /// written from where they are, and not copied while they wait for others.
  bool keeps_batches = false;
  /// Where memory is allocated; null is the C library's, whose locks a fork minds.
  arrow::MemoryPool* pool = nullptr;
};

/// What only a new table can choose.
struct CreateOptions : WriteOptions {
  /// Of data files: "2.1" or "2.2".
  std::string data_format_version = "2.2";
  /// Whether row ids stay those of their rows when these move.
  bool stable_row_ids = false;
};

/// What a change has made.
struct WriteResult {
  uint64_t version = 0;  ///< of the table now
  int64_t num_rows_added = 0;
  int64_t num_rows_removed = 0;
  int num_attempts = 0;  ///< 0: there was nothing to change, and no version was made
};

/// Rows of one version to remove, and rows to put in their place.
struct RowChange {
  /// Addresses (`_rowaddr`) of live rows, distinct, in any order.
  std::vector<uint64_t> removed = {};
  /// Rows with the columns of the table by name; null: none.
  std::shared_ptr<arrow::RecordBatchReader> added = nullptr;
  /// How many of the first rows of `added` are new versions of the first of `removed`, in order: in
  /// a table with stable row ids they keep these.
  int64_t num_updated = 0;
  /// Whether the rows of others make it wrong, also those that they add: rows are then computed
  /// again after any change of rows. As a merge, which adds only keys that are not there.
  bool depends_on_other_rows = false;
};

/// Columns to add: a schema, and values for rows.
struct NewColumns {
  std::shared_ptr<arrow::Schema> schema;
  /// The columns of the table that `compute` is given.
  std::vector<std::string> inputs = {};
  /// Gives the values of the new columns, in order, for each batch of rows in storage order; null:
  /// the values are null, and no files are written.
  std::function<arrow::Result<std::shared_ptr<arrow::RecordBatch>>(
      const std::shared_ptr<arrow::RecordBatch>&)>
      compute = nullptr;
};

/// Which fragments a compaction writes anew.
struct CompactOptions : WriteOptions {
  /// Neighbours with fewer rows are joined up to this many.
  int64_t target_rows_per_fragment = 1 << 20;
  /// The share of deleted rows from which on a fragment is written anew, alone if need be.
  double max_deleted_share = 0.1;
};

/// Which versions and files a clean-up leaves.
struct CleanupOptions {
  /// Versions that are younger stay, and so does the newest.
  int64_t older_than_us = int64_t{14} * 24 * 3600 * 1000000;
  /// Files that no version refers to stay this long: they may be those of a change in progress.
  int64_t grace_us = int64_t{7} * 24 * 3600 * 1000000;
  const CancelToken* cancel = &CancelToken::Never();
};

struct CleanupResult {
  int64_t num_versions = 0;
  int64_t num_files = 0;
  int64_t num_bytes = 0;
};

/// Changes a Lance table: each call is one commit, which readers see as a whole or not at all.
///
/// A change applies to the newest version of the branch. If another writer commits first, it is
/// computed again where both are about the same rows, as the specification of the format says. An
/// error leaves the table as it was; one of the storage at the moment of the commit says if nobody
/// knows. Nothing is remembered between calls. Any number of threads. Usable in a forked child.
///
/// Errors of all calls: NotImplemented where the table or its store can only be read; Invalid for
/// changes of others that do not go together with this one; Cancelled; IOError, with the errno
/// detail, if the storage fails. In-memory and remote tables are not written by this class.
class TableWriter {
 public:
  /// Make a table of the rows of a stream, at version 1.
  ///
  /// \param options `at` is not looked at: a new table has a main branch alone
  /// \return AlreadyExists if there is a table; NotImplemented, naming column and type, for what
  ///         the format does not have; Invalid for the names of columns
  static arrow::Result<WriteResult> Create(const std::string& uri,
                                           const std::shared_ptr<arrow::RecordBatchReader>& rows,
                                           const CreateOptions& create = {},
                                           const LanceOptions& options = {});

  /// Change an existing table.
  ///
  /// \param options `at.branch` is the branch that is changed; a version or tag is Invalid
  static arrow::Result<std::unique_ptr<TableWriter>> Open(const std::string& uri,
                                                          const LanceOptions& options = {});

  ~TableWriter();

  /// Add the rows of a stream.
  ///
  /// Columns are matched by name; a nullable column that the stream lacks is null.
  /// \return Invalid, naming the columns, for unknown or missing ones; TypeError, naming column and
  ///         types, for another type
  arrow::Result<WriteResult> Append(const std::shared_ptr<arrow::RecordBatchReader>& rows,
                                    const WriteOptions& options = {});

  /// Replace rows and schema by those of a stream. Older versions stay.
  arrow::Result<WriteResult> Overwrite(const std::shared_ptr<arrow::RecordBatchReader>& rows,
                                       const WriteOptions& options = {});

  /// Remove rows, and add others in their place: delete, update and merge.
  ///
  /// \param compute finds the rows in the version that is changed; called again with a newer one
  ///        if another writer changed the same rows
  /// \return IndexError for an address that no live row has
  arrow::Result<WriteResult> ChangeRows(
      const std::function<arrow::Result<RowChange>(const std::shared_ptr<const TableSource>&)>&
          compute,
      const WriteOptions& options = {});

  /// Remove columns by name. Files stay as they are.
  ///
  /// \return KeyError, naming those there are, for an unknown one; Invalid if none would be left
  arrow::Result<WriteResult> DropColumns(const std::vector<std::string>& names,
                                         const WriteOptions& options = {});

  /// Add columns behind the others.
  ///
  /// \return Invalid for a name that the table has, or if `compute` gives other rows or columns
  arrow::Result<WriteResult> AddColumns(const NewColumns& columns,
                                        const WriteOptions& options = {});

  /// Write fragments anew that are small, or have many deleted rows.
  ///
  /// What is written anew comes behind the rest, in its order; without stable row ids it gets new
  /// ids.
  arrow::Result<WriteResult> Compact(const CompactOptions& options = {});

  /// Make the rows and schema of an older version those of the newest.
  arrow::Result<WriteResult> Restore(const VersionRef& ref, const WriteOptions& options = {});

  /// Name a version; Invalid if the name cannot be one, AlreadyExists if there is such a tag and
  /// `replace` is not set, else as TableSource::Checkout.
  arrow::Status SetTag(const std::string& name, const VersionRef& ref, bool replace = false);
  /// Remove a tag; KeyError, naming those there are, if it does not exist.
  arrow::Status DeleteTag(const std::string& name);

  /// Delete old versions, and files that no version refers to.
  ///
  /// Versions with a tag stay, and those that branches left. Files of branches, and files outside
  /// of the table's directory, are never touched.
  arrow::Result<CleanupResult> CleanUp(const CleanupOptions& options = {});

 private:
  class Impl;
  explicit TableWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace croupier
