#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/base/byte_range.h"
#include "croupier/format/file/data_file.h"
#include "croupier/format/page/column_assembler.h"
#include "croupier/format/page/leaf_path.h"

namespace croupier::format {

class ChunkPage;
class RecordPage;
class ConstantPage;
class ListPage;

/// A page of a leaf column, opened: knows its layout and the small buffers that are needed to find
/// any row (chunk words, dictionary, repetition index); holds no other data.
///
/// Reading is plan, fetch, decode, and only the caller touches storage:
///   HeaderRanges -> fetch -> Open -> the plan call of its kind -> fetch -> the decode call.
/// Rows count from the first row of the page. Immutable; any number of threads.
class Page {
 public:
  virtual ~Page() = default;

  /// List the byte ranges to read before a page can be opened; often none.
  static std::vector<ByteRange> HeaderRanges(const PageMetadata& metadata);

  /// Open a page.
  ///
  /// \param metadata of the page; borrowed, must outlive the page
  /// \param path of the leaf column
  /// \param headers the bytes of HeaderRanges, in its order
  /// \return SerializationError for malformed headers; NotImplemented, naming the encoding, for one
  /// that
  ///         cannot be decoded (repetition levels, struct blocks, Arrow dictionaries …)
  static arrow::Result<std::shared_ptr<const Page>> Open(
      const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
      const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

  int64_t num_rows() const { return num_rows_; }
  const std::shared_ptr<const LeafPath>& path() const { return path_; }
  /// Type of the leaf's values.
  const std::shared_ptr<arrow::DataType>& type() const { return path_->leaf_type(); }
  /// Memory that the opened page holds, in bytes.
  virtual int64_t memory_bytes() const = 0;

  /// Exactly one of these is not null.
  virtual const ChunkPage* AsChunks() const { return nullptr; }
  virtual const RecordPage* AsRecords() const { return nullptr; }
  virtual const ConstantPage* AsConstant() const { return nullptr; }
  virtual const ListPage* AsLists() const { return nullptr; }  ///< of format 2.0 (list_page.h)

 protected:
  Page(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : num_rows_(num_rows), path_(std::move(path)) {}

 private:
  int64_t num_rows_;
  std::shared_ptr<const LeafPath> path_;
};

/// A page of small values in chunks (mini-block layout): a chunk is read and decoded as a whole.
///
/// A row with lists may begin in one chunk and go on in the next ones: it counts in each of them.
class ChunkPage : public Page {
 public:
  struct Chunk {
    int64_t first_row = 0;  ///< of those with a part in the chunk
    int64_t num_rows = 0;
    ByteRange bytes;  ///< absolute
  };

  virtual int64_t num_chunks() const = 0;
  virtual Chunk chunk(int64_t chunk_index) const = 0;
  /// Find the chunk in which a row in [0, num_rows()) begins.
  virtual int64_t ChunkOf(int64_t row) const = 0;
  /// Decode the rows of one chunk from its bytes.
  ///
  /// The result owns its memory and passes ValidateFull, whatever the bytes hold. It continues the
  /// chunk before if and only if that one's last row is this one's first.
  virtual arrow::Result<DecodedRows> DecodeChunk(int64_t chunk_index,
                                                 std::span<const uint8_t> bytes,
                                                 arrow::MemoryPool* pool) const = 0;

  const ChunkPage* AsChunks() const final { return this; }

 protected:
  using Page::Page;
};

/// A page of wide values, one record a row (full-zip layout): any row is read by itself.
class RecordPage : public Page {
 public:
  /// Locate the records of rows [begin, end): one contiguous range.
  virtual ByteRange RecordRange(int64_t begin, int64_t end) const = 0;

  /// Bytes of a record if a record is nothing but its fixed-width value (no control word, no inner
  /// validity), so that it may be read straight into a batch's values buffer; else 0.
  virtual int64_t plain_record_bytes() const = 0;

  /// Decode rows from the bytes of their records into an assembler of the same path.
  ///
  /// \param first_row the row whose record begins `bytes`
  /// \param bytes whole records, as from RecordRange; the caller keeps them alive (assembler.Keep)
  /// \param runs rows within those records
  virtual arrow::Status Decode(int64_t first_row, std::span<const uint8_t> bytes,
                               std::span<const RowRun> runs, ColumnAssembler* assembler) const = 0;

  const RecordPage* AsRecords() const final { return this; }

 protected:
  using Page::Page;
};

/// A page whose valid values are all the same, or that has none.
class ConstantPage : public Page {
 public:
  virtual arrow::Status Decode(std::span<const RowRun> runs, ColumnAssembler* assembler) const = 0;

  const ConstantPage* AsConstant() const final { return this; }

 protected:
  using Page::Page;
};

}  // namespace croupier::format
