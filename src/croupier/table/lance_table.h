#pragma once

#include <cstdint>
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
#include "croupier/format/page/column_tree.h"
#include "croupier/storage/object_store.h"
#include "croupier/table.h"
#include "croupier/table/file_cache.h"
#include "croupier/table/row_reader.h"

namespace croupier::table {

/// A local Lance dataset at one version.
///
/// What is read from the manifest never changes and is shared with forked children; open files,
/// opened pages and decoded chunks are remembered for each process.
class LanceTable : public TableSource, public std::enable_shared_from_this<LanceTable> {
 public:
  static arrow::Result<std::shared_ptr<const TableSource>> Open(const std::string& uri);

  const std::shared_ptr<arrow::Schema>& schema() const override { return manifest_->schema; }
  uint64_t version() const override { return manifest_->version; }
  const std::string& location() const override { return store_->location(); }
  arrow::Result<int64_t> CountRows() const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      const ScanOptions& options) const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Take(
      std::span<const uint64_t> row_ids, const std::vector<std::string>& columns,
      const ReadOptions& options) const override;
  arrow::Result<std::shared_ptr<const RowIdIndex>> RowIds(
      const ReadOptions& options) const override;

 private:
  friend class LanceScan;

  // Where leaves are in fragments that list the same fields in the same files.
  struct Layout {
    struct Place {
      size_t file_ordinal = 0;  // among the files of the fragment
      int32_t column_index = 0;
    };
    size_t number = 0;                // among the layouts of the table
    std::map<int32_t, Place> places;  // by field id; a field without a place is in no file
  };

  // What is read for a list of columns.
  struct Projection {
    // A leaf that has no values in a layout, but layers of another leaf.
    struct SharedLayers {
      size_t leaf = 0;
      size_t layers_of = 0;  // a leaf of the projection
      size_t num_layers = 0;
    };
    std::shared_ptr<arrow::Schema> schema;
    std::vector<std::optional<size_t>> trees_of_columns;  // none for _rowid
    std::vector<format::ColumnTree> trees;
    std::vector<format::LeafColumn> leaves;  // of the trees; then those read for their layers alone
    size_t num_tree_leaves = 0;
    std::vector<std::vector<SharedLayers>> shared_layers;  // by layout
  };

  struct Fragment {
    uint64_t id = 0;
    int64_t num_physical_rows = 0;
    size_t first_file = 0;  // in files_
    const Layout* layout = nullptr;
    const format::Fragment* metadata = nullptr;
  };

  using Deletions = std::shared_ptr<const format::DeletionVector>;

  // What one process remembers.
  struct State {
    State(size_t num_files, size_t num_fragments);
    FileCache files;
    DecodedCache* decoded;
    std::mutex mutex;                  // guards deletions; held only to look and to insert
    std::vector<Deletions> deletions;  // by fragment; null where not read yet
  };

  LanceTable(std::shared_ptr<const storage::ObjectStore> store,
             std::shared_ptr<const format::Manifest> manifest);

  arrow::Status IndexFragments();
  arrow::Result<Projection> Project(const std::vector<std::string>& columns) const;
  void ShareLayers(size_t leaf, const format::Field& column, Projection* projection) const;
  /// Rows of a fragment to read, with the places of the projected columns.
  FragmentRows RowsOf(const Fragment& fragment, const Projection& projection,
                      std::vector<format::RowRun> runs) const;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Assemble(const Projection& projection,
                                                              const std::vector<FragmentRows>& rows,
                                                              std::shared_ptr<arrow::Array> row_ids,
                                                              int64_t num_rows,
                                                              bool remember_chunks,
                                                              const ReadOptions& options) const;
  /// The deleted rows of fragments; null for a fragment without any.
  arrow::Result<std::vector<Deletions>> DeletionsOf(std::span<const size_t> fragments,
                                                    const ReadOptions& options) const;
  arrow::Result<size_t> FragmentOfId(uint64_t fragment_id) const;

  const std::shared_ptr<const storage::ObjectStore> store_;
  const std::shared_ptr<const format::Manifest> manifest_;
  std::vector<FileLocation> files_;
  std::vector<std::unique_ptr<Layout>> layouts_;
  std::vector<Fragment> fragments_;  // by id, ascending
  mutable ProcessLocal<State> state_;
};

}  // namespace croupier::table
