#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/file/data_file.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/format/page/leaf_path.h"
#include "croupier/format/page/page.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/decoded_cache.h"

namespace croupier::table {

/// One page as a process knows it: its metadata from the start, opened when its headers were read.
class CachedPage {
 public:
  explicit CachedPage(const format::PageMetadata* metadata) : metadata_(metadata) {}

  const format::PageMetadata& metadata() const { return *metadata_; }

  /// The opened page, or null before SetPage.
  const format::Page* page() const { return opened_.load(std::memory_order_acquire); }
  /// Where decoded chunks are remembered; null unless the opened page has chunks.
  DecodedPage* decoded() const { return decoded_.get(); }

  /// Open; the first of several threads counts.
  void SetPage(std::shared_ptr<const format::Page> page, DecodedCache* cache);

 private:
  const format::PageMetadata* const metadata_;
  std::mutex mutex_;  // guards SetPage against itself
  std::shared_ptr<const format::Page> page_;
  std::unique_ptr<DecodedPage> decoded_;
  std::atomic<const format::Page*> opened_{nullptr};
};

/// One column of a data file: its pages in row order.
class CachedColumn {
 public:
  CachedColumn(std::shared_ptr<const format::ColumnMetadata> metadata,
               std::shared_ptr<const format::LeafPath> path);

  const std::shared_ptr<const format::LeafPath>& path() const { return path_; }
  int64_t num_rows() const { return metadata_->num_rows(); }
  int64_t num_items() const { return metadata_->num_items; }
  size_t num_pages() const { return pages_.size(); }
  CachedPage& page(size_t page_index) const { return *pages_[page_index]; }

  /// Find the page of a row in [0, num_rows()).
  size_t PageOf(int64_t row) const;

 private:
  std::shared_ptr<const format::ColumnMetadata> metadata_;
  std::shared_ptr<const format::LeafPath> path_;
  std::vector<std::unique_ptr<CachedPage>> pages_;
};

/// One open data file and the columns that were asked for.
///
/// Any number of threads. Lives below a ProcessLocal.
class CachedFile {
 public:
  CachedFile(std::shared_ptr<const storage::Object> object, format::FileFooter footer,
             format::ColumnDirectory directory)
      : object_(std::move(object)), footer_(footer), directory_(std::move(directory)) {}

  const std::shared_ptr<const storage::Object>& object() const { return object_; }
  const format::FileFooter& footer() const { return footer_; }
  const format::ColumnDirectory& directory() const { return directory_; }

  /// Get a column if its metadata was read already and `path` is that of the first use, else null.
  std::shared_ptr<const CachedColumn> Find(int32_t column_index, const format::LeafPath& path);
  /// Remember a column; gives the one remembered before, if another thread was first.
  std::shared_ptr<const CachedColumn> Insert(int32_t column_index,
                                             std::shared_ptr<const CachedColumn> column);

 private:
  const std::shared_ptr<const storage::Object> object_;
  const format::FileFooter footer_;
  const format::ColumnDirectory directory_;
  std::mutex mutex_;  // guards columns_; held only to look and to insert
  std::map<int32_t, std::shared_ptr<const CachedColumn>> columns_;
};

/// The open data files of one table in one process, by their number in the table.
class FileCache {
 public:
  explicit FileCache(size_t num_files) : files_(num_files) {}

  std::shared_ptr<CachedFile> Find(size_t file_number);
  std::shared_ptr<CachedFile> Insert(size_t file_number, std::shared_ptr<CachedFile> file);

 private:
  std::mutex mutex_;  // guards files_; held only to look and to insert
  std::vector<std::shared_ptr<CachedFile>> files_;
};

}  // namespace croupier::table
