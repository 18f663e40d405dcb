#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include <arrow/status.h>

#include "croupier/format/encoding/page_layout.h"
#include "croupier/format/file/data_file.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/storage/range_fetch.h"
#include "croupier/table/lance_table.h"
#include "croupier/table/open_files.h"

// The part of LanceTable that describes it for people.

namespace croupier::table {

namespace {

using storage::Object;

// Files whose metadata is held at a time.
constexpr size_t kFilesAtOnce = 64;

// The metadata of all columns of some data files.
class FileMetadata {
 public:
  arrow::Status Read(std::span<const FileLocation> files, const CancelToken& cancel) {
    ARROW_ASSIGN_OR_RAISE(files_, OpenFiles(files, cancel));
    for (const OpenFile& file : files_) {
      // Columns lie in front of the tables, without a gap.
      const int64_t begin = file.footer.column_metadata_start;
      rest_.Add(file.object, {begin, file.object->size_bytes() - begin});
    }
    return Fetch(&rest_, cancel);
  }

  const Object& object(size_t file) const { return *files_[file].object; }
  const format::FileFooter& footer(size_t file) const { return files_[file].footer; }

  arrow::Result<std::vector<std::shared_ptr<const format::ColumnMetadata>>> Columns(
      size_t file) const {
    const int64_t size = object(file).size_bytes();
    const auto bytes = rest_.bytes(file);
    const int64_t begin = size - std::ssize(bytes);
    const auto slice = [&](ByteRange range) {
      return bytes.subspan(static_cast<size_t>(range.offset_bytes - begin),
                           static_cast<size_t>(range.size_bytes));
    };
    auto directory = format::ColumnDirectory::Parse(
        slice(format::ColumnDirectory::Range(footer(file), size)), footer(file), size);
    if (!directory.ok()) return files_[file].At(directory.status());
    std::vector<std::shared_ptr<const format::ColumnMetadata>> columns;
    for (const ByteRange range : directory->columns) {
      if (range.offset_bytes < begin || range.size_bytes < 0 ||
          range.size_bytes > size - range.offset_bytes) {
        return files_[file].At(arrow::Status::SerializationError(
            "the metadata of a column is not where it should be: ", range.size_bytes, " bytes at ",
            range.offset_bytes));
      }
      auto column = format::ColumnMetadata::Parse(slice(range), footer(file), size);
      if (!column.ok()) return files_[file].At(column.status());
      columns.push_back(*std::move(column));
    }
    return columns;
  }

