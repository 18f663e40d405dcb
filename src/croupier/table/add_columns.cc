#include "croupier/table/add_columns.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <arrow/array/array_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/manifest/row_id_sequence.h"
#include "croupier/format/manifest/schema_writer.h"
#include "croupier/table/column_match.h"
#include "croupier/table/referenced_bytes.h"
#include "croupier/table/system_columns.h"

namespace croupier::table {

namespace {

// Rows that stand for deleted ones, and their bytes, at a time.
constexpr int64_t kMaxFillRows = 64 << 10;
constexpr int64_t kMaxFillBytes = 8 << 20;
// Values of more bytes are not repeated, if nulls can stand for them.
constexpr int64_t kMaxFillValueBytes = 256;

// The new columns of one fragment. Rows that are deleted have a place in every file, so that they
// get the values of a row beside them, or nulls: no reader sees these.
class ColumnFile {
 public:
  static arrow::Result<std::unique_ptr<ColumnFile>> Create(const DataPlace& place,
                                                           const std::vector<format::Field>& fields,
                                                           const WriteOptions& options) {
    ARROW_ASSIGN_OR_RAISE(auto file, NewDataFile::Create(place, fields, options));
    return std::unique_ptr<ColumnFile>(new ColumnFile(std::move(file)));
  }

  // \param addresses of the rows, ascending
  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& values,
                      std::span<const uint64_t> addresses) {
    for (size_t begin = 0; begin < addresses.size();) {
      const auto offset = static_cast<int64_t>(static_cast<uint32_t>(addresses[begin]));
      ARROW_RETURN_NOT_OK(
          Fill(offset - file_->num_rows(), values->Slice(static_cast<int64_t>(begin), 1)));
      // Rows up to the next deleted one.
      size_t end = begin + 1;
      while (end < addresses.size() && addresses[end] == addresses[end - 1] + 1) ++end;
      ARROW_RETURN_NOT_OK(file_->Write(
          *values->Slice(static_cast<int64_t>(begin), static_cast<int64_t>(end - begin))));
      begin = end;
    }
    last_row_ = values->Slice(values->num_rows() - 1, 1);
    return arrow::Status::OK();
  }

  arrow::Result<format::DataFile> Finish(int64_t num_physical_rows) {
    ARROW_RETURN_NOT_OK(Fill(num_physical_rows - file_->num_rows(), last_row_));
    return file_->Finish();
  }

 private:
  explicit ColumnFile(std::unique_ptr<NewDataFile> file) : file_(std::move(file)) {}

  arrow::Status Fill(int64_t count, const std::shared_ptr<arrow::RecordBatch>& row) {
    if (count == 0) return arrow::Status::OK();
    auto arrays = row->columns();
    int64_t num_bytes = 0;
    for (int i = 0; i < row->num_columns(); ++i) {
      auto& array = arrays[static_cast<size_t>(i)];
      const int64_t size = ReferencedBytes(*array->data());
      if (size > kMaxFillValueBytes && row->schema()->field(i)->nullable()) {
        ARROW_ASSIGN_OR_RAISE(array, arrow::MakeArrayOfNull(array->type(), 1, DefaultMemoryPool()));
      } else {
        num_bytes += size;
      }
    }
    // Doubled up to what is written at a time.
    int64_t num_rows = 1;
    for (; num_rows < std::min(count, kMaxFillRows) && num_bytes * num_rows < kMaxFillBytes;
         num_rows *= 2) {
      for (auto& array : arrays) {
        ARROW_ASSIGN_OR_RAISE(array, arrow::Concatenate({array, array}, DefaultMemoryPool()));
      }
    }
    const auto repeated = arrow::RecordBatch::Make(row->schema(), num_rows, std::move(arrays));
    for (; count > 0; count -= std::min(count, num_rows)) {
      ARROW_RETURN_NOT_OK(file_->Write(*repeated->Slice(0, std::min(count, num_rows))));
    }
    return arrow::Status::OK();
  }

  const std::unique_ptr<NewDataFile> file_;
  std::shared_ptr<arrow::RecordBatch> last_row_;
};

}  // namespace

