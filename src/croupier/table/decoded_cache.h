#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include <arrow/type_fwd.h>

#include "croupier/format/page/column_assembler.h"

namespace croupier::table {

class DecodedCache;

/// What is known of a chunk that is asked for.
struct KnownChunk {
  format::DecodedRows decoded;  ///< without an array if it is not remembered
  /// Whether it was asked for before: then it is worth remembering.
  bool is_reused = false;
};

/// The decoded chunks of one page that this process remembers.
///
/// What is used once is not worth memory of its own: the first batches of a shuffled epoch go to
/// other chunks with every row. Any number of threads. Lives below a ProcessLocal, as its cache
/// does.
class DecodedPage {
 public:
  DecodedPage(DecodedCache* cache, int64_t num_chunks);
  ~DecodedPage();

  /// Get what is known of each chunk asked for, and note that it was.
  std::vector<KnownChunk> Find(const std::vector<int64_t>& chunks);

  /// Remember a decoded chunk if the cache has room for it.
  void Insert(int64_t chunk, format::DecodedRows decoded, int64_t bytes);

 private:
  friend class DecodedCache;
  // Chunks side by side. A page has room for the groups alone that were asked to remember some.
  static constexpr size_t kGroupChunks = 32;
  using Group = std::array<format::DecodedRows, kGroupChunks>;

  /// Forget every chunk; the bytes that were held.
  int64_t Clear();

  DecodedCache* const cache_;
  std::atomic<int64_t> last_use_{0};
  // Guards what follows; taken after the cache's mutex, never before it.
  std::mutex mutex_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<uint32_t> used_;  // of each group, a bit for each chunk that was asked for
  int64_t bytes_ = 0;
};

/// The byte budget of all decoded pages of a process.
///
/// Room is made by forgetting pages that no recent take has used. Pages in steady use are never
/// forgotten for others: a shuffled epoch goes through all pages again and again, and a cache that
/// drops the oldest would always drop what is needed next.
class DecodedCache {
 public:
  explicit DecodedCache(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// The cache of this process, with the budget of Config. A forked child starts an empty one.
  static DecodedCache& OfProcess();

  /// Begin a take: uses of pages from now on are newer than those before.
  void BeginTake() { now_.fetch_add(1, std::memory_order_relaxed); }

  int64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class DecodedPage;
  void Register(DecodedPage* page);
  void Unregister(DecodedPage* page);
  bool Reserve(int64_t bytes);

  const int64_t limit_bytes_;
  std::atomic<int64_t> used_bytes_{0};
  std::atomic<int64_t> now_{0};
  std::atomic<int64_t> last_sweep_{0};
  std::mutex mutex_;  // guards pages_; never held while decoding or reading
  std::unordered_set<DecodedPage*> pages_;
};

}  // namespace croupier::table
