#include "croupier/table/open_files.h"

#include <algorithm>
#include <utility>

#include <arrow/memory_pool.h>

#include "croupier/base/memory_pool.h"
#include "croupier/storage/io_scheduler.h"

namespace croupier::table {

arrow::Status OpenFile::At(const arrow::Status& status) const {
  return status.WithMessage(object->location(), ": ", status.message());
}

arrow::Result<std::vector<OpenFile>> OpenFiles(std::span<const FileLocation> files,
                                               const CancelToken& cancel) {
  std::vector<OpenFile> opened;
  opened.reserve(files.size());
  storage::RangeFetch tails;
  for (const auto& file : files) {
    ARROW_ASSIGN_OR_RAISE(auto object, file.store->Open(file.path, file.size_bytes, cancel));
    const int64_t size = object->size_bytes();
    const int64_t tail = std::min(size, format::FileFooter::kEncodedBytes);
    tails.Add(object, {size - tail, tail});
    opened.push_back({std::move(object), {}});
  }
  ARROW_RETURN_NOT_OK(Fetch(&tails, cancel));
  for (size_t i = 0; i < opened.size(); ++i) {
    auto footer = format::FileFooter::Parse(tails.bytes(i), opened[i].object->size_bytes());
    if (!footer.ok()) return opened[i].At(footer.status());
    opened[i].footer = *std::move(footer);
  }
  return opened;
}

arrow::Status Fetch(storage::RangeFetch* fetch, const CancelToken& cancel) {
  return fetch->Run(&storage::IoScheduler::Default(), nullptr, cancel, DefaultMemoryPool());
}

}  // namespace croupier::table
