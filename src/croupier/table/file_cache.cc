#include "croupier/table/file_cache.h"

#include <algorithm>
#include <utility>

namespace croupier::table {

void CachedPage::SetPage(std::shared_ptr<const format::Page> page, DecodedCache* cache) {
  const std::lock_guard lock(mutex_);
  if (page_ != nullptr) return;
  if (const auto* chunks = page->AsChunks()) {
    decoded_ = std::make_unique<DecodedPage>(cache, chunks->num_chunks());
  }
  page_ = std::move(page);
  opened_.store(page_.get(), std::memory_order_release);
}

CachedColumn::CachedColumn(std::shared_ptr<const format::ColumnMetadata> metadata,
                           std::shared_ptr<const format::LeafPath> path)
    : metadata_(std::move(metadata)), path_(std::move(path)) {
  pages_.reserve(metadata_->pages.size());
  for (const auto& page : metadata_->pages) pages_.push_back(std::make_unique<CachedPage>(&page));
}

size_t CachedColumn::PageOf(int64_t row) const {
  const auto after = std::upper_bound(
      metadata_->pages.begin(), metadata_->pages.end(), row,
      [](int64_t value, const format::PageMetadata& page) { return value < page.first_row; });
  return static_cast<size_t>(after - metadata_->pages.begin()) - 1;
}

std::shared_ptr<const CachedColumn> CachedFile::Find(int32_t column_index,
                                                     const format::LeafPath& path) {
  const std::lock_guard lock(mutex_);
  const auto found = columns_.find(column_index);
  if (found == columns_.end() || !found->second->path()->Equals(path)) return nullptr;
  return found->second;
}

std::shared_ptr<const CachedColumn> CachedFile::Insert(int32_t column_index,
                                                       std::shared_ptr<const CachedColumn> column) {
  const std::lock_guard lock(mutex_);
  const auto& first = columns_.try_emplace(column_index, column).first->second;
  // A malformed manifest may give one column to two fields of different paths.
  return first->path()->Equals(*column->path()) ? first : column;
}

std::shared_ptr<CachedFile> FileCache::Find(size_t file_number) {
  const std::lock_guard lock(mutex_);
  return files_[file_number];
}

std::shared_ptr<CachedFile> FileCache::Insert(size_t file_number,
                                              std::shared_ptr<CachedFile> file) {
  const std::lock_guard lock(mutex_);
  auto& slot = files_[file_number];
  if (slot == nullptr) slot = std::move(file);
  return slot;
}

}  // namespace croupier::table
