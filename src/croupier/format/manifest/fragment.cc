#include "croupier/format/manifest/fragment.h"

#include <algorithm>

#include <arrow/status.h>

#include "croupier/format/wire/wire_edit.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

// File names of a manifest are hostile: they must stay in their directory.
arrow::Status CheckFileName(const std::string& path) {
  bool leads_out = path.empty() || path.starts_with('/') || path.find('\0') != std::string::npos ||
                   path.find('\\') != std::string::npos;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    leads_out = leads_out || path.substr(begin, end - begin) == "..";
    begin = end + 1;
  }
  if (!leads_out) return arrow::Status::OK();
  return arrow::Status::SerializationError("manifest: a data file leads out of its directory: '",
                                           path, "'");
}

arrow::Result<DataFile> ParseDataFile(std::span<const uint8_t> message) {
  DataFile file;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1: {
        ARROW_ASSIGN_OR_RAISE(file.path, field.AsString());
        return arrow::Status::OK();
      }
      case 2:
        return field.AppendTo(&file.fields);
      case 3:
        return field.AppendTo(&file.column_indices);
      case 4: {
        ARROW_ASSIGN_OR_RAISE(file.major_version, field.AsUint32());
        return arrow::Status::OK();
      }
      case 5: {
        ARROW_ASSIGN_OR_RAISE(file.minor_version, field.AsUint32());
        return arrow::Status::OK();
      }
      case 6: {
        ARROW_ASSIGN_OR_RAISE(const uint64_t size, field.AsUnsigned());
        if (size > INT64_MAX) {
          return arrow::Status::SerializationError("manifest: a data file is too large: ", size);
        }
        if (size > 0) file.size_bytes = static_cast<int64_t>(size);
        return arrow::Status::OK();
      }
      case 7: {
        ARROW_ASSIGN_OR_RAISE(file.base_id, field.AsUint32());
        return arrow::Status::OK();
      }
      default:
        return arrow::Status::OK();
    }
  }));
  ARROW_RETURN_NOT_OK(CheckFileName(file.path));
  if (!file.column_indices.empty() && file.column_indices.size() < file.fields.size()) {
    return arrow::Status::SerializationError("manifest: data file '", file.path, "' has ",
                                             file.fields.size(), " fields and ",
                                             file.column_indices.size(), " column indices");
  }
  return file;
}

arrow::Result<DeletionFile> ParseDeletionFile(std::span<const uint8_t> message) {
  DeletionFile file;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1: {
        ARROW_ASSIGN_OR_RAISE(const uint64_t type, field.AsUnsigned());
        if (type > 1) {
          return arrow::Status::NotImplemented("cannot read a deletion file of the type ", type);
        }
        file.type = static_cast<DeletionFile::Type>(type);
        return arrow::Status::OK();
      }
      case 2: {
        ARROW_ASSIGN_OR_RAISE(file.read_version, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 3: {
        ARROW_ASSIGN_OR_RAISE(file.id, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 4: {
        ARROW_ASSIGN_OR_RAISE(file.num_deleted_rows, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 7: {
        ARROW_ASSIGN_OR_RAISE(file.base_id, field.AsUint32());
        return arrow::Status::OK();
      }
      default:
        return arrow::Status::OK();
    }
  }));
  return file;
}

arrow::Status AssignBytes(const WireField& field, std::optional<std::string>* text) {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
  text->emplace(bytes.begin(), bytes.end());
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<Fragment> Fragment::Parse(std::span<const uint8_t> message) {
  Fragment fragment;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1: {
        ARROW_ASSIGN_OR_RAISE(fragment.id, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 2: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(auto file, ParseDataFile(bytes));
        fragment.files.push_back(std::move(file));
        return arrow::Status::OK();
      }
      case 3: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(fragment.deletion_file, ParseDeletionFile(bytes));
        return arrow::Status::OK();
      }
      case 4: {
        ARROW_ASSIGN_OR_RAISE(const uint64_t rows, field.AsUnsigned());
        if (rows > UINT32_MAX) {
          return arrow::Status::SerializationError("manifest: a fragment has too many rows: ",
                                                   rows);
        }
        fragment.num_physical_rows = static_cast<int64_t>(rows);
        return arrow::Status::OK();
      }
      case 5:
        return AssignBytes(field, &fragment.row_ids);
      case 7:
        return AssignBytes(field, &fragment.last_updated_at_versions);
      case 9:
        return AssignBytes(field, &fragment.created_at_versions);
      case 12:
      case 13:
      case 14:
        fragment.has_lineage_columns = true;
        return arrow::Status::OK();
      default:
        return arrow::Status::OK();
    }
  }));
  if (fragment.id > UINT32_MAX) {
    return arrow::Status::SerializationError("manifest: a fragment id is too large: ", fragment.id);
  }
  if (fragment.deletion_file.has_value() && fragment.num_physical_rows > 0 &&
      fragment.deletion_file->num_deleted_rows >
          static_cast<uint64_t>(fragment.num_physical_rows)) {
    return arrow::Status::SerializationError(
        "manifest: fragment ", fragment.id,
        " has more deleted rows than rows: ", fragment.deletion_file->num_deleted_rows, " of ",
        fragment.num_physical_rows);
  }
  return fragment;
}

