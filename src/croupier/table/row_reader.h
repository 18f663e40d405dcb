#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/column_tree.h"
#include "croupier/storage/io_scheduler.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/file_cache.h"

namespace croupier::table {

/// A data file of a table, by its number among all data files of the table.
struct FileLocation {
  size_t file_number = 0;
  std::shared_ptr<const storage::ObjectStore> store;
  std::string path;                   ///< below the root of the store
  std::optional<int64_t> size_bytes;  ///< as the manifest says
};

/// Where one leaf column of one fragment is.
struct ColumnLocation {
  const FileLocation* file = nullptr;  ///< null: in no file
  int32_t column_index = 0;
  /// Of a leaf in no file: another leaf of the same call, whose outermost `num_layers` layers it
  /// has; what is below them is null. That leaf is in a file in this fragment, and nowhere has
  /// another such leaf itself. Without one every row is null.
  std::optional<size_t> layers_of;
  size_t num_layers = 0;
  /// Of a leaf below lists, whose columns these are in a file of format 2.0: outermost first. Files
  /// of later formats have no such columns.
  std::vector<int32_t> list_columns;
};

/// Rows of one fragment and the slots of the result that they go to.
struct FragmentRows {
  int64_t num_physical_rows = 0;
  std::vector<format::RowRun> runs;       ///< by physical row, ascending; rows may repeat
  std::vector<ColumnLocation> locations;  ///< of each leaf
};

/// Reads rows of leaf columns of data files: plans byte ranges, fetches them together, decodes.
///
/// In four waves, each one fetch for all files and columns together: the ends of files not yet
/// open, the metadata of columns, the headers of pages, the data. What the first three give is
/// remembered in the FileCache, decoded chunks in the DecodedCache.
class RowReader {
 public:
  RowReader(FileCache* files, DecodedCache* decoded, storage::IoScheduler* scheduler)
      : files_(files), decoded_(decoded), scheduler_(scheduler) {}

  /// Read the rows; slot i of every leaf is filled exactly once by the runs of `fragments`.
  ///
  /// \param remember_chunks whether chunks are worth remembering (random access): those that are
  ///        decoded a second time, and at once where reading them again would be slow
  /// \return one array a leaf, of its path's type, each of num_slots rows. Errors name column, file
  /// and
  ///         page.
  arrow::Result<std::vector<std::shared_ptr<arrow::ArrayData>>> Read(
      const std::vector<format::LeafColumn>& leaves, const std::vector<FragmentRows>& fragments,
      int64_t num_slots, bool remember_chunks, const CancelToken& cancel,
      arrow::MemoryPool* pool) const;

 private:
  FileCache* const files_;
  DecodedCache* const decoded_;
  storage::IoScheduler* const scheduler_;
};

}  // namespace croupier::table
