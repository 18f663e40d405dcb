#include "croupier/table/file_cache.h"

#include <algorithm>
#include <utility>

#include "croupier/base/process_local.h"
#include "croupier/base/process_resources.h"

namespace croupier::table {

namespace {

// What the allocator and the parts of a variable size take beside a structure, about.
constexpr int64_t kOverheadBytes = 256;

// Never destroyed: files of tables that live until exit refer to it.
auto& budget_of_process = *new ProcessLocal<MetadataBudget>([] {
  const auto config = Config::FromProcess();
  // A variable that cannot be parsed is reported by every loader and by croupier.config.
  return std::make_unique<MetadataBudget>(config.ok() ? config->metadata_bytes.value : 0);
});

}  // namespace

OpenedPage::OpenedPage(std::shared_ptr<const format::Page> opened, DecodedCache* cache)
    : page(std::move(opened)),
      decoded(page->AsChunks() != nullptr
                  ? std::make_unique<DecodedPage>(cache, page->AsChunks()->num_chunks())
                  : nullptr) {}

std::shared_ptr<const OpenedPage> CachedPage::Find(int64_t now) {
  last_use_.store(now, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  return opened_;
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

int64_t CachedColumn::memory_bytes() const {
  int64_t num_bytes = kOverheadBytes + static_cast<int64_t>(sizeof(CachedColumn));
  for (const auto& page : metadata_->pages) {
    num_bytes += kOverheadBytes + static_cast<int64_t>(sizeof(CachedPage) + sizeof(page) +
                                                       page.buffers.size() * sizeof(ByteRange));
  }
  return num_bytes;
}

int64_t CachedFile::memory_bytes() const {
  const size_t num_ranges = directory_.columns.size() + directory_.global_buffers.size();
  return kOverheadBytes + static_cast<int64_t>(sizeof(CachedFile) + num_ranges * sizeof(ByteRange) +
                                               object_->location().size());
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
  const std::lock_guard budget_lock(budget_->mutex_);
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = columns_.try_emplace(column_index, column);
  if (is_new && remembered_) {
    const int64_t num_bytes = column->memory_bytes();
    num_bytes_ += num_bytes;
    budget_->used_bytes_ += num_bytes;
  }
  // A malformed manifest may give one column to two fields of different paths.
  return place->second->path()->Equals(*column->path()) ? place->second : column;
}

std::shared_ptr<const OpenedPage> CachedFile::Insert(CachedPage* page,
                                                     std::shared_ptr<const OpenedPage> opened) {
  const std::lock_guard budget_lock(budget_->mutex_);
  const std::lock_guard lock(page->mutex_);
  if (page->opened_ == nullptr) {
    page->opened_ = std::move(opened);
    if (remembered_) {
      page->num_bytes_ = kOverheadBytes + page->opened_->page->memory_bytes();
      num_bytes_ += page->num_bytes_;
      budget_->used_bytes_ += page->num_bytes_;
    }
  }
  return page->opened_;
}

FileCache::FileCache(size_t num_files, MetadataBudget* budget)
    : budget_(budget), files_(num_files) {
  const std::lock_guard lock(budget_->mutex_);
  budget_->caches_.insert(this);
}

FileCache::~FileCache() {
  const std::lock_guard lock(budget_->mutex_);
  budget_->caches_.erase(this);
  for (const auto& file : files_) {
    if (file == nullptr) continue;
    file->remembered_ = false;
    budget_->used_bytes_ -= std::exchange(file->num_bytes_, 0);
  }
}

std::shared_ptr<CachedFile> FileCache::Find(size_t file_number, int64_t now) {
  const std::lock_guard lock(mutex_);
  const auto& file = files_[file_number];
  if (file != nullptr) file->last_use_.store(now, std::memory_order_relaxed);
  return file;
}

std::shared_ptr<CachedFile> FileCache::Insert(size_t file_number,
                                              std::shared_ptr<CachedFile> file) {
  const std::lock_guard budget_lock(budget_->mutex_);
  const std::lock_guard lock(mutex_);
  auto& slot = files_[file_number];
  if (slot == nullptr) {
    slot = std::move(file);
    slot->remembered_ = true;
    slot->last_use_ = budget_->now_.load();
    slot->num_bytes_ = slot->memory_bytes();
    budget_->used_bytes_ += slot->num_bytes_;
  }
  return slot;
}

MetadataBudget& MetadataBudget::OfProcess() { return budget_of_process.Get(); }

void MetadataBudget::EndRead() {
  if (used_bytes() > limit_bytes_) Sweep();
}

void MetadataBudget::Sweep() {
  struct Unit {
    int64_t last_use;
    std::shared_ptr<CachedFile> file;
    CachedPage* page;  // null: the file with all that is left of it
    FileCache* cache;
    size_t file_number;
  };
  // Holds the files until no lock is held: destroying them closes them, and takes other locks.
  std::vector<Unit> units;
  std::vector<std::shared_ptr<const OpenedPage>> forgotten;
  const std::lock_guard lock(mutex_);
  if (used_bytes() <= limit_bytes_) return;  // another thread was here
  for (FileCache* cache : caches_) {
    const std::lock_guard cache_lock(cache->mutex_);
    for (size_t i = 0; i < cache->files_.size(); ++i) {
      const auto& file = cache->files_[i];
      if (file == nullptr) continue;
      const std::lock_guard file_lock(file->mutex_);
      for (const auto& [index, column] : file->columns_) {
        for (size_t k = 0; k < column->num_pages(); ++k) {
          CachedPage& page = column->page(k);
          if (page.num_bytes_ > 0) units.push_back({page.last_use_, file, &page, cache, i});
        }
      }
      units.push_back({file->last_use_, file, nullptr, cache, i});
    }
  }
  // Of what was used by the same read, pages go before their file.
  std::ranges::sort(
      units, {}, [](const Unit& unit) { return std::pair(unit.last_use, unit.page == nullptr); });
  for (const Unit& unit : units) {
    if (used_bytes() <= limit_bytes_ - limit_bytes_ / 4) break;
    if (!unit.file->remembered_) continue;
    int64_t num_bytes = 0;
    if (unit.page != nullptr) {
      const std::lock_guard page_lock(unit.page->mutex_);
      forgotten.push_back(std::move(unit.page->opened_));
      num_bytes = std::exchange(unit.page->num_bytes_, 0);
    } else {
      const std::lock_guard cache_lock(unit.cache->mutex_);
      unit.cache->files_[unit.file_number].reset();
      unit.file->remembered_ = false;
      num_bytes = unit.file->num_bytes_;
    }
    unit.file->num_bytes_ -= num_bytes;
    used_bytes_ -= num_bytes;
  }
}

}  // namespace croupier::table
