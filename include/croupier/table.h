#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/blob.h"
#include "croupier/cancel.h"
#include "croupier/expression.h"
#include "croupier/storage.h"
#include "croupier/table_description.h"
#include "croupier/table_history.h"

namespace croupier {

// Names of columns that every table has beside those of its schema, wherever columns are named.
// They are uint64 without nulls. A column of the schema hides all but the first.

/// The row id.
inline constexpr char kRowIdColumn[] = "_rowid";
/// The row address: `fragment << 32 | offset`. It is the row id where that is not stable.
inline constexpr char kRowAddressColumn[] = "_rowaddr";
/// The place among the live rows in storage order: what TakeOffsets takes. Only tables that know it
/// have the column, see TableSource::has_row_offsets.
inline constexpr char kRowOffsetColumn[] = "_rowoffset";
/// The version at which the row was made; 1 where the table does not say.
inline constexpr char kRowCreatedAtVersionColumn[] = "_row_created_at_version";
/// The version at which the row was last changed; 1 where the table does not say.
inline constexpr char kRowLastUpdatedAtVersionColumn[] = "_row_last_updated_at_version";

/// How a read is done; nothing here changes what is read.
struct ReadOptions {
  /// Borrowed for the call (for a reader: for its lifetime).
  const CancelToken* cancel = &CancelToken::Never();
  /// Where results are allocated, by any thread; null is the C library's memory: Arrow's default
  /// pool has locks that a forked child may find closed.
  arrow::MemoryPool* pool = nullptr;
};

struct ScanOptions : ReadOptions {
  /// Columns in the order of the result; `_rowid` and its like may be among them, and members of
  /// structs ("a.b").
  std::vector<std::string> columns;
  /// Rows of every batch but the last. With a filter, fewer where columns are dictionaries.
  int64_t batch_rows = 8192;
  /// Keeps the rows for which it is true, not null. It may name any column of the table, `_rowid`
  /// and its like too.
  std::optional<Expression> filter = std::nullopt;
};

/// The row ids of all live rows, in storage order, by rank. Immutable; any number of threads.
class RowIdIndex {
 public:
  virtual ~RowIdIndex() = default;

  virtual int64_t num_rows() const = 0;
  /// Replace each rank, in [0, num_rows()), by the row id of that live row.
  virtual void Lookup(std::span<uint64_t> ranks_to_row_ids) const = 0;
};

/// Rows with a schema at one version: a local dataset, an in-memory table, a remote table.
///
/// A table object never changes: what others commit later is another version. Any number of threads
/// may read. Usable in a forked child.
class TableSource {
 public:
  virtual ~TableSource() = default;

  /// Every column, those that cannot be read included. Metadata is kept.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  virtual uint64_t version() const = 0;
  /// The branch that the version is on; empty for the main branch.
  virtual const std::string& branch() const;
  /// Where the table is, as its user would name it.
  virtual const std::string& location() const = 0;
  /// Tell this version of this table apart from any other, wherever it is: equal texts are equal
  /// rows. Empty where that is not known.
  virtual std::string identity() const { return {}; }

  /// Count live rows.
  virtual arrow::Result<int64_t> CountRows() const = 0;

  /// Tell whether the column `_rowoffset` can be read. Where it cannot, the place of a row is that
  /// of its id among all ids, ascending.
  virtual bool has_row_offsets() const { return false; }

  /// Count the live rows that a filter keeps. This default scans the columns that it names; errors
  /// as for Scan.
  virtual arrow::Result<int64_t> CountRowsWhere(const Expression& filter,
                                                const ReadOptions& options = {}) const;

  /// Read all live rows in storage order, or those that a filter keeps.
  ///
  /// A table in files is read ahead by threads, within the budget of Config. The reader is for one
  /// thread at a time. A forked child may go on with a reader of its parent.
  ///
  /// \return KeyError for an unknown column, naming those there are; NotImplemented for a column of
  ///         a type or encoding that cannot be read, naming both; errors of Expression::BindFilter,
  ///         which show where in the filter they are, also while it is read. While it is read: an
  ///         error that IsVersionNotFound knows if the version was cleaned up.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const = 0;

  /// Read the rows with these ids, in this order; repeats are allowed.
  ///
  /// \param columns of the result, in order; none may repeat; `_rowid` and its like may be among
  ///        them
  /// \return a batch of row_ids.size() rows; errors as for Scan; IndexError for an id that no live
  ///         row has; never a partial batch
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options = {}) const = 0;

  /// Read the rows at these places in storage order, in this order; repeats are allowed.
  ///
  /// \return as for Take; IndexError for an offset out of [0, number of rows)
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeOffsets(
      std::span<const uint64_t> offsets, const std::vector<std::string>& columns,
      const ReadOptions& options = {}) const;

