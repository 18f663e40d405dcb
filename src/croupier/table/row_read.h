#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/byte_range.h"
#include "croupier/format/page/list_rows.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table/row_reader.h"

namespace croupier::table {

/// The end of a file that was read to open it; column metadata may lie in it.
struct Tail {
  std::shared_ptr<arrow::Buffer> bytes;
  int64_t offset_bytes = 0;

  bool Covers(ByteRange range) const {
    return bytes != nullptr && range.offset_bytes >= offset_bytes &&
           range.end_bytes() <= offset_bytes + bytes->size();
  }
  std::span<const uint8_t> Slice(ByteRange range) const {
    return {bytes->data() + (range.offset_bytes - offset_bytes),
            static_cast<size_t>(range.size_bytes)};
  }
};

/// A leaf below lists in a file of format 2.0. The lists have columns of their own, which are read
/// one after the other, and the values are assembled by themselves.
struct ListLeaf {
  struct Column {
    int32_t index = 0;
    std::shared_ptr<const format::LeafPath> path;  // by which its pages are opened
  };

  size_t column = 0;
  std::shared_ptr<CachedFile> file;
  std::vector<Column> columns;  // of the lists, outermost first, then of the values
  format::ListRows rows;
  int64_t num_rows = 0;  // that the column at the present depth must have
  std::unique_ptr<format::ColumnAssembler> assembler = nullptr;
};

/// Rows of one page for one leaf.
struct PageRows {
  size_t column = 0;
  std::shared_ptr<const CachedColumn> cached_column;  // keeps the page alive
  std::shared_ptr<CachedFile> file;
  size_t page_index = 0;
  std::vector<format::RowRun> runs;          // rows count from the first of the page
  ListLeaf* list_leaf = nullptr;             // which the rows belong to, if not to the table
  std::shared_ptr<const OpenedPage> opened;  // null until OpenPages

  CachedPage& cached_page() const { return cached_column->page(page_index); }
  const format::Page& page() const { return *opened->page; }
};

/// Rows of one chunk: a part of the runs of its page, with rows that count from the first of the
/// chunk.
struct ChunkRows {
  const PageRows* page_rows = nullptr;
  int64_t chunk = 0;
  size_t first_run = 0;
  size_t num_runs = 0;
  size_t fetched = 0;  // number in the fetch, if not decoded yet
  KnownChunk known = {};
};

/// Rows of one contiguous range of records.
struct RecordRows {
  const PageRows* page_rows = nullptr;
  size_t run = 0;
  size_t fetched = 0;
};

/// One call of RowReader::Read: its state from wave to wave. Owned by a shared_ptr, because reads
/// that outlive a cancelled call write into the memory of its assemblers.
class RowRead : public std::enable_shared_from_this<RowRead> {
 public:
  RowRead(const std::vector<format::LeafColumn>& columns,
          const std::vector<FragmentRows>& fragments, FileCache* files, DecodedCache* decoded_cache,
          storage::IoScheduler* scheduler, const CancelToken& cancel, arrow::MemoryPool* pool)
      : columns_(columns),
        fragments_(fragments),
        files_(files),
        decoded_cache_(decoded_cache),
        scheduler_(scheduler),
        cancel_(cancel),
        pool_(pool),
        now_(files->budget().BeginRead()) {}

  using Arrays = std::vector<std::shared_ptr<arrow::ArrayData>>;

  arrow::Result<Arrays> Run(int64_t num_slots, bool remember_chunks);

 private:
  static arrow::Status AtColumn(const format::LeafColumn& column, const arrow::Status& status);
  arrow::Status AtPage(const PageRows& rows, const arrow::Status& status) const;
  static arrow::Status AtFile(const storage::Object& object, const arrow::Status& status);

  // A column of a file that is read for a leaf.
  struct FileColumn {
    size_t column = 0;
    std::shared_ptr<CachedFile> file;
    size_t file_number = 0;
    int32_t column_index = 0;
    std::shared_ptr<const format::LeafPath> path;  // by which its pages are opened
  };

  // Waves 1 to 3, in row_read_open.cc.

