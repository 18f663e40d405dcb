#include "croupier/table/file_row_count.h"

#include <arrow/status.h>

#include "croupier/format/file/data_file.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table/open_files.h"

namespace croupier::table {

arrow::Result<std::vector<int64_t>> ReadRowCounts(std::span<const FileLocation> files,
                                                  const CancelToken& cancel) {
  // Footer, then the tables, then the descriptor: each says where the next one is.
  ARROW_ASSIGN_OR_RAISE(const auto opened, OpenFiles(files, cancel));
  storage::RangeFetch tables;
  for (const OpenFile& file : opened) {
    tables.Add(file.object, format::ColumnDirectory::Range(file.footer, file.object->size_bytes()));
  }
  ARROW_RETURN_NOT_OK(Fetch(&tables, cancel));
  storage::RangeFetch descriptors;
  for (size_t i = 0; i < opened.size(); ++i) {
    const OpenFile& file = opened[i];
    const auto directory =
        format::ColumnDirectory::Parse(tables.bytes(i), file.footer, file.object->size_bytes());
    if (!directory.ok()) return file.At(directory.status());
    if (directory->global_buffers.empty()) {
      return file.At(arrow::Status::SerializationError("there is no descriptor"));
    }
    descriptors.Add(file.object, directory->global_buffers[0]);
  }
  ARROW_RETURN_NOT_OK(Fetch(&descriptors, cancel));
  std::vector<int64_t> counts;
  counts.reserve(opened.size());
  for (size_t i = 0; i < opened.size(); ++i) {
    const auto count = format::ParseNumRows(descriptors.bytes(i));
    if (!count.ok()) return opened[i].At(count.status());
    counts.push_back(*count);
  }
  return counts;
}

}  // namespace croupier::table
