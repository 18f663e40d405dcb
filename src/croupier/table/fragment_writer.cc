#include "croupier/table/fragment_writer.h"

#include <algorithm>
#include <utility>

#include <arrow/record_batch.h>

#include "croupier/table/column_match.h"
#include "croupier/table/unique_names.h"

namespace croupier::table {

NewSidecars::NewSidecars(NewFiles* files, const std::string& data_file)
    : files_(files), directory_(data_file.substr(0, data_file.rfind(".lance")) + "/") {}

arrow::Result<std::unique_ptr<ByteSink>> NewSidecars::Open(const std::string& name) {
  return files_->Begin(directory_ + name);
}

arrow::Status NewSidecars::Close(std::unique_ptr<ByteSink> file) {
  auto& object = static_cast<storage::ObjectWriter&>(*file);
  ARROW_RETURN_NOT_OK(object.Close());
  size_bytes_ += object.size_bytes();
  return arrow::Status::OK();
}

arrow::Result<std::unique_ptr<NewDataFile>> NewDataFile::Create(const DataPlace& place,
                                                                std::vector<format::Field> fields,
                                                                const WriteOptions& write) {
  std::unique_ptr<NewDataFile> file(new NewDataFile());
  file->name_ = NewDataFileName();
  const std::string path = place.directory + file->name_;
  ARROW_ASSIGN_OR_RAISE(file->object_, place.files->Begin(path));
  format::DataFileWriterOptions options;
  options.version = place.version;
  options.keeps_batches = write.keeps_batches;
  options.pool = write.pool;
  file->sidecars_ = std::make_unique<NewSidecars>(place.files, path);
  options.sidecars = file->sidecars_.get();
  ARROW_ASSIGN_OR_RAISE(
      file->writer_, format::DataFileWriter::Make(std::move(fields), options, file->object_.get()));
  return file;
}

arrow::Result<format::DataFile> NewDataFile::Finish() {
  ARROW_ASSIGN_OR_RAISE(auto written, writer_->Finish());
  ARROW_RETURN_NOT_OK(object_->Close());
  format::DataFile file;
  file.path = name_;
  file.fields = std::move(written.fields);
  file.column_indices = std::move(written.column_indices);
  file.major_version = written.major_version;
  file.minor_version = written.minor_version;
  file.size_bytes = object_->size_bytes();
  return file;
}

arrow::Status FragmentWriter::Write(const std::shared_ptr<arrow::RecordBatch>& batch) {
  ARROW_RETURN_NOT_OK(options_.cancel->Check());
  for (int64_t begin = 0; begin < batch->num_rows();) {
    if (file_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(file_, NewDataFile::Create(place_, fields_, options_));
    }
    const int64_t count =
        std::min(batch->num_rows() - begin, options_.max_rows_per_file - file_->num_rows());
    ARROW_RETURN_NOT_OK(file_->Write(*batch->Slice(begin, count)));
    begin += count;
    if (options_.progress != nullptr) {
      ARROW_RETURN_NOT_OK(
          options_.progress({finished_.num_rows + file_->num_rows(),
                             finished_.num_bytes + file_->size_bytes(), finished_.num_files + 1}));
    }
    if (file_->num_rows() >= options_.max_rows_per_file ||
        file_->size_bytes() >= options_.max_bytes_per_file) {
      ARROW_RETURN_NOT_OK(EndFile());
    }
  }
  return arrow::Status::OK();
}

arrow::Status FragmentWriter::EndFile() {
  format::Fragment fragment;
  fragment.num_physical_rows = file_->num_rows();
  ARROW_ASSIGN_OR_RAISE(auto file, file_->Finish());
  finished_.num_rows += fragment.num_physical_rows;
  finished_.num_bytes += file_->size_bytes();
  ++finished_.num_files;
  fragment.files.push_back(std::move(file));
  fragments_.push_back(std::move(fragment));
  file_ = nullptr;
  return arrow::Status::OK();
}

arrow::Result<std::vector<format::Fragment>> FragmentWriter::Finish() {
  if (file_ != nullptr) ARROW_RETURN_NOT_OK(EndFile());
  return std::move(fragments_);
}

arrow::Result<std::vector<format::Fragment>> WriteRows(
    const DataPlace& place, const std::vector<format::Field>& table_fields,
    arrow::RecordBatchReader* rows, const WriteOptions& options) {
  if (options.max_rows_per_file <= 0 || options.max_rows_per_file > UINT32_MAX ||
      options.max_bytes_per_file <= 0) {
    return arrow::Status::Invalid(
        "a file must have room for rows: max_rows_per_file = ", options.max_rows_per_file,
        ", max_bytes_per_file = ", options.max_bytes_per_file);
  }
  ARROW_ASSIGN_OR_RAISE(const auto match, MatchColumns(table_fields, *rows->schema()));
  FragmentWriter writer(place, match.fields, options);
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
    if (batch == nullptr) break;
    ARROW_RETURN_NOT_OK(writer.Write(match.Select(*batch)));
  }
  return writer.Finish();
}

int64_t NumRowsOf(const std::vector<format::Fragment>& fragments) {
  int64_t num_rows = 0;
  for (const auto& fragment : fragments) num_rows += fragment.num_physical_rows;
  return num_rows;
}

}  // namespace croupier::table
