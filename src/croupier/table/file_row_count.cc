#include "croupier/table/file_row_count.h"

#include <algorithm>
#include <utility>

#include <arrow/memory_pool.h>
#include <arrow/status.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/file/data_file.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/storage/range_fetch.h"

namespace croupier::table {

namespace {

// Enough for the footer and, in most files, the tables in front of it.
constexpr int64_t kTailBytes = 4 << 10;

arrow::Status Fetch(storage::RangeFetch* fetch, const CancelToken& cancel) {
  return fetch->Run(&storage::IoScheduler::Default(), nullptr, cancel, DefaultMemoryPool());
}

arrow::Status AtFile(const storage::Object& object, const arrow::Status& status) {
  return status.WithMessage(object.location(), ": ", status.message());
}

}  // namespace

arrow::Result<std::vector<int64_t>> ReadRowCounts(std::span<const FileLocation> files,
                                                  const CancelToken& cancel) {
  // Footer, then the tables, then the descriptor: each says where the next one is.
  std::vector<std::shared_ptr<const storage::Object>> objects;
  storage::RangeFetch tails;
  for (const auto& file : files) {
    ARROW_ASSIGN_OR_RAISE(auto object, file.store->Open(file.path, file.size_bytes, cancel));
    const int64_t size = object->size_bytes();
    const int64_t tail = std::min(size, kTailBytes);
    tails.Add(object, {size - tail, tail});
    objects.push_back(std::move(object));
  }
  ARROW_RETURN_NOT_OK(Fetch(&tails, cancel));
  storage::RangeFetch tables;
  std::vector<format::FileFooter> footers;
  for (size_t i = 0; i < objects.size(); ++i) {
    const auto footer = format::FileFooter::Parse(tails.bytes(i), objects[i]->size_bytes());
    if (!footer.ok()) return AtFile(*objects[i], footer.status());
    footers.push_back(*footer);
    tables.Add(objects[i], format::ColumnDirectory::Range(*footer, objects[i]->size_bytes()));
  }
  ARROW_RETURN_NOT_OK(Fetch(&tables, cancel));
  storage::RangeFetch descriptors;
  for (size_t i = 0; i < objects.size(); ++i) {
    const auto directory =
        format::ColumnDirectory::Parse(tables.bytes(i), footers[i], objects[i]->size_bytes());
    if (!directory.ok()) return AtFile(*objects[i], directory.status());
    if (directory->global_buffers.empty()) {
      return AtFile(*objects[i], arrow::Status::SerializationError("there is no descriptor"));
    }
    descriptors.Add(objects[i], directory->global_buffers[0]);
  }
  ARROW_RETURN_NOT_OK(Fetch(&descriptors, cancel));
  std::vector<int64_t> counts;
  for (size_t i = 0; i < objects.size(); ++i) {
    const auto count = format::ParseNumRows(descriptors.bytes(i));
    if (!count.ok()) return AtFile(*objects[i], count.status());
    counts.push_back(*count);
  }
  return counts;
}

}  // namespace croupier::table
