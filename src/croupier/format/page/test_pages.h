#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/result.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/encoding/test_encoders.h"
#include "croupier/format/file/data_file.h"
#include "croupier/format/page/page_test_reader.h"

// Pages put together by hand, for tests.
namespace croupier::format::test {

// Encodings of format 2.1.
inline EncodingPtr Encoding(CompressiveEncoding encoding) {
  return std::make_shared<const CompressiveEncoding>(std::move(encoding));
}
inline EncodingPtr Flat(uint64_t bits) { return Encoding({FlatEncoding{bits}}); }
inline EncodingPtr Variable(uint64_t offset_bits) {
  return Encoding({VariableEncoding{Flat(offset_bits)}});
}

/// One page of a column, whose buffers lie one behind the other in a file of nothing else.
struct HandMadePage {
  ByteVector file;
  ColumnMetadata column;

  /// \param before bytes in front of the buffers, for those that are not aligned
  HandMadePage(int64_t num_rows, PageLayout layout, const std::vector<ByteVector>& buffers,
               ByteVector before = {})
      : file(std::move(before)) {
    PageMetadata page;
    page.num_rows = num_rows;
    page.layout = std::move(layout);
    for (const auto& buffer : buffers) {
      page.buffers.push_back({std::ssize(file), std::ssize(buffer)});
      AppendBytes(&file, buffer.data(), buffer.size());
    }
    column.pages.push_back(std::move(page));
  }

  /// Read all rows as a column of this type.
  arrow::Result<std::shared_ptr<arrow::Array>> Read(
      const std::shared_ptr<arrow::DataType>& type) const {
    return ReadColumn(file, column, type);
  }

  /// Read all rows of a leaf below layers, with these.
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Read(
      const std::shared_ptr<const LeafPath>& path) const {
    const RowRun all{0, 0, static_cast<uint32_t>(column.num_rows())};
    return ReadLeafRows(file, column, path, {&all, 1}, all.count);
  }
};

}  // namespace croupier::format::test
