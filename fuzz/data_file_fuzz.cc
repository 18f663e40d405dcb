#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <arrow/status.h>

#include "croupier/format/file/data_file.h"
#include "croupier/format/file/file_footer.h"
#include "require.h"

// The bytes are a data file; they are also taken for one ColumnMetadata message. Parsing gives an
// error, or pages in order whose buffers lie in the file.

namespace {

using croupier::ByteRange;
using croupier::format::ColumnDirectory;
using croupier::format::ColumnMetadata;
using croupier::format::FileFooter;
using croupier::fuzz::Require;

void RequireKnownError(const arrow::Status& status) {
  Require(status.IsSerializationError() || status.IsNotImplemented(), status.ToString());
}

void CheckColumn(std::span<const uint8_t> message, const FileFooter& footer, int64_t file_size) {
  const auto column = ColumnMetadata::Parse(message, footer, file_size);
  if (!column.ok()) return RequireKnownError(column.status());
  int64_t num_rows = 0;
  for (const auto& page : (*column)->pages) {
    Require(page.first_row == num_rows && page.num_rows > 0, "pages follow one another");
    num_rows += page.num_rows;
    for (const ByteRange buffer : page.buffers) {
      Require(buffer.offset_bytes >= 0 && buffer.size_bytes >= 0 &&
                  buffer.size_bytes <= file_size - buffer.offset_bytes,
              "buffers lie in the file");
    }
    Require(!Describe(page.layout).empty(), "a layout has a description");
  }
  Require((*column)->num_rows() == num_rows, "rows are counted");
}

void CheckFile(std::span<const uint8_t> file) {
  const auto slice = [file](ByteRange range) {
    Require(range.offset_bytes >= 0 && range.size_bytes >= 0 &&
                range.size_bytes <= std::ssize(file) - range.offset_bytes,
            "ranges lie in the file");
    return file.subspan(static_cast<size_t>(range.offset_bytes),
                        static_cast<size_t>(range.size_bytes));
  };
  const int64_t size = std::ssize(file);
  const auto footer = FileFooter::Parse(file, size);
  if (!footer.ok()) return RequireKnownError(footer.status());
  const auto tables = slice(ColumnDirectory::Range(*footer, size));
  const auto directory = ColumnDirectory::Parse(tables, *footer, size);
  if (!directory.ok()) return RequireKnownError(directory.status());
  for (const ByteRange range : directory->global_buffers) slice(range);
  for (const ByteRange range : directory->columns) CheckColumn(slice(range), *footer, size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckFile({data, size});
  FileFooter footer;
  footer.major_version = 2;
  footer.minor_version = size % 2 == 0 ? 2 : 1;
  CheckColumn({data, size}, footer, 1 << 20);
  return 0;
}
