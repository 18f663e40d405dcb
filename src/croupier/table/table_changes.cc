#include "croupier/table/table_changes.h"

#include <algorithm>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/format/manifest/schema_writer.h"
#include "croupier/format/wire/wire_edit.h"
#include "croupier/table/find_column.h"
#include "croupier/table/system_columns.h"

namespace croupier::table {

namespace {

using format::Field;
using format::ManifestDraft;
using Message = ManifestDraft::Message;

std::vector<Message> MessagesOf(const std::vector<format::Fragment>& fragments) {
  std::vector<Message> messages;
  messages.reserve(fragments.size());
  for (const auto& fragment : fragments) messages.push_back(fragment.Write().bytes());
  return messages;
}

std::vector<Message> MetadataMessages(const arrow::Schema& schema) {
  std::vector<Message> messages;
  if (schema.metadata() == nullptr) return messages;
  for (int64_t i = 0; i < schema.metadata()->size(); ++i) {
    messages.push_back(format::WireWriter()
                           .Text(1, schema.metadata()->key(i))
                           .Text(2, schema.metadata()->value(i))
                           .bytes());
  }
  return messages;
}

// Whether files that were written for some fields hold columns of the others.
bool AreSameFields(const std::vector<Field>& a, const std::vector<Field>& b) {
  return std::ranges::equal(a, b, [](const Field& left, const Field& right) {
    return left.id == right.id && left.name == right.name &&
           left.logical_type == right.logical_type && left.nullable == right.nullable &&
           AreSameFields(left.children, right.children);
  });
}

void AddIds(const Field& field, std::set<int32_t>* ids) {
  ids->insert(field.id);
  for (const auto& child : field.children) AddIds(child, ids);
}

}  // namespace

std::vector<Message> FieldMessages(const std::vector<Field>& fields) {
  format::WireWriter all;
  format::AppendFields(1, fields, &all);
  std::vector<Message> messages;
  const auto status = format::ForEachField(all.bytes(), [&](const format::WireField& field) {
    messages.emplace_back(field.bytes.begin(), field.bytes.end());
    return arrow::Status::OK();
  });
  (void)status;  // what was just written
  return messages;
}

arrow::Result<std::shared_ptr<const LanceTable>> ChangeContext::Open(const VersionFile& version,
                                                                     BlobHandling blobs) const {
  return LanceTable::Make(dataset, version.dataset_version(), blobs, *options->cancel);
}

arrow::Result<DataPlace> TableChange::PlaceFor(const std::string& data_format_version) {
  DataPlace place{&files_, LanceDataset::PathOf(context_.branch) + "data/",
                  format::FileVersion::kV2_2};
  if (data_format_version == "2.2") return place;
  place.version = format::FileVersion::kV2_1;
  if (data_format_version == "2.1") return place;
  return arrow::Status::NotImplemented(
      context_.dataset->location(), ": cannot write data files of format '", data_format_version,
      "'; writable: 2.1, 2.2. Overwrite the table with its own rows, "
      "which gives it format 2.2, or write them into a new one");
}

arrow::Result<DataPlace> TableChange::PlaceFor(const format::Manifest& manifest) {
  std::string version = manifest.data_format_version;
  // Old manifests do not say: then it is that of the files.
  for (const auto& fragment : manifest.fragments) {
    if (!version.empty() || fragment.files.empty()) break;
    const auto& file = fragment.files.front();
    version = std::to_string(file.major_version) + "." + std::to_string(file.minor_version);
  }
  // Who reads the table knows files of several formats already; else it would be lost for older
  // releases of Lance.
  if (version == "2.0" && manifest.may_mix_formats()) version = "2.1";
  return PlaceFor(version);
}

arrow::Status AppendChange::Prepare(const VersionFile& base) {
  const auto& manifest = *base.file.manifest;
  if (rows_ == nullptr) {
    // A stream is read once; its files are as good as long as the columns are the same.
    if (AreSameFields(fields_, manifest.fields)) return arrow::Status::OK();
    return arrow::Status::Invalid(context().dataset->location(),
                                  ": the columns of the table were changed meanwhile; version ",
                                  base.version(), " has other ones. Append again");
  }
  ARROW_ASSIGN_OR_RAISE(const auto place, PlaceFor(manifest));
  const auto rows = std::move(rows_);
  ARROW_ASSIGN_OR_RAISE(fragments_, WriteRows(place, manifest.fields, rows.get(), options()));
  fields_ = manifest.fields;
  num_rows_added_ = NumRowsOf(fragments_);
  return arrow::Status::OK();
}

arrow::Result<format::WireWriter> AppendChange::Apply(ManifestDraft* draft) {
  ARROW_RETURN_NOT_OK(draft->AppendFragments(fragments_));
  return format::transaction_body::Append(MessagesOf(fragments_));
}

arrow::Status OverwriteChange::Prepare(const VersionFile& base) {
  ARROW_ASSIGN_OR_RAISE(const auto draft, ManifestDraft::After(base.file));
  num_rows_removed_ = 0;
  for (const auto& fragment : base.file.manifest->fragments) {
    num_rows_removed_ += fragment.num_physical_rows;
    if (!fragment.deletion_file.has_value()) continue;
    num_rows_removed_ -= static_cast<int64_t>(fragment.deletion_file->num_deleted_rows);
  }
  if (rows_ != nullptr) return PrepareFor(draft);
  // A stream is read once. Its files keep their field ids, unless others have used these.
  if (draft.first_field_id() == first_field_id_) return arrow::Status::OK();
  return arrow::Status::Invalid(context().dataset->location(),
                                ": the table was overwritten meanwhile, at version ",
                                base.version(), ". Overwrite it again");
}

arrow::Status OverwriteChange::PrepareFor(const ManifestDraft& draft) {
  const auto rows = std::move(rows_);
  const auto schema = rows->schema();
  if (schema->num_fields() == 0) {
    return arrow::Status::Invalid("a table must have a column; the rows have none");
  }
  // A table of an older format gets the newest one: none of its files stay.
  data_format_version_ = draft.data_format_version();
  if (data_format_version_.empty() || data_format_version_ == "2.0") data_format_version_ = "2.2";
  ARROW_ASSIGN_OR_RAISE(const auto place, PlaceFor(data_format_version_));
  const auto blobs = place.version == format::FileVersion::kV2_1 ? format::BlobVersion::kV1
                                                                 : format::BlobVersion::kV2;
  ARROW_RETURN_NOT_OK(CheckColumnNames(*schema));
  first_field_id_ = draft.first_field_id();
  ARROW_ASSIGN_OR_RAISE(const auto fields, format::MakeFields(*schema, first_field_id_, blobs));
  schema_ = FieldMessages(fields);
  schema_metadata_ = MetadataMessages(*schema);
  ARROW_ASSIGN_OR_RAISE(fragments_, WriteRows(place, fields, rows.get(), options()));
  num_rows_added_ = NumRowsOf(fragments_);
  return arrow::Status::OK();
}

arrow::Result<format::WireWriter> OverwriteChange::Apply(ManifestDraft* draft) {
  std::set<uint64_t> ids;
  for (const auto& fragment : draft->fragments()) ids.insert(fragment.parsed.id);
  draft->RemoveFragments(ids);
  draft->DropIndexes();
  if (draft->data_format_version() != data_format_version_) {
    ARROW_RETURN_NOT_OK(draft->SetDataFormat(data_format_version_));
  }
  ARROW_RETURN_NOT_OK(draft->SetSchema(schema_));
  draft->SetSchemaMetadata(schema_metadata_);
  ARROW_RETURN_NOT_OK(draft->AppendFragments(fragments_));
  return format::transaction_body::Overwrite(MessagesOf(fragments_), schema_, schema_metadata_);
}

arrow::Status DropColumnsChange::Prepare(const VersionFile& base) {
  const auto& manifest = *base.file.manifest;
  field_ids_.clear();
  std::set<std::string> dropped;
  for (const auto& name : names_) {
    const auto found = std::ranges::find(manifest.fields, name, &Field::name);
    if (found == manifest.fields.end()) {
      // Names the columns there are.
      ARROW_RETURN_NOT_OK(ProjectSchema(*manifest.schema, {name}).status());
      return arrow::Status::NotImplemented("cannot drop a part of a column: '", name, "'");
    }
    AddIds(*found, &field_ids_);
    dropped.insert(name);
  }
  if (dropped.size() == manifest.fields.size()) {
    return arrow::Status::Invalid(context().dataset->location(),
                                  ": a table must have a column; all would be dropped");
  }
  return arrow::Status::OK();
}

arrow::Result<format::WireWriter> DropColumnsChange::Apply(ManifestDraft* draft) {
  ARROW_RETURN_NOT_OK(draft->DropFields(field_ids_));
  return format::transaction_body::Project(draft->schema());
}

arrow::Status RestoreChange::Prepare(const VersionFile& base) {
  auto ref = ref_;
  if (!ref.version.has_value() && ref.tag.empty()) {
    return arrow::Status::Invalid("the version to restore is not given");
  }
  ARROW_ASSIGN_OR_RAISE(const auto version,
                        context().dataset->Read(ref, context().branch, *options().cancel));
  if (version.branch != context().branch) {
    return arrow::Status::Invalid("cannot restore a version of another branch: '",
                                  version.branch.empty() ? "main" : version.branch, "'");
  }
  return ReadVersionFile(*context().dataset->store(), context().branch,
                         {base.name.naming, version.manifest->version}, *options().cancel)
      .Value(&older_);
}

arrow::Result<format::WireWriter> RestoreChange::Apply(ManifestDraft* draft) {
  ARROW_RETURN_NOT_OK(draft->Restore(older_.file));
  return format::transaction_body::Restore(older_.version());
}

}  // namespace croupier::table