  // What opens files and pages is remembered, so it cannot come from the pool of one call.
  arrow::Status Fetch(storage::RangeFetch* fetch);
  // Wave 1: the ends of files that are not open yet.
  arrow::Status OpenFiles();
  // Wave 2: the metadata of columns that were not asked for before; then the rows of every page.
  arrow::Status OpenColumns();
  arrow::Status OpenColumns(const std::vector<FileColumn>& wanted);
  // The path of a leaf's own column in files of format 2.0: without the layers above it, which have
  // columns of their own.
  const std::shared_ptr<const format::LeafPath>& FlatPath(size_t column);
  // Find a column that was opened, with as many rows as it must have.
  arrow::Result<std::shared_ptr<const CachedColumn>> FindColumn(size_t column, CachedFile* file,
                                                                int32_t column_index,
                                                                const format::LeafPath& path,
                                                                int64_t num_rows) const;
  // Cut the rows of a fragment at the pages of one column.
  arrow::Status AssignPages(const FragmentRows& fragment, size_t column);
  // Strings by the first writers of format 2.0 are lists of bytes: a column of offsets, and the
  // next one.
  static bool IsTextOfBytes(CachedFile& file, int32_t column_index, const format::LeafPath& path);
  static bool IsBelowLists(CachedFile& file, const ColumnLocation& location,
                           const format::LeafPath& path);
  arrow::Status AddListLeaf(const FragmentRows& fragment, size_t column,
                            const std::shared_ptr<CachedFile>& file);
  // Go from the lists that are wanted to their items, one depth after the other for all leaves
  // together, and cut the items at the pages of their own columns.
  arrow::Status FindListItems();
  // Wave 3: the headers of pages that are not open yet.
  arrow::Status OpenPages(std::deque<PageRows>* page_rows);

  // Wave 4, in row_read_data.cc.

  // The file says how many items there are: they must not take more memory than it explains, which
  // those that it does not store would.
  arrow::Status MakeAssembler(ListLeaf* leaf);
  // The assembler that the rows of a page go to.
  format::ColumnAssembler& AssemblerOf(const PageRows& rows);
  arrow::Status PlanData();
  void PlanChunks(const format::ChunkPage& page, PageRows* rows);
  // Put the runs of each chunk together; those of one row stay in order.
  void MergeChunks(size_t first, std::vector<format::RowRun>* runs);
  void PlanRecords(const format::RecordPage& page, const PageRows& rows);
  arrow::Status Decode(bool remember_chunks);
  // Prefetch rows of the next remembered chunks, as many as the nearest caches hold; gives the
  // first chunk that is left.
  size_t PrefetchChunks(size_t begin);
  static std::span<const format::RowRun> RunsOf(const ChunkRows& rows);
  arrow::Status DecodeChunk(const ChunkRows& chunk_rows, bool remember_chunks);
  // Hand the values of leaves below lists on to the assemblers of their columns.
  arrow::Status FinishListLeaves();
  // Leaves that have the layers of others come after these.
  arrow::Result<Arrays> Finish();
  arrow::Status FinishColumn(size_t column, std::shared_ptr<arrow::ArrayData>* array);
  // Runs of rows of the table as runs of rows of pages; rows that matter are below 2^32.
  static std::vector<format::RowRun> Scaled(const std::vector<format::RowRun>& runs,
                                            const format::LeafPath& path);

  const std::vector<format::LeafColumn>& columns_;
  const std::vector<FragmentRows>& fragments_;
  FileCache* const files_;
  DecodedCache* const decoded_cache_;
  storage::IoScheduler* const scheduler_;
  const CancelToken& cancel_;
  arrow::MemoryPool* const pool_;
  const int64_t now_;  // the time of this read, for what is remembered

  std::vector<std::unique_ptr<format::ColumnAssembler>> assemblers_;
  std::map<size_t, std::shared_ptr<CachedFile>> open_files_;
  std::map<size_t, Tail> tails_;  // of files that this call opened
  std::vector<std::shared_ptr<const format::LeafPath>> flat_paths_;  // of each leaf, once needed
  std::deque<ListLeaf> list_leaves_;
  std::deque<PageRows> page_rows_;
  std::vector<ChunkRows> chunk_rows_;
  std::vector<RecordRows> record_rows_;
  storage::RangeFetch data_;
};

}  // namespace croupier::table
