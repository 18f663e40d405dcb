#include <algorithm>
#include <set>

#include <arrow/type.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/list_page.h"
#include "croupier/table/row_read.h"

namespace croupier::table {

namespace {

using format::RowRun;

// The end of a file that is read at once: footer, tables and, in most files, all column metadata.
// In between it is half of the gap that is read to save a request (ReadHabits).
constexpr int64_t kMinTailBytes = 4 << 10;
constexpr int64_t kMaxTailBytes = 64 << 10;

// By which the columns of lists of old files are opened.
const auto& list_path =
    *new std::shared_ptr<const format::LeafPath>(format::LeafPath::Flat(arrow::null()));

// Cuts ascending rows at the pages of a column.
class PageCutter {
 public:
  PageCutter(PageRows rows, std::deque<PageRows>* pages) : rows_(std::move(rows)), pages_(pages) {}

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

}  // namespace

arrow::Status RowRead::Fetch(storage::RangeFetch* fetch) {
  return fetch->Run(scheduler_, nullptr, cancel_, DefaultMemoryPool());
}

arrow::Status RowRead::OpenFiles() {
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
    const auto range = format::ColumnDirectory::Range(opening.footer, opening.object->size_bytes());
    if (range.offset_bytes < opening.tail.offset_bytes) {
      table_of_opening[i] = tables.Add(opening.object, range);
    }
  }
  ARROW_RETURN_NOT_OK(Fetch(&tables));
  for (size_t i = 0; i < openings.size(); ++i) {
    Opening& opening = openings[i];
    const auto range = format::ColumnDirectory::Range(opening.footer, opening.object->size_bytes());
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
    auto file = std::make_shared<CachedFile>(opening.object, opening.footer, *std::move(directory),
                                             &files_->budget());
    open_files_.emplace(opening.file_number, files_->Insert(opening.file_number, std::move(file)));
    tails_.emplace(opening.file_number, std::move(tail));
  }
  return arrow::Status::OK();
}

arrow::Status RowRead::OpenColumns() {
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

arrow::Status RowRead::OpenColumns(const std::vector<FileColumn>& wanted) {
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

const std::shared_ptr<const format::LeafPath>& RowRead::FlatPath(size_t column) {
  flat_paths_.resize(columns_.size());
  auto& flat = flat_paths_[column];
  const auto& path = columns_[column].path;
  if (flat == nullptr) {
    flat = path->layers().empty() ? path : format::LeafPath::Flat(path->leaf_type(), path->kind());
  }
  return flat;
}

arrow::Result<std::shared_ptr<const CachedColumn>> RowRead::FindColumn(size_t column,
                                                                       CachedFile* file,
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

arrow::Status RowRead::AssignPages(const FragmentRows& fragment, size_t column) {
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

bool RowRead::IsTextOfBytes(CachedFile& file, int32_t column_index, const format::LeafPath& path) {
  const auto cached = file.Find(column_index, path);
  if (cached == nullptr || cached->num_pages() == 0) return false;
  const auto* layout = cached->page(0).metadata().layout.As<format::ArrayLayout>();
  if (layout == nullptr || layout->encoding->As<format::ListArray>() == nullptr) return false;
  const auto shape = format::LeafShape::Of(*path.leaf_type());
  return shape.ok() && shape->kind == format::LeafShape::Kind::kVariable;
}

bool RowRead::IsBelowLists(CachedFile& file, const ColumnLocation& location,
                           const format::LeafPath& path) {
  return !location.list_columns.empty() || IsTextOfBytes(file, location.column_index, path);
}

arrow::Status RowRead::AddListLeaf(const FragmentRows& fragment, size_t column,
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

arrow::Status RowRead::FindListItems() {
  size_t max_depth = 0;
  for (const ListLeaf& leaf : list_leaves_) max_depth = std::max(max_depth, leaf.columns.size());
  for (size_t depth = 0; depth < max_depth; ++depth) {
    std::deque<PageRows> lists;
    for (ListLeaf& leaf : list_leaves_) {
      if (depth >= leaf.columns.size()) continue;
      const auto& [index, path] = leaf.columns[depth];
      const bool is_list = depth + 1 < leaf.columns.size();
      ARROW_ASSIGN_OR_RAISE(const auto cached,
                            FindColumn(leaf.column, leaf.file.get(), index, *path, leaf.num_rows));
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

arrow::Status RowRead::OpenPages(std::deque<PageRows>* page_rows) {
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
    auto page = format::Page::Open(cached.metadata(), opening.rows->cached_column->path(), headers);
    if (!page.ok()) return AtPage(*opening.rows, page.status());
    opening.rows->opened = opening.rows->file->Insert(
        &cached, std::make_shared<const OpenedPage>(*std::move(page), decoded_cache_));
  }
  return arrow::Status::OK();
}

}  // namespace croupier::table