 private:
  std::vector<OpenFile> files_;
  storage::RangeFetch rest_;
};

struct FieldName {
  std::string name;
  std::string logical_type;
};

void NameFields(const std::vector<format::Field>& fields, const std::string& above,
                std::map<int32_t, FieldName>* names) {
  for (const auto& field : fields) {
    const std::string name = above + field.name;
    names->emplace(field.id, FieldName{name, field.logical_type});
    NameFields(field.children, name + ".", names);
  }
}

std::map<int32_t, FieldName> NamesOfFields(const std::vector<format::Field>& fields) {
  std::map<int32_t, FieldName> names = {
      {format::kRowIdField, {kRowIdColumn, "uint64"}},
      {format::kCreatedAtVersionField, {kRowCreatedAtVersionColumn, "uint64"}},
      {format::kLastUpdatedAtVersionField, {kRowLastUpdatedAtVersionColumn, "uint64"}}};
  NameFields(fields, "", &names);
  return names;
}

ColumnDescription DescribeColumn(const format::ColumnMetadata& metadata, bool with_pages) {
  ColumnDescription column;
  for (const auto& page : metadata.pages) {
    PageDescription description{page.num_rows, 0, format::Describe(page.layout)};
    for (const ByteRange buffer : page.buffers) description.size_bytes += buffer.size_bytes;
    ++column.num_pages;
    column.size_bytes += description.size_bytes;
    ++column.encodings[description.encoding];
    if (with_pages) column.pages.push_back(std::move(description));
  }
  return column;
}

void AddTo(const ColumnDescription& part, ColumnDescription* whole) {
  whole->num_pages += part.num_pages;
  whole->size_bytes += part.size_bytes;
  for (const auto& [encoding, num_pages] : part.encodings) whole->encodings[encoding] += num_pages;
}

// Sizes come from a manifest, and are no more than numbers there.
int64_t AddUpToMax(int64_t a, int64_t b) {
  return a > std::numeric_limits<int64_t>::max() - b ? std::numeric_limits<int64_t>::max() : a + b;
}

}  // namespace

arrow::Result<TableDescription> LanceTable::Describe(DescriptionDetail detail,
                                                     const ReadOptions& options) const {
  TableDescription table;
  table.location = location();
  table.branch = branch();
  table.version = version();
  table.timestamp_us = manifest().timestamp_us;
  table.writer = manifest().writer_version;
  table.data_format_version = manifest().data_format_version;
  table.reader_feature_flags = manifest().reader_feature_flags;
  table.writer_feature_flags = manifest().writer_feature_flags;
  table.has_stable_row_ids = manifest().has_stable_row_ids();
  table.num_fragments = std::ssize(fragments_);
  table.num_data_files = std::ssize(files_);
  for (const auto& file : files_) {
    table.data_file_bytes = AddUpToMax(table.data_file_bytes, file.size_bytes.value_or(0));
  }
  ARROW_ASSIGN_OR_RAISE(table.num_rows, CountRows());
  int64_t num_physical_rows = 0;
  for (const auto& fragment : fragments_) {
    num_physical_rows += fragment.num_physical_rows;
    if (fragment.metadata->deletion_file.has_value()) ++table.num_deletion_files;
  }
  table.num_deleted_rows = num_physical_rows - table.num_rows;
  if (detail == DescriptionDetail::kTable) return table;
  const auto status = DescribeFiles(detail, &table, options);
  if (!status.ok()) return dataset_->ExplainMissing(status, version_, *options.cancel);
  return table;
}

arrow::Status LanceTable::DescribeFiles(DescriptionDetail detail, TableDescription* table,
                                        const ReadOptions& options) const {
  const auto names = NamesOfFields(manifest().fields);
  std::map<int32_t, ColumnDescription> columns;  // of the table, by field
  for (size_t begin = 0; begin < fragments_.size();) {
    // Whole fragments, of at least some files.
    size_t end = begin;
    const size_t first_file = fragments_[begin].first_file;
    size_t end_file = first_file;
    while (end < fragments_.size() && end_file - first_file < kFilesAtOnce) {
      end_file += fragments_[end++].metadata->files.size();
    }
    FileMetadata metadata;
    ARROW_RETURN_NOT_OK(
        metadata.Read({files_.data() + first_file, end_file - first_file}, *options.cancel));
    for (; begin < end; ++begin) {
      const Fragment& fragment = fragments_[begin];
      FragmentDescription description{fragment.id, fragment.num_physical_rows, 0, "", {}};
      for (size_t k = 0; k < fragment.metadata->files.size(); ++k) {
        const auto& data_file = fragment.metadata->files[k];
        const size_t number = fragment.first_file + k - first_file;
        ARROW_ASSIGN_OR_RAISE(const auto read, metadata.Columns(number));
        const auto& footer = metadata.footer(number);
        // Files of version 2.0 call themselves 0.3.
        const bool is_v2_0 = footer.major_version == 0;
        FileDescription file{metadata.object(number).location(),
                             is_v2_0 ? "2.0"
                                     : std::to_string(footer.major_version) + "." +
                                           std::to_string(footer.minor_version),
                             metadata.object(number).size_bytes(),
                             {}};
        for (size_t i = 0; i < data_file.fields.size() && i < data_file.column_indices.size();
             ++i) {
          const auto index = static_cast<size_t>(data_file.column_indices[i]);
          const int32_t field = data_file.fields[i];
          if (data_file.column_indices[i] < 0 || index >= read.size()) continue;
          auto column = DescribeColumn(*read[index], detail == DescriptionDetail::kPages);
          column.field_id = field;
          if (const auto name = names.find(field); name != names.end()) {
            column.name = name->second.name;
            column.logical_type = name->second.logical_type;
            auto [whole, is_new] = columns.try_emplace(field);
            if (is_new) {
              whole->second = {field, column.name, column.logical_type, 0, 0, {}, {}};
            }
            AddTo(column, &whole->second);
          }
          file.columns.push_back(std::move(column));
        }
        description.files.push_back(std::move(file));
      }
      if (detail < DescriptionDetail::kFiles) continue;
      if (const auto& deletion_file = fragment.metadata->deletion_file) {
        ARROW_ASSIGN_OR_RAISE(const auto deletions, DeletionsOf({&begin, 1}, options));
        description.num_deleted_rows = deletions[0]->num_deleted();
        description.deletion_file = deletion_file->Name(fragment.id);
      }
      table->fragments.push_back(std::move(description));
    }
  }
  for (auto& [field, column] : columns) table->columns.push_back(std::move(column));
  return arrow::Status::OK();
}

}  // namespace croupier::table
