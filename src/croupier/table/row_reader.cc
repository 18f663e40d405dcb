#include "croupier/table/row_reader.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/list_page.h"
#include "croupier/format/page/list_rows.h"
#include "croupier/storage/range_fetch.h"

namespace croupier::table {

namespace {

using format::RowRun;

// The end of a file that is read at once: footer, tables and, in most files, all column metadata.
// In between it is half of the gap that is read to save a request (ReadHabits).
constexpr int64_t kMinTailBytes = 4 << 10;
constexpr int64_t kMaxTailBytes = 64 << 10;

using FileByNumber = std::map<size_t, std::shared_ptr<CachedFile>>;

// The end of a file that was read to open it; column metadata may lie in it.
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

// A leaf below lists in a file of format 2.0. The lists have columns of their own, which are read
// one after the other, and the values are assembled by themselves.
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

// Rows of one page for one leaf.
struct PageRows {
  size_t column = 0;
  std::shared_ptr<const CachedColumn> cached_column;  // keeps the page alive
  std::shared_ptr<CachedFile> file;
  size_t page_index = 0;
  std::vector<RowRun> runs;                  // rows count from the first of the page
  ListLeaf* list_leaf = nullptr;             // which the rows belong to, if not to the table
  std::shared_ptr<const OpenedPage> opened;  // null until OpenPages

  CachedPage& cached_page() const { return cached_column->page(page_index); }
  const format::Page& page() const { return *opened->page; }
};

// Rows of one chunk: a part of the runs of its page, with rows that count from the first of the
// chunk.
struct ChunkRows {
  const PageRows* page_rows = nullptr;
  int64_t chunk = 0;
  size_t first_run = 0;
  size_t num_runs = 0;
  size_t fetched = 0;  // number in the fetch, if not decoded yet
  KnownChunk known = {};
};

// Rows of one contiguous range of records.
struct RecordRows {
  const PageRows* page_rows = nullptr;
  size_t run = 0;
  size_t fetched = 0;
};

// By which the columns of lists of old files are opened.
const auto& list_path =
    *new std::shared_ptr<const format::LeafPath>(format::LeafPath::Flat(arrow::null()));

// One call of RowReader::Read: its state from wave to wave. Owned by a shared_ptr, because reads
// that outlive a cancelled call write into the memory of its assemblers.
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

  arrow::Result<Arrays> Run(int64_t num_slots, bool remember_chunks) {
    ARROW_RETURN_NOT_OK(OpenFiles());
    ARROW_RETURN_NOT_OK(OpenColumns());
    ARROW_RETURN_NOT_OK(FindListItems());
    ARROW_RETURN_NOT_OK(OpenPages(&page_rows_));
    // Only now: the pages say that values are as wide as the schema claims.
    for (const auto& column : columns_) {
      const int64_t scale = column.path->page_rows_per_row();
      if (num_slots > UINT32_MAX / scale) {
        return AtColumn(column, arrow::Status::CapacityError("a batch of ", num_slots, " rows of ",
                                                             scale, " items"));
      }
      auto assembler = format::ColumnAssembler::Make(column.path, num_slots * scale, pool_);
      if (!assembler.ok()) return AtColumn(column, assembler.status());
      assemblers_.push_back(*std::move(assembler));
    }
    for (ListLeaf& leaf : list_leaves_) ARROW_RETURN_NOT_OK(MakeAssembler(&leaf));
    ARROW_RETURN_NOT_OK(PlanData());
    ARROW_RETURN_NOT_OK(data_.Run(scheduler_, shared_from_this(), cancel_, pool_));
    ARROW_RETURN_NOT_OK(Decode(remember_chunks));
    ARROW_RETURN_NOT_OK(FinishListLeaves());
    return Finish();
  }

 private:
  static arrow::Status AtColumn(const format::LeafColumn& column, const arrow::Status& status) {
    return status.WithMessage("column '", column.name, "': ", status.message());
  }

  arrow::Status AtPage(const PageRows& rows, const arrow::Status& status) const {
    if (status.IsCancelled()) return status;
    return status.WithMessage("column '", columns_[rows.column].name, "', ",
                              rows.file->object()->location(), ", page ", rows.page_index, ": ",
                              status.message());
  }

