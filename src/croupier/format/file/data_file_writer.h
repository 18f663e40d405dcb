#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/base/byte_sink.h"
#include "croupier/format/file/blob_sidecars.h"
#include "croupier/format/file/file_version.h"
#include "croupier/format/manifest/schema.h"

namespace croupier::format {

struct DataFileWriterOptions {
  FileVersion version = FileVersion::kV2_2;
  /// Size of a column's values in memory at which they become a page; those of one batch are cut
  /// where they are more than four times as large.
  int64_t page_bytes = int64_t{8} << 20;
  /// Size of all columns' values in memory from which on pages are written that are not full.
  int64_t max_buffered_bytes = int64_t{1} << 30;
  /// Makes the files for larger blobs, and must outlive the writer; null: they lie in the data file
  /// as well.
  BlobSidecars* sidecars = nullptr;
  /// Whether the memory of all batches stays until Finish anyway, as a table's does: rows then wait
  /// for their page where they are, and are not copied. A batch of a stream must not be held: that
  /// of a few rows of one column can keep the memory of all columns.
  bool keeps_batches = false;
  arrow::MemoryPool* pool = nullptr;  ///< null: DefaultMemoryPool
};

/// A data file as a manifest refers to it.
struct WrittenFile {
  std::vector<int32_t> fields;          ///< ids of the fields that have a column
  std::vector<int32_t> column_indices;  ///< parallel to fields
  uint16_t major_version = 0;
  uint16_t minor_version = 0;
  int64_t size_bytes = 0;
  int64_t num_rows = 0;
};

/// Writes a Lance data file of format 2.1 or 2.2, batch by batch.
///
/// Rows are collected by column until they fill a page, so memory is bounded: by a page for each
/// leaf column, and by max_buffered_bytes. After an error the file is useless: the owner of the
/// sink drops it. Not thread-safe. Source: lance-file.md, part A; lance-encodings.md, sections 17
/// and 18.
class DataFileWriter {
 public:
  /// \param fields columns of the file, with their ids; kept
  /// \param sink takes the bytes, from the first of the file on; must outlive this
  /// \return NotImplemented for a column that the version cannot hold
  static arrow::Result<std::unique_ptr<DataFileWriter>> Make(std::vector<Field> fields,
                                                             const DataFileWriterOptions& options,
                                                             ByteSink* sink);
  ~DataFileWriter();

  /// Add rows.
  ///
  /// \param batch columns with the fields' names, in their order, and types that are stored alike:
  ///        strings as views too, JSON as text, blobs as bytes
  /// \return Invalid, naming the column, for another schema, a null where the schema allows none,
  ///         or a string that is not UTF-8
  arrow::Status Write(const arrow::RecordBatch& batch);

  /// Write what is left and the end of the file. Nothing may be called afterwards.
  arrow::Result<WrittenFile> Finish();

  int64_t num_rows() const;
  /// Bytes that the sink has got so far.
  int64_t size_bytes() const;

 private:
  class Impl;

  explicit DataFileWriter(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace croupier::format
