#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type_fwd.h>

#include "croupier/format/file/blob_sidecars.h"
#include "croupier/format/file/data_file_writer.h"
#include "croupier/format/file/file_version.h"
#include "croupier/format/manifest/fragment.h"
#include "croupier/format/manifest/schema.h"
#include "croupier/storage/object_store.h"
#include "croupier/table/commit.h"
#include "croupier/table_writer.h"

namespace croupier::table {

/// Where the data files of a change come to lie.
struct DataPlace {
  NewFiles* files;        ///< gets their paths
  std::string directory;  ///< below the root: "data/", or that of a branch
  format::FileVersion version = format::FileVersion::kV2_2;
};

/// Makes the files for the larger blobs of a data file, in the folder that is named as it is.
class NewSidecars : public format::BlobSidecars {
 public:
  /// \param data_file its path below the root
  NewSidecars(NewFiles* files, const std::string& data_file);

  arrow::Result<std::unique_ptr<ByteSink>> Open(const std::string& name) override;
  arrow::Status Close(std::unique_ptr<ByteSink> file) override;

  /// Bytes of the files that are complete.
  int64_t size_bytes() const { return size_bytes_; }

 private:
  NewFiles* const files_;
  std::string directory_;
  int64_t size_bytes_ = 0;
};

/// Writes one data file, under a new name.
class NewDataFile {
 public:
  static arrow::Result<std::unique_ptr<NewDataFile>> Create(const DataPlace& place,
                                                            std::vector<format::Field> fields,
                                                            const WriteOptions& write);

  arrow::Status Write(const arrow::RecordBatch& batch) { return writer_->Write(batch); }
  int64_t num_rows() const { return writer_->num_rows(); }
  /// Bytes so far, with those of blobs beside the file.
  int64_t size_bytes() const { return writer_->size_bytes() + sidecars_->size_bytes(); }

  /// Write the end of the file and make it durable.
  arrow::Result<format::DataFile> Finish();

 private:
  NewDataFile() = default;

  std::string name_;
  std::unique_ptr<storage::ObjectWriter> object_;
  std::unique_ptr<NewSidecars> sidecars_;
  std::unique_ptr<format::DataFileWriter> writer_;
};

/// Writes rows into data files, each a new fragment, in bounded memory.
class FragmentWriter {
 public:
  /// \param fields columns of all rows, in the order of the batches
  FragmentWriter(DataPlace place, std::vector<format::Field> fields, const WriteOptions& options)
      : place_(std::move(place)), fields_(std::move(fields)), options_(options) {}

  /// Add rows, whose columns are those of `fields`.
  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch);

  /// Complete the last file; nothing may be called afterwards.
  ///
  /// \return the fragments in the order of their rows, without ids
  arrow::Result<std::vector<format::Fragment>> Finish();

 private:
  arrow::Status EndFile();

  const DataPlace place_;
  const std::vector<format::Field> fields_;
  const WriteOptions& options_;
  std::unique_ptr<NewDataFile> file_;  // null between files
  std::vector<format::Fragment> fragments_;
  WriteProgress finished_;  // of the files that are complete
};

/// Read a stream to its end into new fragments.
///
/// \param table_fields columns of the table, which those of the stream are matched with
arrow::Result<std::vector<format::Fragment>> WriteRows(
    const DataPlace& place, const std::vector<format::Field>& table_fields,
    arrow::RecordBatchReader* rows, const WriteOptions& options);

/// The rows of fragments in all.
int64_t NumRowsOf(const std::vector<format::Fragment>& fragments);

}  // namespace croupier::table
