#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
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

class CachedFile;
class FileCache;

/// The byte budget of what a process remembers of data files: that they are open, the metadata of
/// their columns, the headers of their pages.
///
/// Over budget, what no read has used for longest is forgotten, headers and whole files alike, and
/// read again when it is needed again. Who uses it at that moment keeps it alive. Any number of
/// threads. Lives below a ProcessLocal.
class MetadataBudget {
 public:
  explicit MetadataBudget(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// The budget of this process, from Config. A forked child starts with nothing remembered.
  static MetadataBudget& OfProcess();

  /// Begin a read: give the time that its uses are stamped with.
  int64_t BeginRead() { return now_.fetch_add(1, std::memory_order_relaxed) + 1; }
  /// End a read: if it went over budget, forget until a quarter of the budget is free.
  void EndRead();

  int64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class CachedFile;
  friend class FileCache;
  void Sweep();

  const int64_t limit_bytes_;
  std::atomic<int64_t> now_{0};
  std::atomic<int64_t> used_bytes_{0};
  // Guards caches_ and all counts of bytes in their files and pages. Taken before the mutexes of
  // caches, files and pages; never held while reading.
  std::mutex mutex_;
  std::unordered_set<FileCache*> caches_;
};

/// A page whose headers were read.
struct OpenedPage {
  /// \param cache that remembers decoded chunks
  OpenedPage(std::shared_ptr<const format::Page> page, DecodedCache* cache);

  const std::shared_ptr<const format::Page> page;
  const std::unique_ptr<DecodedPage> decoded;  ///< null unless the page has chunks
};

/// One page as a process knows it: its metadata from the start, opened while its headers are
/// remembered.
class CachedPage {
 public:
  explicit CachedPage(const format::PageMetadata* metadata) : metadata_(metadata) {}

  const format::PageMetadata& metadata() const { return *metadata_; }

  /// The opened page, or null.
  std::shared_ptr<const OpenedPage> Find(int64_t now);

 private:
  friend class CachedFile;
  friend class MetadataBudget;

  const format::PageMetadata* const metadata_;
  std::atomic<int64_t> last_use_{0};
  int64_t num_bytes_ = 0;  // counted for the headers; guarded by the budget
  std::mutex mutex_;       // guards opened_; held only to look and to set
  std::shared_ptr<const OpenedPage> opened_;
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

  /// Memory of the metadata, without headers of pages.
  int64_t memory_bytes() const;

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
  /// \param budget that what is remembered counts against; must outlive the file
  CachedFile(std::shared_ptr<const storage::Object> object, format::FileFooter footer,
             format::ColumnDirectory directory, MetadataBudget* budget)
      : object_(std::move(object)),
        footer_(footer),
        directory_(std::move(directory)),
        budget_(budget) {}

  const std::shared_ptr<const storage::Object>& object() const { return object_; }
  const format::FileFooter& footer() const { return footer_; }
  const format::ColumnDirectory& directory() const { return directory_; }

  /// Get a column if its metadata was read already and `path` is that of the first use, else null.
  std::shared_ptr<const CachedColumn> Find(int32_t column_index, const format::LeafPath& path);
  /// Remember a column; gives the one remembered before, if another thread was first.
  std::shared_ptr<const CachedColumn> Insert(int32_t column_index,
                                             std::shared_ptr<const CachedColumn> column);
  /// Remember an opened page of one of its columns, likewise.
  std::shared_ptr<const OpenedPage> Insert(CachedPage* page,
                                           std::shared_ptr<const OpenedPage> opened);

 private:
  friend class FileCache;
  friend class MetadataBudget;
  int64_t memory_bytes() const;

  const std::shared_ptr<const storage::Object> object_;
  const format::FileFooter footer_;
  const format::ColumnDirectory directory_;
  MetadataBudget* const budget_;
  std::atomic<int64_t> last_use_{0};
  // Guarded by the budget: a file that a cache has forgotten, or never had, counts no bytes.
  bool remembered_ = false;
  int64_t num_bytes_ = 0;  // with its columns and the headers of their pages
  std::mutex mutex_;       // guards columns_; held only to look and to insert
  std::map<int32_t, std::shared_ptr<const CachedColumn>> columns_;
};

/// The open data files of one table in one process, by their number in the table.
class FileCache {
 public:
  /// \param budget must outlive the cache
  FileCache(size_t num_files, MetadataBudget* budget);
  ~FileCache();

  MetadataBudget& budget() const { return *budget_; }

  std::shared_ptr<CachedFile> Find(size_t file_number, int64_t now);
  std::shared_ptr<CachedFile> Insert(size_t file_number, std::shared_ptr<CachedFile> file);

 private:
  friend class MetadataBudget;

  MetadataBudget* const budget_;
  std::mutex mutex_;  // guards files_; held only to look and to insert
  std::vector<std::shared_ptr<CachedFile>> files_;
};

}  // namespace croupier::table
