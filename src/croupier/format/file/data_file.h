#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/base/byte_range.h"
#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/file/file_footer.h"

namespace croupier::format {

/// One page of a column: which rows it holds, where its buffers are, how they are laid out.
struct PageMetadata {
  int64_t first_row = 0;           ///< of the file
  int64_t num_rows = 0;            ///< > 0
  std::vector<ByteRange> buffers;  ///< absolute, each inside the file
  PageLayout layout;
  int64_t first_item = 0;  ///< of a page of lists of format 2.0: the row of its first item
};

/// The pages of one column of a data file.
struct ColumnMetadata {
  std::vector<PageMetadata> pages;  ///< in row order, without empty ones
  int64_t num_items = 0;  ///< of the lists of a list column of format 2.0, null ones included

  /// Parse one ColumnMetadata message.
  ///
  /// \param bytes the message
  /// \param footer of the same file: gives the version, whose grammar the pages must keep
  /// \param file_size_bytes to check every buffer against
  /// \return SerializationError for malformed bytes; NotImplemented for an unknown encoding
  static arrow::Result<std::shared_ptr<const ColumnMetadata>> Parse(std::span<const uint8_t> bytes,
                                                                    const FileFooter& footer,
                                                                    int64_t file_size_bytes);

  int64_t num_rows() const {
    return pages.empty() ? 0 : pages.back().first_row + pages.back().num_rows;
  }
};

/// What the tables at the end of a data file say: where each column's metadata is.
struct ColumnDirectory {
  std::vector<ByteRange> columns;         ///< the ColumnMetadata message of each column
  std::vector<ByteRange> global_buffers;  ///< buffer 0 is the file descriptor

  /// List the bytes that Parse needs: [column offset table, footer).
  static ByteRange Range(const FileFooter& footer, int64_t file_size_bytes);
  static arrow::Result<ColumnDirectory> Parse(std::span<const uint8_t> bytes,
                                              const FileFooter& footer, int64_t file_size_bytes);
};

/// Read how many rows a data file has from its descriptor, the global buffer 0.
///
/// \return a number below 2^32; SerializationError for malformed bytes. Source: lance-file.md, A.3.
arrow::Result<int64_t> ParseNumRows(std::span<const uint8_t> descriptor);

}  // namespace croupier::format