  // Leaves that have the layers of others come after these.
  arrow::Result<Arrays> Finish() {
    Arrays arrays(columns_.size());
    std::vector<bool> has_layers_of_another(columns_.size());
    for (const auto& fragment : fragments_) {
      for (size_t i = 0; i < columns_.size(); ++i) {
        if (fragment.locations[i].layers_of.has_value()) has_layers_of_another[i] = true;
      }
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!has_layers_of_another[i]) ARROW_RETURN_NOT_OK(FinishColumn(i, &arrays[i]));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!has_layers_of_another[i]) continue;
      for (const auto& fragment : fragments_) {
        const auto& location = fragment.locations[i];
        if (!location.layers_of.has_value()) continue;
        std::vector<RowRun> slots = Scaled(fragment.runs, *columns_[i].path);
        for (RowRun& run : slots) run.row = run.slot;
        ARROW_RETURN_NOT_OK(assemblers_[i]->AppendLayers({arrays[*location.layers_of]},
                                                         location.num_layers, slots));
      }
      ARROW_RETURN_NOT_OK(FinishColumn(i, &arrays[i]));
    }
    return arrays;
  }

  arrow::Status FinishColumn(size_t column, std::shared_ptr<arrow::ArrayData>* array) {
    auto finished = assemblers_[column]->Finish();
    if (!finished.ok()) return AtColumn(columns_[column], finished.status());
    *array = *std::move(finished);
    assemblers_[column].reset();
    return arrow::Status::OK();
  }

  // Runs of rows of the table as runs of rows of pages; rows that matter are below 2^32.
  static std::vector<RowRun> Scaled(const std::vector<RowRun>& runs, const format::LeafPath& path) {
    const auto scale = static_cast<uint32_t>(path.page_rows_per_row());
    std::vector<RowRun> scaled = runs;
    for (RowRun& run : scaled) run = {run.row * scale, run.slot * scale, run.count * scale};
    return scaled;
  }

  // What opens files and pages is remembered, so it cannot come from the pool of one call.
  arrow::Status Fetch(storage::RangeFetch* fetch) {
    return fetch->Run(scheduler_, nullptr, cancel_, DefaultMemoryPool());
  }

  // Wave 1: the ends of files that are not open yet.
  arrow::Status OpenFiles() {
    std::map<size_t, const FileLocation*> wanted;
    for (const auto& fragment : fragments_) {
      for (const auto& location : fragment.locations) {
        if (location.file != nullptr) wanted.emplace(location.file->file_number, location.file);
      }
    }
    struct Opening {
      size_t file_number;
      std::shared_ptr<const storage::Object> object;
      ByteRange tail;
      size_t fetched = 0;
      format::FileFooter footer;
    };
    std::vector<Opening> openings;
    storage::RangeFetch tails;
    for (const auto& [file_number, location] : wanted) {
      if (auto file = files_->Find(file_number, now_)) {
        open_files_.emplace(file_number, std::move(file));
        continue;
      }
      ARROW_RETURN_NOT_OK(cancel_.Check());
      ARROW_ASSIGN_OR_RAISE(auto object,
                            location->store->Open(location->path, location->size_bytes, cancel_));
      const int64_t size_bytes = object->size_bytes();
      const int64_t tail_bytes = std::min(
          std::clamp(object->habits().coalesce.max_gap_bytes / 2, kMinTailBytes, kMaxTailBytes),
          size_bytes);
      Opening opening{file_number, std::move(object), {size_bytes - tail_bytes, tail_bytes}, 0, {}};
      opening.fetched = tails.Add(opening.object, opening.tail);
      openings.push_back(std::move(opening));
    }
    ARROW_RETURN_NOT_OK(Fetch(&tails));

    // Tables of very wide files do not fit in the tail.
    storage::RangeFetch tables;
    std::vector<std::optional<size_t>> table_of_opening(openings.size());
    for (size_t i = 0; i < openings.size(); ++i) {
      Opening& opening = openings[i];
      const auto bytes = tails.bytes(opening.fetched);
      auto footer = format::FileFooter::Parse(bytes, opening.object->size_bytes());
      if (!footer.ok()) return AtFile(*opening.object, footer.status());
      opening.footer = *footer;
      const auto range =
          format::ColumnDirectory::Range(opening.footer, opening.object->size_bytes());
      if (range.offset_bytes < opening.tail.offset_bytes) {
        table_of_opening[i] = tables.Add(opening.object, range);
      }
    }
    ARROW_RETURN_NOT_OK(Fetch(&tables));
    for (size_t i = 0; i < openings.size(); ++i) {
      Opening& opening = openings[i];
      const auto range =
          format::ColumnDirectory::Range(opening.footer, opening.object->size_bytes());
      auto bytes = tails.bytes(opening.fetched);
      Tail tail{arrow::SliceBuffer(tails.owner(opening.fetched),
                                   bytes.data() - tails.owner(opening.fetched)->data(),
                                   static_cast<int64_t>(bytes.size())),
                opening.tail.offset_bytes};
      const auto table =
          table_of_opening[i].has_value() ? tables.bytes(*table_of_opening[i]) : tail.Slice(range);
      auto directory =
          format::ColumnDirectory::Parse(table, opening.footer, opening.object->size_bytes());
      if (!directory.ok()) return AtFile(*opening.object, directory.status());
      auto file = std::make_shared<CachedFile>(opening.object, opening.footer,
                                               *std::move(directory), &files_->budget());
      open_files_.emplace(opening.file_number,
                          files_->Insert(opening.file_number, std::move(file)));
      tails_.emplace(opening.file_number, std::move(tail));
    }
    return arrow::Status::OK();
  }

  // A column of a file that is read for a leaf.
  struct FileColumn {
    size_t column = 0;
    std::shared_ptr<CachedFile> file;
    size_t file_number = 0;
    int32_t column_index = 0;
    std::shared_ptr<const format::LeafPath> path;  // by which its pages are opened
  };

  // Wave 2: the metadata of columns that were not asked for before; then the rows of every page.
  arrow::Status OpenColumns() {
    std::vector<FileColumn> wanted;
    for (const auto& fragment : fragments_) {
      for (size_t i = 0; i < columns_.size(); ++i) {
        const auto& location = fragment.locations[i];
        if (location.file == nullptr) continue;
        const size_t file_number = location.file->file_number;
        const auto& file = open_files_.at(file_number);
        if (!file->footer().is_v2_0()) {
          wanted.push_back({i, file, file_number, location.column_index, columns_[i].path});
          continue;
        }
        wanted.push_back({i, file, file_number, location.column_index, FlatPath(i)});
        for (const int32_t list_column : location.list_columns) {
          wanted.push_back({i, file, file_number, list_column, list_path});
        }
      }
    }
    ARROW_RETURN_NOT_OK(OpenColumns(wanted));
    for (const auto& fragment : fragments_) {
      for (size_t i = 0; i < columns_.size(); ++i) {
        ARROW_RETURN_NOT_OK(AssignPages(fragment, i));
      }
    }
    return arrow::Status::OK();
  }

  arrow::Status OpenColumns(const std::vector<FileColumn>& wanted) {
    struct Opening {
      const FileColumn* column;
      std::optional<size_t> fetched;
    };
    std::vector<Opening> openings;
    std::set<std::pair<size_t, int32_t>> opening_already;
    storage::RangeFetch fetch;
    for (const auto& column : wanted) {
      if (column.file->Find(column.column_index, *column.path) != nullptr) continue;
      if (!opening_already.emplace(column.file_number, column.column_index).second) continue;
      const auto& directory = column.file->directory();
      if (column.column_index < 0 ||
          static_cast<size_t>(column.column_index) >= directory.columns.size()) {
        return AtColumn(
            columns_[column.column],
            AtFile(*column.file->object(), arrow::Status::SerializationError(
                                               "no such column in the file: ", column.column_index,
                                               " of ", directory.columns.size())));
      }
      const ByteRange range = directory.columns[static_cast<size_t>(column.column_index)];
      Opening opening{&column, std::nullopt};
      const auto tail = tails_.find(column.file_number);
      if (tail == tails_.end() || !tail->second.Covers(range)) {
        opening.fetched = fetch.Add(column.file->object(), range);
      }
      openings.push_back(opening);
    }
    ARROW_RETURN_NOT_OK(Fetch(&fetch));
    for (const auto& [column, fetched] : openings) {
      const auto& file = column->file;
      const ByteRange range = file->directory().columns[static_cast<size_t>(column->column_index)];
      const auto bytes =
          fetched.has_value() ? fetch.bytes(*fetched) : tails_.at(column->file_number).Slice(range);
      auto metadata =
          format::ColumnMetadata::Parse(bytes, file->footer(), file->object()->size_bytes());
      if (!metadata.ok()) {
        return AtColumn(columns_[column->column], AtFile(*file->object(), metadata.status()));
      }
      file->Insert(column->column_index,
                   std::make_shared<const CachedColumn>(*std::move(metadata), column->path));
    }
    return arrow::Status::OK();
  }

  // The path of a leaf's own column in files of format 2.0: without the layers above it, which have
  // columns of their own.
  const std::shared_ptr<const format::LeafPath>& FlatPath(size_t column) {
    flat_paths_.resize(columns_.size());
    auto& flat = flat_paths_[column];
    const auto& path = columns_[column].path;
    if (flat == nullptr) {
      flat =
          path->layers().empty() ? path : format::LeafPath::Flat(path->leaf_type(), path->kind());
    }
    return flat;
  }

  // Find a column that was opened, with as many rows as it must have.
  arrow::Result<std::shared_ptr<const CachedColumn>> FindColumn(size_t column, CachedFile* file,
                                                                int32_t column_index,
                                                                const format::LeafPath& path,
                                                                int64_t num_rows) const {
    auto cached = file->Find(column_index, path);
    if (cached == nullptr) {
      return AtColumn(
          columns_[column],
          AtFile(*file->object(),
                 arrow::Status::SerializationError(
                     "column ", column_index, " of the file belongs to two columns of the table")));
    }
    if (cached->num_rows() != num_rows) {
      return AtColumn(columns_[column],
                      AtFile(*file->object(), arrow::Status::SerializationError(
                                                  "column ", column_index, " has ",
                                                  cached->num_rows(), " rows, not ", num_rows)));
    }
    return cached;
  }

  // Cuts ascending rows at the pages of a column.
  class PageCutter {
   public:
    PageCutter(PageRows rows, std::deque<PageRows>* pages)
        : rows_(std::move(rows)), pages_(pages) {}

    void Add(int64_t row, uint32_t slot, int64_t count) {
      while (count > 0) {
        if (page_end_ == 0 || row >= page_end_) {
          rows_.page_index = rows_.cached_column->PageOf(row);
          pages_->push_back(rows_);
          const auto& metadata = rows_.cached_page().metadata();
          page_begin_ = metadata.first_row;
          page_end_ = page_begin_ + metadata.num_rows;
        }
        const auto part = static_cast<uint32_t>(std::min<int64_t>(count, page_end_ - row));
        pages_->back().runs.push_back({static_cast<uint32_t>(row - page_begin_), slot, part});
        row += part;
        slot += part;
        count -= part;
      }
    }

   private:
    PageRows rows_;
    std::deque<PageRows>* const pages_;
    int64_t page_begin_ = 0;
    int64_t page_end_ = 0;
  };

  // Cut the rows of a fragment at the pages of one column.
  arrow::Status AssignPages(const FragmentRows& fragment, size_t column) {
    const auto& location = fragment.locations[column];
    if (location.file == nullptr) return arrow::Status::OK();
    const auto& file = open_files_.at(location.file->file_number);
    const bool has_own_path = !file->footer().is_v2_0();
    const auto& path = has_own_path ? columns_[column].path : FlatPath(column);
    if (!has_own_path && IsBelowLists(*file, location, *path)) {
      return AddListLeaf(fragment, column, file);
    }
    const int64_t scale = path->page_rows_per_row();
    ARROW_ASSIGN_OR_RAISE(const auto cached, FindColumn(column, file.get(), location.column_index,
                                                        *path, fragment.num_physical_rows * scale));
    PageCutter cutter({column, cached, file, 0, {}, nullptr, nullptr}, &page_rows_);
    for (const RowRun& run : fragment.runs) {
      cutter.Add(run.row * scale, static_cast<uint32_t>(run.slot * scale), run.count * scale);
    }
    return arrow::Status::OK();
  }

  // Strings by the first writers of format 2.0 are lists of bytes: a column of offsets, and the
  // next one.
  static bool IsTextOfBytes(CachedFile& file, int32_t column_index, const format::LeafPath& path) {
    const auto cached = file.Find(column_index, path);
    if (cached == nullptr || cached->num_pages() == 0) return false;
    const auto* layout = cached->page(0).metadata().layout.As<format::ArrayLayout>();
    if (layout == nullptr || layout->encoding->As<format::ListArray>() == nullptr) return false;
    const auto shape = format::LeafShape::Of(*path.leaf_type());
    return shape.ok() && shape->kind == format::LeafShape::Kind::kVariable;
  }

  static bool IsBelowLists(CachedFile& file, const ColumnLocation& location,
                           const format::LeafPath& path) {
    return !location.list_columns.empty() || IsTextOfBytes(file, location.column_index, path);
  }

  arrow::Status AddListLeaf(const FragmentRows& fragment, size_t column,
                            const std::shared_ptr<CachedFile>& file) {
    const auto& location = fragment.locations[column];
    const auto& path = FlatPath(column);
    const bool is_text = IsTextOfBytes(*file, location.column_index, *path);
    std::vector<ListLeaf::Column> columns;
    columns.reserve(location.list_columns.size() + 2);
    for (const int32_t list_column : location.list_columns) {
      columns.push_back({list_column, list_path});
    }
    columns.push_back({location.column_index, path});
    if (is_text) {
      columns.push_back({location.column_index + 1, format::LeafPath::Flat(arrow::uint8())});
      ARROW_RETURN_NOT_OK(OpenColumns(
          {{column, file, location.file->file_number, columns.back().index, columns.back().path}}));
    }
    list_leaves_.push_back({column, file, std::move(columns),
                            format::ListRows(columns_[column].path, fragment.runs, is_text, pool_),
                            fragment.num_physical_rows});
    return arrow::Status::OK();
  }

  // Go from the lists that are wanted to their items, one depth after the other for all leaves
  // together, and cut the items at the pages of their own columns.
  arrow::Status FindListItems() {
    size_t max_depth = 0;
    for (const ListLeaf& leaf : list_leaves_) max_depth = std::max(max_depth, leaf.columns.size());
    for (size_t depth = 0; depth < max_depth; ++depth) {
      std::deque<PageRows> lists;
      for (ListLeaf& leaf : list_leaves_) {
        if (depth >= leaf.columns.size()) continue;
        const auto& [index, path] = leaf.columns[depth];
        const bool is_list = depth + 1 < leaf.columns.size();
        ARROW_ASSIGN_OR_RAISE(const auto cached, FindColumn(leaf.column, leaf.file.get(), index,
                                                            *path, leaf.num_rows));
        PageCutter cutter({leaf.column, cached, leaf.file, 0, {}, &leaf, nullptr},
                          is_list ? &lists : &page_rows_);
        for (const auto& run : leaf.rows.rows()) cutter.Add(run.row, run.slot, run.count);
        leaf.num_rows = cached->num_items();
      }
      ARROW_RETURN_NOT_OK(OpenPages(&lists));
      for (const PageRows& rows : lists) {
        const auto* page = rows.page().AsLists();
        if (page == nullptr) {
          return AtPage(rows, arrow::Status::SerializationError("the page holds no lists"));
        }
        for (const RowRun& run : rows.runs) {
          const auto status = rows.list_leaf->rows.AddLists(
              *page, rows.cached_page().metadata().first_item, run.row, run.count);
          if (!status.ok()) return AtPage(rows, status);
        }
      }
      for (ListLeaf& leaf : list_leaves_) {
        if (depth + 1 < leaf.columns.size()) ARROW_RETURN_NOT_OK(leaf.rows.Descend());
      }
    }
    return arrow::Status::OK();
  }

  // The file says how many items there are: they must not take more memory than it explains, which
  // those that it does not store would.
  arrow::Status MakeAssembler(ListLeaf* leaf) {
    constexpr int64_t kMaxImpliedBits = int64_t{8} << 29;
    constexpr int64_t kMaxRatio = 64;  // of values of 64 bits that are stored in one
    const auto& path = leaf->columns.back().path;
    const int64_t num_slots = leaf->rows.num_slots();
    const auto shape = format::LeafShape::Of(*path->leaf_type());
    if (shape.ok() && shape->kind == format::LeafShape::Kind::kFixed) {
      const int64_t max_bits =
          std::min(leaf->file->object()->size_bytes(), INT64_MAX / 16 / kMaxRatio) * 8 * kMaxRatio +
          kMaxImpliedBits;
      if (num_slots > max_bits / std::max<int64_t>(shape->row_bits(), 1)) {
        return AtColumn(columns_[leaf->column],
                        AtFile(*leaf->file->object(),
                               arrow::Status::CapacityError("the lists of a batch have ", num_slots,
                                                            " items: read fewer rows at a time")));
      }
    }
    // Values as pages have them: it is the column's own assembler that makes text of JSON.
    const auto kind =
        path->kind() == format::LeafKind::kJson ? format::LeafKind::kValues : path->kind();
    auto assembler = format::ColumnAssembler::Make(format::LeafPath::Flat(path->leaf_type(), kind),
                                                   num_slots, pool_);
    if (!assembler.ok()) return AtColumn(columns_[leaf->column], assembler.status());
    leaf->assembler = *std::move(assembler);
    return arrow::Status::OK();
  }

  // Hand the values of leaves below lists on to the assemblers of their columns.
  arrow::Status FinishListLeaves() {
    for (ListLeaf& leaf : list_leaves_) {
      auto values = leaf.assembler->Finish();
      if (!values.ok()) return AtColumn(columns_[leaf.column], values.status());
      auto rows = leaf.rows.Finish(*std::move(values));
      if (!rows.ok()) return AtColumn(columns_[leaf.column], rows.status());
      const auto status = assemblers_[leaf.column]->Append(*rows, leaf.rows.runs());
      if (!status.ok()) return AtColumn(columns_[leaf.column], status);
    }
    return arrow::Status::OK();
  }

  // The assembler that the rows of a page go to.
  format::ColumnAssembler& AssemblerOf(const PageRows& rows) {
    if (rows.list_leaf != nullptr) return *rows.list_leaf->assembler;
    auto& assembler = *assemblers_[rows.column];
    // In files of format 2.0 structs are no part of the pages below them, and are never null.
    return rows.file->footer().is_v2_0() ? *assembler.leaf() : assembler;
  }

  // Wave 3: the headers of pages that are not open yet.
  arrow::Status OpenPages(std::deque<PageRows>* page_rows) {
    struct Opening {
      PageRows* rows;
      std::vector<size_t> fetched;
    };
    std::vector<Opening> openings;
    storage::RangeFetch fetch;
    for (auto& rows : *page_rows) {
      rows.opened = rows.cached_page().Find(now_);
      if (rows.opened != nullptr) continue;
      Opening opening{&rows, {}};
      for (const ByteRange range : format::Page::HeaderRanges(rows.cached_page().metadata())) {
        opening.fetched.push_back(fetch.Add(rows.file->object(), range));
      }
      openings.push_back(std::move(opening));
    }
    ARROW_RETURN_NOT_OK(Fetch(&fetch));
    for (const auto& opening : openings) {
      std::vector<std::shared_ptr<arrow::Buffer>> headers;
      for (const size_t fetched : opening.fetched) {
        // A copy, where it was read together with others, so that it is forgotten by itself.
        const auto bytes = fetch.bytes(fetched);
        const auto& owner = fetch.owner(fetched);
        if (static_cast<int64_t>(bytes.size()) == owner->size()) {
          headers.push_back(owner);
        } else {
          ARROW_ASSIGN_OR_RAISE(
              std::shared_ptr<arrow::Buffer> copy,
              arrow::AllocateBuffer(static_cast<int64_t>(bytes.size()), DefaultMemoryPool()));
          std::ranges::copy(bytes, copy->mutable_data());
          headers.push_back(std::move(copy));
        }
      }
      CachedPage& cached = opening.rows->cached_page();
      auto page =
          format::Page::Open(cached.metadata(), opening.rows->cached_column->path(), headers);
      if (!page.ok()) return AtPage(*opening.rows, page.status());
      opening.rows->opened = opening.rows->file->Insert(
          &cached, std::make_shared<const OpenedPage>(*std::move(page), decoded_cache_));
    }
    return arrow::Status::OK();
  }

  // Wave 4: plan the data.
  arrow::Status PlanData() {
    for (const auto& fragment : fragments_) {
      for (size_t i = 0; i < columns_.size(); ++i) {
        const auto& location = fragment.locations[i];
        if (location.file != nullptr || location.layers_of.has_value()) continue;
        ARROW_RETURN_NOT_OK(assemblers_[i]->AppendNulls(Scaled(fragment.runs, *columns_[i].path)));
      }
    }
    for (auto& rows : page_rows_) {
      const format::Page& page = rows.page();
      if (const auto* chunks = page.AsChunks()) {
        PlanChunks(*chunks, &rows);
      } else if (const auto* records = page.AsRecords()) {
        PlanRecords(*records, rows);
      } else if (page.AsLists() != nullptr) {
        return AtPage(rows, arrow::Status::SerializationError("the page holds lists, not values"));
      }
    }
    return arrow::Status::OK();
  }

  void PlanChunks(const format::ChunkPage& page, PageRows* rows) {
    const size_t first = chunk_rows_.size();
    std::vector<RowRun> runs;  // as rows->runs, cut at chunks
    runs.reserve(rows->runs.size());
    format::ChunkPage::Chunk chunk;
    int64_t chunk_index = -1;
    bool is_sorted = true;
    const auto move_to = [&](int64_t index) {
      is_sorted &= index >= chunk_index;
      chunk_index = index;
      chunk = page.chunk(index);
      chunk_rows_.push_back({rows, index, runs.size(), 0});
    };
    for (const RowRun& run : rows->runs) {
      const int64_t end = int64_t{run.row} + run.count;
      // A row that begins in this chunk may also be the first of it, going on from the chunk
      // before.
      if (chunk_index < 0 || run.row <= chunk.first_row ||
          run.row >= chunk.first_row + chunk.num_rows) {
        const int64_t index = page.ChunkOf(run.row);
        if (index != chunk_index) move_to(index);
      }
      while (true) {
        const int64_t chunk_end = chunk.first_row + chunk.num_rows;
        const int64_t begin = std::max<int64_t>(run.row, chunk.first_row);
        runs.push_back({static_cast<uint32_t>(begin - chunk.first_row),
                        static_cast<uint32_t>(run.slot + (begin - run.row)),
                        static_cast<uint32_t>(std::min(end, chunk_end) - begin)});
        ++chunk_rows_.back().num_runs;
        if (end < chunk_end || chunk_index + 1 == page.num_chunks()) break;
        // The last row may go on in the next chunk.
        if (end == chunk_end && page.chunk(chunk_index + 1).first_row >= end) break;
        move_to(chunk_index + 1);
      }
    }
    // Rows that go on in later chunks go back and forth between these if they are asked for again.
    if (!is_sorted) MergeChunks(first, &runs);
    rows->runs = std::move(runs);
    std::vector<int64_t> chunks;
    for (size_t i = first; i < chunk_rows_.size(); ++i) chunks.push_back(chunk_rows_[i].chunk);
    auto found = rows->opened->decoded->Find(chunks);
    for (size_t i = first; i < chunk_rows_.size(); ++i) {
      ChunkRows& chunk_rows = chunk_rows_[i];
      chunk_rows.known = std::move(found[i - first]);
      if (chunk_rows.known.decoded.array == nullptr) {
        chunk_rows.fetched = data_.Add(rows->file->object(), page.chunk(chunk_rows.chunk).bytes);
      }
    }
  }

  // Put the runs of each chunk together; those of one row stay in order.
  void MergeChunks(size_t first, std::vector<RowRun>* runs) {
    const auto begin = chunk_rows_.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(begin, chunk_rows_.end(), [](const ChunkRows& a, const ChunkRows& b) {
      return a.chunk != b.chunk ? a.chunk < b.chunk : a.first_run < b.first_run;
    });
    std::vector<RowRun> merged;
    merged.reserve(runs->size());
    auto last = chunk_rows_.end();
    for (auto chunk_rows = begin; chunk_rows != chunk_rows_.end(); ++chunk_rows) {
      const auto from = runs->begin() + static_cast<std::ptrdiff_t>(chunk_rows->first_run);
      const auto to = from + static_cast<std::ptrdiff_t>(chunk_rows->num_runs);
      if (last != chunk_rows_.end() && last->chunk == chunk_rows->chunk) {
        last->num_runs += chunk_rows->num_runs;
      } else {
        last = last == chunk_rows_.end() ? begin : last + 1;
        *last = *chunk_rows;
        last->first_run = merged.size();
      }
      merged.insert(merged.end(), from, to);
    }
    chunk_rows_.erase(last + 1, chunk_rows_.end());
    *runs = std::move(merged);
  }

  void PlanRecords(const format::RecordPage& page, const PageRows& rows) {
    const int64_t plain_bytes = page.plain_record_bytes();
    for (size_t i = 0; i < rows.runs.size(); ++i) {
      const RowRun& run = rows.runs[i];
      const ByteRange range = page.RecordRange(run.row, int64_t{run.row} + run.count);
      if (plain_bytes > 0) {
        uint8_t* values = AssemblerOf(rows).FillInPlace(run.slot, run.count);
        data_.AddInPlace(rows.file->object(), range.offset_bytes,
                         {values, static_cast<size_t>(range.size_bytes)});
      } else {
        record_rows_.push_back({&rows, i, data_.Add(rows.file->object(), range)});
      }
    }
  }

  arrow::Status Decode(bool remember_chunks) {
    size_t num_prefetched = 0;
    for (size_t i = 0; i < chunk_rows_.size(); ++i) {
      if (i == num_prefetched) num_prefetched = PrefetchChunks(i);
      const ChunkRows& chunk_rows = chunk_rows_[i];
      ARROW_RETURN_NOT_OK(cancel_.Check());
      const auto status = DecodeChunk(chunk_rows, remember_chunks);
      if (!status.ok()) return AtPage(*chunk_rows.page_rows, status);
    }
    for (const auto& record_rows : record_rows_) {
      const PageRows& rows = *record_rows.page_rows;
      const auto* page = rows.page().AsRecords();
      auto& assembler = AssemblerOf(rows);
      assembler.Keep(data_.owner(record_rows.fetched));
      const auto status =
          page->Decode(rows.runs[record_rows.run].row, data_.bytes(record_rows.fetched),
                       std::span(rows.runs).subspan(record_rows.run, 1), &assembler);
      if (!status.ok()) return AtPage(rows, status);
    }
    for (const auto& rows : page_rows_) {
      const auto* page = rows.page().AsConstant();
      if (page == nullptr) continue;
      const auto status = page->Decode(rows.runs, &AssemblerOf(rows));
      if (!status.ok()) return AtPage(rows, status);
    }
    return arrow::Status::OK();
  }

  // Prefetch rows of the next remembered chunks, as many as the nearest caches hold; gives the
  // first chunk that is left.
  size_t PrefetchChunks(size_t begin) {
    constexpr size_t kChunks = 128;
    const size_t end = std::min(begin + kChunks, chunk_rows_.size());
    for (size_t i = begin; i < end; ++i) {
      const ChunkRows& rows = chunk_rows_[i];
      if (rows.known.decoded.array != nullptr) {
        AssemblerOf(*rows.page_rows).Prefetch(rows.known.decoded, RunsOf(rows));
      }
    }
    return end;
  }

  static std::span<const RowRun> RunsOf(const ChunkRows& rows) {
    return std::span(rows.page_rows->runs).subspan(rows.first_run, rows.num_runs);
  }

  arrow::Status DecodeChunk(const ChunkRows& chunk_rows, bool remember_chunks) {
    const PageRows& rows = *chunk_rows.page_rows;
    const KnownChunk& known = chunk_rows.known;
    auto& assembler = AssemblerOf(rows);
    if (known.decoded.array != nullptr) return assembler.Append(known.decoded, RunsOf(chunk_rows));
    const bool remember =
        remember_chunks && (known.is_reused || !rows.file->object()->habits().rereads_are_cheap);
    ARROW_ASSIGN_OR_RAISE(const auto decoded, rows.page().AsChunks()->DecodeChunk(
                                                  chunk_rows.chunk, data_.bytes(chunk_rows.fetched),
                                                  remember ? DefaultMemoryPool() : pool_));
    if (remember) {
      rows.opened->decoded->Insert(chunk_rows.chunk, decoded,
                                   arrow::util::TotalBufferSize(*decoded.array));
    }
    return assembler.Append(decoded, RunsOf(chunk_rows));
  }

  static arrow::Status AtFile(const storage::Object& object, const arrow::Status& status) {
    return status.WithMessage(object.location(), ": ", status.message());
  }

  const std::vector<format::LeafColumn>& columns_;
  const std::vector<FragmentRows>& fragments_;
  FileCache* const files_;
  DecodedCache* const decoded_cache_;
  storage::IoScheduler* const scheduler_;
  const CancelToken& cancel_;
  arrow::MemoryPool* const pool_;
  const int64_t now_;  // the time of this read, for what is remembered

  std::vector<std::unique_ptr<format::ColumnAssembler>> assemblers_;
  FileByNumber open_files_;
  std::map<size_t, Tail> tails_;  // of files that this call opened
  std::vector<std::shared_ptr<const format::LeafPath>> flat_paths_;  // of each leaf, once needed
  std::deque<ListLeaf> list_leaves_;
  std::deque<PageRows> page_rows_;
  std::vector<ChunkRows> chunk_rows_;
  std::vector<RecordRows> record_rows_;
  storage::RangeFetch data_;
};

}  // namespace

arrow::Result<std::vector<std::shared_ptr<arrow::ArrayData>>> RowReader::Read(
    const std::vector<format::LeafColumn>& leaves, const std::vector<FragmentRows>& fragments,
    int64_t num_slots, bool remember_chunks, const CancelToken& cancel,
    arrow::MemoryPool* pool) const {
  decoded_->BeginTake();
  auto read =
      std::make_shared<RowRead>(leaves, fragments, files_, decoded_, scheduler_, cancel, pool);
  auto arrays = read->Run(num_slots, remember_chunks);
  files_->budget().EndRead();
  return arrays;
}

}  // namespace croupier::table