  /// Open the blobs of the rows with these ids, in this order; repeats are allowed.
  ///
  /// \param column a blob column; whether the table shows descriptors or bytes of it is no matter
  /// \return a handle for each row, null where the blob is; errors as for Take; TypeError if the
  ///         column holds no blobs
  virtual arrow::Result<std::vector<std::shared_ptr<const BlobFile>>> TakeBlobs(
      std::span<const uint64_t> row_ids, const std::string& column,
      const ReadOptions& options = {}) const;

  /// Give the row ids of the live rows by rank. This default scans them (8 bytes a row are held); a
  /// table that can compute them overrides it.
  virtual arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& options = {}) const;

  /// Describe the table for people. This default knows what the members above tell.
  virtual arrow::Result<TableDescription> Describe(DescriptionDetail detail,
                                                   const ReadOptions& options = {}) const;

  // History. These defaults are for tables that have none: one version, and Checkout is
  // NotImplemented.

  /// Open another version of the same table; nothing asked for: the newest one of the same branch.
  ///
  /// \return this object if it is that version already; an error that IsVersionNotFound knows;
  ///         KeyError, naming those there are, for a tag or branch that does not exist
  virtual arrow::Result<std::shared_ptr<const TableSource>> Checkout(
      const VersionRef& ref, const ReadOptions& options = {}) const;

  /// List the retained versions of the branch, ascending. Reads the manifest of each.
  virtual arrow::Result<std::vector<TableVersion>> ListVersions(
      const ReadOptions& options = {}) const;
  /// List the tags of all branches, by name.
  virtual arrow::Result<std::vector<TableTag>> ListTags(const ReadOptions& options = {}) const;
  /// List the branches but the main one, by name.
  virtual arrow::Result<std::vector<TableBranch>> ListBranches(
      const ReadOptions& options = {}) const;
};

/// What a column of blobs is in the schema of a table, and what is read of it.
enum class BlobHandling : uint8_t {
  /// A struct that says where the blob is; TakeBlobs opens it.
  kDescriptors,
  /// The bytes themselves: large_binary.
  kBytes,
  /// What is written to have the same blobs: the bytes, or in a table of blobs of version 2 a
  /// struct
  /// of `data`, `uri`, `position` and `size`, in which blobs of files elsewhere have no data.
  kSources,
};

/// How a Lance dataset is opened.
struct LanceOptions {
  /// Nothing set: the newest version of the main branch.
  VersionRef at = {};
  /// Where files of the table may lie beside its own directory: paths or URIs, and all below them.
  /// Not needed on the same file system or in the same bucket.
  std::vector<std::string> allow_external = {};
  BlobHandling blobs = BlobHandling::kDescriptors;
  /// For object stores: credentials, endpoint, time-outs, retries.
  StorageOptions storage_options = {};
  /// Borrowed for the call.
  const CancelToken* cancel = &CancelToken::Never();
};

/// Open a Lance dataset.
///
/// \param uri of the dataset's root directory: a path, or a file://, s3://, gs:// or az:// URI
/// \return IOError if it is no dataset; SerializationError for malformed files; NotImplemented for
///         feature flags or file versions that cannot be read; errors as for TableSource::Checkout
arrow::Result<std::shared_ptr<const TableSource>> OpenLanceTable(const std::string& uri,
                                                                 const LanceOptions& options = {});

/// Hold a table in memory, at version 1.
///
/// Row ids are those of a Lance table of one fragment: 0 … num_rows - 1.
arrow::Result<std::shared_ptr<const TableSource>> MakeMemoryTable(
    const std::string& name, std::shared_ptr<arrow::Table> rows);

/// A column that is computed of others.
struct ComputedColumn {
  std::string name;
  Expression expression;
};

/// Show a table with more columns, which are computed when they are read, from the columns that
/// they name alone.
///
/// \return Invalid for the name of a column that there is; errors of Expression::Bind. While rows
///         are read: Invalid where a value cannot be computed.
arrow::Result<std::shared_ptr<const TableSource>> WithComputedColumns(
    std::shared_ptr<const TableSource> base, std::vector<ComputedColumn> columns);

/// Look up columns by name, `_rowid` and its like included; KeyError names the columns there are.
///
/// "a.b" is the member b of the struct column a, as a column of that name: null where the struct
/// is. A column whose own name has the dot comes first.
arrow::Result<std::shared_ptr<arrow::Schema>> ProjectSchema(
    const arrow::Schema& schema, const std::vector<std::string>& columns);

}  // namespace croupier
