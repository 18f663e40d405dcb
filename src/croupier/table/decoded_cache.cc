#include "croupier/table/decoded_cache.h"

#include <utility>

#include <arrow/array/data.h>

#include "croupier/base/process_local.h"
#include "croupier/base/process_resources.h"

namespace croupier::table {

namespace {

// A page that none of this many takes has used is no longer in use.
constexpr int64_t kTakesOfDisuse = 64;

// Never destroyed: pages of tables that live until exit refer to it.
auto& cache_of_process = *new ProcessLocal<DecodedCache>([] {
  const auto config = Config::FromProcess();
  // A variable that cannot be parsed is reported by every loader and by croupier.config.
  return std::make_unique<DecodedCache>(config.ok() ? config->cache_bytes.value : 0);
});

}  // namespace

DecodedPage::DecodedPage(DecodedCache* cache, int64_t num_chunks)
    : cache_(cache),
      groups_((static_cast<size_t>(num_chunks) + kGroupChunks - 1) / kGroupChunks),
      used_(groups_.size()) {
  cache_->Register(this);
}

DecodedPage::~DecodedPage() { cache_->Unregister(this); }

std::vector<KnownChunk> DecodedPage::Find(const std::vector<int64_t>& chunks) {
  last_use_.store(cache_->now_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  std::vector<KnownChunk> found(chunks.size());
  const std::lock_guard lock(mutex_);
  const auto remembered = [&](int64_t chunk) -> const format::DecodedRows* {
    const auto index = static_cast<size_t>(chunk);
    const Group* const group = groups_[index / kGroupChunks].get();
    return group != nullptr ? &(*group)[index % kGroupChunks] : nullptr;
  };
  // Chunks lie anywhere in memory. Counting one more owner waits for each in turn, so all are asked
  // for first: the counter is in front of the array.
  for (const int64_t chunk : chunks) {
    if (const auto* rows = remembered(chunk)) __builtin_prefetch(rows->array.get(), /*rw=*/1);
  }
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (const auto* rows = remembered(chunks[i])) found[i].decoded = *rows;
    const auto index = static_cast<size_t>(chunks[i]);
    const uint32_t bit = uint32_t{1} << index % kGroupChunks;
    found[i].is_reused = (used_[index / kGroupChunks] & bit) != 0;
    used_[index / kGroupChunks] |= bit;
  }
  return found;
}

void DecodedPage::Insert(int64_t chunk, format::DecodedRows decoded, int64_t bytes) {
  if (!cache_->Reserve(bytes)) return;
  {
    const std::lock_guard lock(mutex_);
    const auto index = static_cast<size_t>(chunk);
    auto& group = groups_[index / kGroupChunks];
    if (group == nullptr) group = std::make_unique<Group>();
    auto& slot = (*group)[index % kGroupChunks];
    if (slot.array == nullptr) {
      slot = std::move(decoded);
      bytes_ += bytes;
      return;
    }
  }
  // Another thread decoded the same chunk and was first.
  cache_->used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

int64_t DecodedPage::Clear() {
  const std::lock_guard lock(mutex_);
  for (auto& group : groups_) group.reset();
  return std::exchange(bytes_, 0);
}

DecodedCache& DecodedCache::OfProcess() { return cache_of_process.Get(); }

void DecodedCache::Register(DecodedPage* page) {
  const std::lock_guard lock(mutex_);
  pages_.insert(page);
}

void DecodedCache::Unregister(DecodedPage* page) {
  const std::lock_guard lock(mutex_);
  pages_.erase(page);
  // Under the lock: a sweep may be clearing the page at this moment.
  used_bytes_.fetch_sub(page->Clear(), std::memory_order_relaxed);
}

bool DecodedCache::Reserve(int64_t bytes) {
  if (used_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_bytes_) return true;
  const int64_t now = now_.load(std::memory_order_relaxed);
  int64_t last_sweep = last_sweep_.load(std::memory_order_relaxed);
  // At most one sweep in as many takes as a page needs to fall out of use.
  if (now - last_sweep >= kTakesOfDisuse && last_sweep_.compare_exchange_strong(last_sweep, now)) {
    const std::lock_guard lock(mutex_);
    for (DecodedPage* page : pages_) {
      if (now - page->last_use_.load(std::memory_order_relaxed) < kTakesOfDisuse) continue;
      used_bytes_.fetch_sub(page->Clear(), std::memory_order_relaxed);
    }
  }
  if (used_bytes_.load(std::memory_order_relaxed) <= limit_bytes_) return true;
  used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

}  // namespace croupier::table
