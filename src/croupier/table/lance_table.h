#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/base/process_local.h"
#include "croupier/format/manifest/deletion_vector.h"
#include "croupier/format/manifest/manifest.h"
#include "croupier/format/manifest/row_id_sequence.h"
#include "croupier/format/page/column_tree.h"
#include "croupier/table.h"
#include "croupier/table/blob_reader.h"
#include "croupier/table/file_cache.h"
#include "croupier/table/lance_dataset.h"
#include "croupier/table/row_ids.h"
#include "croupier/table/row_reader.h"
#include "croupier/table/system_columns.h"
#include "croupier/table/table_files.h"

namespace croupier::table {

/// A Lance dataset at one version.
///
/// What is read from the manifest never changes and is shared with forked children; open files,
/// opened pages and decoded chunks are remembered for each process.
class LanceTable : public TableSource, public std::enable_shared_from_this<LanceTable> {
 public:
  static arrow::Result<std::shared_ptr<const TableSource>> Open(const std::string& uri,
                                                                const LanceOptions& options);
  /// Open a version whose manifest is read already.
  static arrow::Result<std::shared_ptr<const LanceTable>> Make(
      std::shared_ptr<const LanceDataset> dataset, DatasetVersion version, BlobHandling blobs,
      const CancelToken& cancel);

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  uint64_t version() const override { return manifest().version; }
  const std::string& branch() const override { return version_.branch; }
  const std::string& location() const override { return dataset_->location(); }
  arrow::Result<int64_t> CountRows() const override;
  std::string identity() const override;
  bool has_row_offsets() const override { return true; }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options) const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeOffsets(
      std::span<const uint64_t> offsets, const std::vector<std::string>& columns,
      const ReadOptions& options) const override;
  arrow::Result<std::vector<std::shared_ptr<const BlobFile>>> TakeBlobs(
      std::span<const uint64_t> row_ids, const std::string& column,
      const ReadOptions& options) const override;
  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& options) const override;
  arrow::Result<std::shared_ptr<const TableSource>> Checkout(
      const VersionRef& ref, const ReadOptions& options) const override;
  arrow::Result<TableDescription> Describe(DescriptionDetail detail,
                                           const ReadOptions& options) const override;
  arrow::Result<std::vector<TableVersion>> ListVersions(const ReadOptions& options) const override;
  arrow::Result<std::vector<TableTag>> ListTags(const ReadOptions& options) const override;
  arrow::Result<std::vector<TableBranch>> ListBranches(const ReadOptions& options) const override;

  // For those who write the next version.

  /// What identifies the rows of a fragment; nothing of versions in a table without stable row ids.
  struct Lineage {
    FragmentIds ids;
    std::shared_ptr<const format::RowVersionSequence> created_at;
  };
  /// \return IndexError if there is no such fragment
  arrow::Result<Lineage> LineageOf(uint64_t fragment_id, const ReadOptions& options) const;
  /// The rank, among all live rows, of the first live row of each fragment; then their number.
  arrow::Result<std::vector<int64_t>> FirstRanks(const ReadOptions& options) const;

 private:
  friend class LanceScan;
  class Blobs;

  // Where leaves are in fragments that list the same fields in the same files.
  struct Layout {
    struct Place {
      size_t file_ordinal = 0;  // among the files of the fragment
      int32_t column_index = 0;
    };
    size_t number = 0;                // among the layouts of the table
    std::map<int32_t, Place> places;  // by field id; a field without a place is in no file
    // The columns of each file, by field id: more than one file may have the lists above its
    // leaves.
    std::vector<std::map<int32_t, int32_t>> columns_of_files;
  };

  // What is read of files for a list of columns.
  struct Projection {
    // A leaf that has no values in a layout, but layers of another leaf.
    struct SharedLayers {
      size_t leaf = 0;
      size_t layers_of = 0;  // a leaf of the projection
      size_t num_layers = 0;
    };
    std::shared_ptr<arrow::Schema> schema;
    std::vector<format::ColumnTree> trees;     // of the columns
    std::vector<const format::Field*> fields;  // of the trees
    std::vector<bool> reads_blobs;             // by tree: not only descriptors
    std::vector<format::LeafColumn> leaves;  // of the trees; then those read for their layers alone
    size_t num_tree_leaves = 0;
    std::vector<std::vector<SharedLayers>> shared_layers;  // by layout
  };

  // The columns of a result: those that files hold, and those that every table has.
  struct Selection {
    std::shared_ptr<arrow::Schema> schema;                    // of the result
    Projection projection;                                    // of what files hold
    std::vector<std::optional<SystemColumn>> system_columns;  // by column of the result
  };

  // Rows of one fragment to read.
  struct RowsToRead {
    size_t fragment = 0;               // in fragments_
    std::vector<format::RowRun> runs;  // by physical row, ascending; rows may repeat
  };

  struct Fragment {
    uint64_t id = 0;
    int64_t num_physical_rows = 0;
    size_t first_file = 0;  // in files_
    const Layout* layout = nullptr;
    const format::Fragment* metadata = nullptr;
  };

  using Deletions = std::shared_ptr<const format::DeletionVector>;
  using RowIdsOfFragment = std::shared_ptr<const format::RowIdSequence>;
  using RowVersions = std::shared_ptr<const format::RowVersionSequence>;

  // What one process remembers.
  struct State {
    State(size_t num_files, size_t num_fragments);
    FileCache files;
    DecodedCache* decoded;
    std::mutex mutex;  // guards what follows; held only to look and to insert
    // By fragment; null where not read yet.
    std::vector<Deletions> deletions;
    std::vector<RowIdsOfFragment> row_ids;
    std::vector<RowVersions> created_at;
    std::vector<RowVersions> last_updated_at;
    // Of the whole table; null where not made yet.
    std::shared_ptr<const LanceRowIds> live_rows;
    std::shared_ptr<const RowAddressMap> addresses;
  };

  LanceTable(std::shared_ptr<const LanceDataset> dataset, DatasetVersion version,
             BlobHandling blobs);

  const format::Manifest& manifest() const { return *version_.manifest; }

  arrow::Status IndexFragments();
  /// Read from the files how many rows fragments have whose metadata does not say.
  arrow::Status FindRowCounts(const CancelToken& cancel);
  arrow::Result<Selection> Select(const std::vector<std::string>& columns) const;
  /// Whether a member of a struct is a column of files: not those of blobs and packed structs.
  ///
  /// \param way the number of the column, then that of the member of each struct
  bool ReadsAlone(std::span<const int> way) const;
  arrow::Result<Projection> Project(const std::vector<std::string>& columns) const;
  void ShareLayers(size_t leaf, const format::Field& column, Projection* projection) const;
  /// Rows of a fragment to read, with the places of the projected columns.
  FragmentRows RowsOf(const Fragment& fragment, const Projection& projection,
                      std::vector<format::RowRun> runs) const;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Assemble(const Projection& projection,
                                                              const std::vector<FragmentRows>& rows,
                                                              int64_t num_rows,
                                                              bool remember_chunks,
                                                              const ReadOptions& options) const;
  /// Read rows of fragments.
  ///
  /// \param row_ids of the slots, if they are known; else empty
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadRows(
      const Selection& selection, std::vector<RowsToRead> rows, std::span<const uint64_t> row_ids,
      int64_t num_rows, bool remember_chunks, const ReadOptions& options) const;
  /// Rows to read for addresses, in the order of these.
  arrow::Result<std::vector<RowsToRead>> LocateRows(std::span<const uint64_t> addresses,
                                                    const ReadOptions& options) const;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeAddresses(
      std::span<const uint64_t> addresses, const Selection& selection,
      std::span<const uint64_t> row_ids, const ReadOptions& options) const;

  // lance_table_blobs.cc

  /// The places of the blobs that descriptors describe.
  ///
  /// \param leaf of the projection that the rows were read by
  arrow::Result<std::vector<std::optional<BlobPlace>>> LocateBlobsOf(
      const arrow::ArrayData& descriptors, const std::vector<FragmentRows>& rows,
      size_t leaf) const;
  /// A column of blobs as the table was opened to show it; parameters as for LocateBlobsOf.
  arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadBlobsOf(
      const arrow::ArrayData& descriptors, const std::vector<FragmentRows>& rows, size_t leaf,
      const ReadOptions& options) const;

  // lance_table_lineage.cc: which rows there are, and what identifies them.

  /// The deleted rows of fragments; null for a fragment without any.
  arrow::Result<std::vector<Deletions>> DeletionsOf(std::span<const size_t> fragments,
                                                    const ReadOptions& options) const;
  arrow::Result<std::shared_ptr<arrow::Array>> ReadSystemColumn(SystemColumn column,
                                                                std::span<const RowsToRead> rows,
                                                                int64_t num_rows,
                                                                const ReadOptions& options) const;
  /// The row ids of fragments of a table that has stable ones.
  arrow::Result<std::vector<RowIdsOfFragment>> StableRowIdsOf(std::span<const size_t> fragments,
                                                              const ReadOptions& options) const;
  arrow::Result<RowVersions> RowVersionsOf(size_t fragment, SystemColumn column,
                                           const ReadOptions& options) const;
  /// Read a hidden column for all physical rows of a fragment, some rows at a time.
  ///
  /// \return whether a file of the fragment has it
  arrow::Result<bool> ReadLineage(
      size_t fragment, int32_t field,
      const std::function<arrow::Status(std::span<const uint64_t>)>& append,
      const ReadOptions& options) const;
  arrow::Result<std::shared_ptr<const LanceRowIds>> LiveRows(const ReadOptions& options) const;
  /// Replace stable row ids by the addresses of their rows.
  arrow::Status FindAddresses(std::span<uint64_t> row_ids, const ReadOptions& options) const;
  arrow::Result<std::vector<FragmentIds>> IdsOfAllFragments(const ReadOptions& options) const;

  // lance_table_description.cc
  arrow::Status DescribeFiles(DescriptionDetail detail, TableDescription* table,
                              const ReadOptions& options) const;

  /// Bytes of the data files a row, of all columns; 0 if the manifest does not tell.
  double BytesPerRow() const;
  arrow::Result<size_t> FragmentOfId(uint64_t fragment_id) const;

  const std::shared_ptr<const LanceDataset> dataset_;
  const DatasetVersion version_;
  const BlobHandling blobs_;
  const std::shared_ptr<arrow::Schema> schema_;
  const TableFiles table_files_;
  std::vector<FileLocation> files_;
  std::vector<std::unique_ptr<Layout>> layouts_;
  std::vector<Fragment> fragments_;  // by id, ascending
  mutable ProcessLocal<State> state_;
};

}  // namespace croupier::table