std::string DeletionFile::Name(uint64_t fragment_id) const {
  return std::to_string(fragment_id) + "-" + std::to_string(read_version) + "-" +
         std::to_string(id) + (type == Type::kArrow ? ".arrow" : ".bin");
}

WireWriter DataFile::Write() const {
  WireWriter message;
  message.Text(1, path).PackedSigned(2, fields).PackedSigned(3, column_indices);
  message.NumberUnlessZero(4, major_version).NumberUnlessZero(5, minor_version);
  if (size_bytes.has_value()) message.NumberUnlessZero(6, static_cast<uint64_t>(*size_bytes));
  if (base_id.has_value()) message.Number(7, *base_id);
  return message;
}

WireWriter DeletionFile::Write() const {
  WireWriter message;
  message.NumberUnlessZero(1, static_cast<uint64_t>(type)).NumberUnlessZero(2, read_version);
  message.NumberUnlessZero(3, id).NumberUnlessZero(4, num_deleted_rows);
  if (base_id.has_value()) message.Number(7, *base_id);
  return message;
}

WireWriter Fragment::Write() const {
  WireWriter message;
  message.NumberUnlessZero(1, id);
  for (const auto& file : files) message.Child(2, file.Write());
  if (deletion_file.has_value()) message.Child(3, deletion_file->Write());
  message.NumberUnlessZero(4, static_cast<uint64_t>(num_physical_rows));
  if (row_ids.has_value()) message.Text(5, *row_ids);
  if (last_updated_at_versions.has_value()) message.Text(7, *last_updated_at_versions);
  if (created_at_versions.has_value()) message.Text(9, *created_at_versions);
  return message;
}

arrow::Result<std::vector<uint8_t>> ReplaceDeletionFile(std::span<const uint8_t> fragment,
                                                        const DeletionFile& file) {
  ARROW_ASSIGN_OR_RAISE(
      auto edited, CopyFields(fragment, [](const WireField& field) { return field.number != 3; }));
  edited.Child(3, file.Write());
  return std::move(edited).Finish();
}

arrow::Result<std::vector<uint8_t>> AppendDataFile(std::span<const uint8_t> fragment,
                                                   const DataFile& file) {
  ARROW_ASSIGN_OR_RAISE(auto edited, CopyFields(fragment, [](const WireField&) { return true; }));
  edited.Child(2, file.Write());
  return std::move(edited).Finish();
}

arrow::Result<std::vector<uint8_t>> RemoveDataFiles(
    std::span<const uint8_t> fragment, const std::function<bool(const DataFile&)>& is_removed) {
  arrow::Status malformed;
  ARROW_ASSIGN_OR_RAISE(auto edited, CopyFields(fragment, [&](const WireField& field) {
                          if (field.number != 2) return true;
                          const auto bytes = field.AsBytes();
                          const auto file = bytes.ok() ? ParseDataFile(*bytes)
                                                       : arrow::Result<DataFile>(bytes.status());
                          if (!file.ok()) malformed = file.status();
                          return file.ok() && !is_removed(*file);
                        }));
  ARROW_RETURN_NOT_OK(malformed);
  return std::move(edited).Finish();
}

arrow::Result<std::vector<uint8_t>> ReplaceLastUpdatedVersions(std::span<const uint8_t> fragment,
                                                               std::span<const uint8_t> versions) {
  // 13 says that they are a hidden column.
  ARROW_ASSIGN_OR_RAISE(auto edited, CopyFields(fragment, [](const WireField& field) {
                          return field.number != 7 && field.number != 13;
                        }));
  edited.Bytes(7, versions);
  return std::move(edited).Finish();
}

}  // namespace croupier::format