arrow::Status AddColumnsChange::Prepare(const VersionFile& base) {
  const auto& manifest = *base.file.manifest;
  files_of_fragments_.clear();
  if (columns_.schema->num_fields() == 0) return arrow::Status::Invalid("no columns to add");
  for (const auto& field : columns_.schema->fields()) {
    if (manifest.schema->GetFieldIndex(field->name()) != -1) {
      return arrow::Status::Invalid("the table has a column '", field->name(), "' already");
    }
    if (columns_.compute == nullptr && !field->nullable()) {
      return arrow::Status::Invalid("the column '", field->name(),
                                    "' cannot be null, and no values are given");
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto draft, format::ManifestDraft::After(base.file));
  const auto blobs =
      manifest.data_format_version == "2.2" ? format::BlobVersion::kV2 : format::BlobVersion::kV1;
  ARROW_RETURN_NOT_OK(CheckColumnNames(*columns_.schema));
  ARROW_ASSIGN_OR_RAISE(const auto fields,
                        format::MakeFields(*columns_.schema, draft.next_field_id(), blobs));
  new_fields_ = FieldMessages(fields);
  return columns_.compute == nullptr ? arrow::Status::OK() : WriteValues(base, fields);
}

arrow::Status AddColumnsChange::WriteValues(const VersionFile& base,
                                            const std::vector<format::Field>& fields) {
  ARROW_ASSIGN_OR_RAISE(const auto place, PlaceFor(*base.file.manifest));
  ARROW_ASSIGN_OR_RAISE(const auto table, context().Open(base));
  ScanOptions scan;
  scan.cancel = options().cancel;
  scan.pool = options().pool;
  scan.columns = columns_.inputs;
  scan.columns.emplace_back(kRowAddressColumn);
  ARROW_ASSIGN_OR_RAISE(const auto reader, table->Scan(scan));
  std::unique_ptr<ColumnFile> file;
  uint64_t fragment_id = 0;
  WriteProgress progress;
  const auto end_file = [&]() -> arrow::Status {
    if (file == nullptr) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto lineage, table->LineageOf(fragment_id, scan));
    ARROW_ASSIGN_OR_RAISE(files_of_fragments_[fragment_id],
                          file->Finish(lineage.ids.num_physical_rows));
    file = nullptr;
    ++progress.num_files;
    return arrow::Status::OK();
  };
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) break;
    const auto address_array = batch->column(batch->num_columns() - 1);
    const std::span<const uint64_t> addresses(
        static_cast<const arrow::UInt64Array&>(*address_array).raw_values(),
        static_cast<size_t>(batch->num_rows()));
    ARROW_ASSIGN_OR_RAISE(const auto inputs, batch->RemoveColumn(batch->num_columns() - 1));
    for (size_t begin = 0; begin < addresses.size();) {
      const uint64_t id = addresses[begin] >> 32;
      size_t end = begin + 1;
      while (end < addresses.size() && addresses[end] >> 32 == id) ++end;
      const auto rows =
          inputs->Slice(static_cast<int64_t>(begin), static_cast<int64_t>(end - begin));
      ARROW_ASSIGN_OR_RAISE(const auto values, columns_.compute(rows));
      if (values->num_rows() != rows->num_rows()) {
        return arrow::Status::Invalid("the new columns have ", values->num_rows(), " values for ",
                                      rows->num_rows(), " rows");
      }
      ARROW_ASSIGN_OR_RAISE(const auto match, MatchColumns(fields, *values->schema()));
      if (match.fields.size() != fields.size()) {
        return arrow::Status::Invalid("the new columns do not have the schema that was given: ",
                                      values->schema()->ToString());
      }
      if (file == nullptr || id != fragment_id) {
        ARROW_RETURN_NOT_OK(end_file());
        ARROW_ASSIGN_OR_RAISE(file, ColumnFile::Create(place, fields, options()));
        fragment_id = id;
      }
      ARROW_RETURN_NOT_OK(
          file->Write(match.Select(*values), addresses.subspan(begin, end - begin)));
      begin = end;
    }
    progress.num_rows += batch->num_rows();
    if (options().progress != nullptr) ARROW_RETURN_NOT_OK(options().progress(progress));
  }
  return end_file();
}

arrow::Result<format::WireWriter> AddColumnsChange::Apply(format::ManifestDraft* draft) {
  for (const auto& [id, file] : files_of_fragments_) {
    const auto* fragment = draft->FindFragment(id);
    if (fragment == nullptr) return arrow::Status::Invalid("the fragment ", id, " is gone");
    ARROW_ASSIGN_OR_RAISE(auto message, format::AppendDataFile(fragment->message, file));
    if (draft->has_stable_row_ids() && !fragment->parsed.has_lineage_columns) {
      const auto updated = format::RowVersionSequence::Repeated(draft->version(),
                                                                fragment->parsed.num_physical_rows);
      ARROW_ASSIGN_OR_RAISE(message, format::ReplaceLastUpdatedVersions(message, updated->Write()));
    }
    ARROW_RETURN_NOT_OK(draft->ReplaceFragment(std::move(message)));
  }
  auto schema = draft->schema();
  schema.insert(schema.end(), new_fields_.begin(), new_fields_.end());
  ARROW_RETURN_NOT_OK(draft->SetSchema(std::move(schema)));
  return format::transaction_body::Merge(draft->FragmentMessages(), draft->schema(),
                                         draft->schema_metadata());
}

}  // namespace croupier::table
