#include "croupier/format/manifest/manifest.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

constexpr char kMagic[4] = {'L', 'A', 'N', 'C'};

// Flags whose tables a reader may read: lance-table.md, section 10, column "read".
constexpr uint64_t kReadableFlags =
    1 | kFlagStableRowIds | 4 | 8 | 16 | 32 | 128 | 256 | 1024 | 2048 | 16384;
// Flags that mean something only in both words.
constexpr uint64_t kPairedFlags = 256 | 1024 | 16384 | 65536;
// Field ids are never used again: a flag for writers, with a high-water mark in the manifest.
constexpr uint64_t kFlagFieldIds = 32768;

// Calls `handle(field)` for each field of a message.
template <typename Handle>
arrow::Status ForEachField(std::span<const uint8_t> message, Handle handle) {
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    ARROW_RETURN_NOT_OK(handle(field));
  }
  return arrow::Status::OK();
}

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

arrow::Result<Fragment> ParseFragment(std::span<const uint8_t> message) {
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

arrow::Result<BasePath> ParseBasePath(std::span<const uint8_t> message) {
  BasePath base;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1:
        return field.AsUint32().Value(&base.id);
      case 3:
        return field.AsBool().Value(&base.is_dataset_root);
      case 4:
        return field.AsString().Value(&base.path);
      default:
        return arrow::Status::OK();
    }
  }));
  return base;
}

// Microseconds since the epoch of a google.protobuf.Timestamp.
arrow::Result<int64_t> ParseTimestamp(std::span<const uint8_t> message) {
  int64_t seconds = 0;
  int32_t nanoseconds = 0;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 1) {
      ARROW_ASSIGN_OR_RAISE(const uint64_t bits, field.AsUnsigned());
      seconds = static_cast<int64_t>(bits);
    } else if (field.number == 2) {
      ARROW_ASSIGN_OR_RAISE(nanoseconds, field.AsInt32());
    }
    return arrow::Status::OK();
  }));
  constexpr int64_t kMaxSeconds = INT64_MAX / 1000000 - 1;
  if (seconds < -kMaxSeconds || seconds > kMaxSeconds || nanoseconds < 0 ||
      nanoseconds >= 1000000000) {
    return arrow::Status::SerializationError("manifest: not a time: ", seconds, " s, ", nanoseconds,
                                             " ns");
  }
  return seconds * 1000000 + nanoseconds / 1000;
}

std::string NumbersOf(uint64_t flags) {
  std::string numbers;
  for (int bit = 0; bit < 64; ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!numbers.empty()) numbers += ", ";
    numbers += std::to_string(uint64_t{1} << bit);
  }
  return numbers;
}

arrow::Status CheckFlags(const Manifest& manifest, bool has_max_field_id) {
  const uint64_t reader = manifest.reader_feature_flags;
  const uint64_t writer = manifest.writer_feature_flags;
  if (const uint64_t unpaired = (reader ^ writer) & kPairedFlags; unpaired != 0) {
    return arrow::Status::SerializationError(
        "manifest: feature flags that belong to readers and writers are set for one of them: ",
        NumbersOf(unpaired));
  }
  if ((reader & kFlagFieldIds) != 0 || ((writer & kFlagFieldIds) != 0) != has_max_field_id) {
    return arrow::Status::SerializationError(
        "manifest: the feature flag ", kFlagFieldIds,
        " goes with a largest field id, and is for writers alone");
  }
  const uint64_t unreadable = reader & ~kReadableFlags;
  if (unreadable == 0) return arrow::Status::OK();
  return arrow::Status::NotImplemented(
      "the table needs features that this library does not know (reader feature flags ",
      NumbersOf(unreadable), "): a newer Lance wrote it");
}

uint64_t AddUpToMax(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

// Count one number of a fragment, data file or deletion file.
arrow::Status Count(const WireField& field, uint64_t* total) {
  ARROW_ASSIGN_OR_RAISE(const uint64_t number, field.AsUnsigned());
  *total = AddUpToMax(*total, number);
  return arrow::Status::OK();
}

arrow::Status CountFragment(std::span<const uint8_t> message, ManifestSummary* summary) {
  ++summary->num_fragments;
  return ForEachField(message, [&](const WireField& field) -> arrow::Status {
    if (field.number == 4) return Count(field, &summary->num_physical_rows);
    if (field.number != 2 && field.number != 3) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
    const bool is_data = field.number == 2;
    ++(is_data ? summary->num_data_files : summary->num_deletion_files);
    return ForEachField(bytes, [&](const WireField& part) -> arrow::Status {
      if (is_data && part.number == 6) return Count(part, &summary->data_file_bytes);
      if (!is_data && part.number == 4) return Count(part, &summary->num_deleted_rows);
      return arrow::Status::OK();
    });
  });
}

// The message behind its length.
arrow::Result<std::span<const uint8_t>> MessageOf(std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(uint32_t)) {
    return arrow::Status::SerializationError("manifest: no room for a message: ", bytes.size(),
                                             " bytes");
  }
  const auto message = bytes.subspan(sizeof(uint32_t));
  const auto length = LoadLittleEndian<uint32_t>(bytes.data());
  if (length != message.size()) {
    return arrow::Status::SerializationError("manifest: the message has ", message.size(),
                                             " bytes, its length says ", length);
  }
  return message;
}

arrow::Status CheckDataFormat(const std::string& version) {
  // Files of version 2.0 come with an error of their own when one is read.
  if (version.empty() || version == "2.0" || version == "2.1" || version == "2.2") {
    return arrow::Status::OK();
  }
  if (version == "0.1") {
    return arrow::Status::NotImplemented(
        "the table has data files of the legacy version 0.1, which cannot be read (rewrite it with "
        "a "
        "current Lance)");
  }
  return arrow::Status::NotImplemented("the table has data files of version '", version,
                                       "', which cannot be read; readable: 2.1, 2.2");
}

bool HasPackedStruct(const std::vector<Field>& fields) {
  return std::ranges::any_of(fields, [](const Field& field) {
    return field.is_packed_struct() || HasPackedStruct(field.children);
  });
}

void MarkMembers(const std::set<int32_t>& columns, std::vector<Field>* fields) {
  for (Field& field : *fields) {
    if (field.is_packed_struct()) {
      field.members_have_columns = std::ranges::any_of(
          field.children, [&](const Field& member) { return columns.contains(member.id); });
    }
    MarkMembers(columns, &field.children);
  }
}

// Find the structs that are marked as packed, but are not: pylance 0.18 did not know the mark.
void FindColumnsOfMembers(const std::vector<Fragment>& fragments, std::vector<Field>* fields) {
  if (!HasPackedStruct(*fields)) return;
  std::set<int32_t> columns;
  for (const Fragment& fragment : fragments) {
    for (const DataFile& file : fragment.files) {
      for (size_t i = 0; i < file.fields.size() && i < file.column_indices.size(); ++i) {
        if (file.column_indices[i] >= 0) columns.insert(file.fields[i]);
      }
    }
  }
  MarkMembers(columns, fields);
}

}  // namespace

std::string DeletionFile::Name(uint64_t fragment_id) const {
  return std::to_string(fragment_id) + "-" + std::to_string(read_version) + "-" +
         std::to_string(id) + (type == Type::kArrow ? ".arrow" : ".bin");
}

arrow::Result<ByteRange> Manifest::MessageRange(std::span<const uint8_t> tail,
                                                int64_t file_size_bytes) {
  if (std::ssize(tail) < kFooterBytes || file_size_bytes < kFooterBytes ||
      std::memcmp(tail.data() + tail.size() - sizeof(kMagic), kMagic, sizeof(kMagic)) != 0) {
    return arrow::Status::SerializationError(
        "not a manifest, or one that is cut off: it does not end in \"LANC\" (", file_size_bytes,
        " bytes)");
  }
  // [u32 length] [message] [footer]; index and transaction sections lie in front.
  const int64_t end = file_size_bytes - kFooterBytes;
  const auto offset =
      LoadLittleEndian<uint64_t>(tail.data() + tail.size() - static_cast<size_t>(kFooterBytes));
  if (end < 4 || offset > static_cast<uint64_t>(end - 4)) {
    return arrow::Status::SerializationError(
        "manifest: the message lies outside the file: ", offset, " of ", end);
  }
  return ByteRange{static_cast<int64_t>(offset), end - static_cast<int64_t>(offset)};
}

arrow::Result<std::shared_ptr<const Manifest>> Manifest::Parse(std::span<const uint8_t> bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto message, MessageOf(bytes));
  auto manifest = std::make_shared<Manifest>();
  std::vector<std::span<const uint8_t>> fields;
  std::map<std::string, std::string> schema_metadata;
  bool has_max_field_id = false;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 1: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        fields.push_back(bytes);
        return arrow::Status::OK();
      }
      case 2: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(auto fragment, ParseFragment(bytes));
        manifest->fragments.push_back(std::move(fragment));
        return arrow::Status::OK();
      }
      case 3: {
        ARROW_ASSIGN_OR_RAISE(manifest->version, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 5: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(auto entry, WireMapEntry::Parse(bytes));
        schema_metadata[std::move(entry.key)] = std::move(entry.value);
        return arrow::Status::OK();
      }
      case 7: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(manifest->timestamp_us, ParseTimestamp(bytes));
        return arrow::Status::OK();
      }
      case 9: {
        ARROW_ASSIGN_OR_RAISE(manifest->reader_feature_flags, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 10: {
        ARROW_ASSIGN_OR_RAISE(manifest->writer_feature_flags, field.AsUnsigned());
        return arrow::Status::OK();
      }
      case 13: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        return ForEachField(bytes, [&](const WireField& part) -> arrow::Status {
          if (part.number != 1 && part.number != 2) return arrow::Status::OK();
          ARROW_ASSIGN_OR_RAISE(const auto text, part.AsString());
          manifest->writer_version += (part.number == 2 ? " " : "") + text;
          return arrow::Status::OK();
        });
      }
      case 15: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        return ForEachField(bytes, [&](const WireField& part) -> arrow::Status {
          if (part.number != 2) return arrow::Status::OK();
          ARROW_ASSIGN_OR_RAISE(manifest->data_format_version, part.AsString());
          return arrow::Status::OK();
        });
      }
      case 18: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        ARROW_ASSIGN_OR_RAISE(auto base, ParseBasePath(bytes));
        manifest->base_paths.push_back(std::move(base));
        return arrow::Status::OK();
      }
      case 20: {
        ARROW_ASSIGN_OR_RAISE(manifest->branch, field.AsString());
        return arrow::Status::OK();
      }
      case 24:
        has_max_field_id = true;
        return arrow::Status::OK();
      default:
        return arrow::Status::OK();
    }
  }));
  // Flags first: a table of unknown features need not look like anything below.
  ARROW_RETURN_NOT_OK(CheckFlags(*manifest, has_max_field_id));
  ARROW_RETURN_NOT_OK(CheckDataFormat(manifest->data_format_version));

  ARROW_ASSIGN_OR_RAISE(manifest->fields, ParseFields(fields));
  std::shared_ptr<arrow::KeyValueMetadata> metadata;
  if (!schema_metadata.empty()) {
    metadata = std::make_shared<arrow::KeyValueMetadata>();
    for (auto& [key, value] : schema_metadata) metadata->Append(key, value);
  }
  arrow::FieldVector arrow_fields;
  for (const auto& field : manifest->fields) arrow_fields.push_back(field.arrow_field);
  manifest->schema = arrow::schema(std::move(arrow_fields), std::move(metadata));

  for (size_t i = 1; i < manifest->fragments.size(); ++i) {
    if (manifest->fragments[i].id <= manifest->fragments[i - 1].id) {
      return arrow::Status::SerializationError(
          "manifest: fragment ids do not ascend: ", manifest->fragments[i].id, " after ",
          manifest->fragments[i - 1].id);
    }
  }
  FindColumnsOfMembers(manifest->fragments, &manifest->fields);
  std::set<uint32_t> base_ids;
  for (const auto& base : manifest->base_paths) {
    if (base_ids.insert(base.id).second) continue;
    return arrow::Status::SerializationError("manifest: two base paths have the id ", base.id);
  }
  return manifest;
}

arrow::Result<ManifestSummary> Manifest::Summarize(std::span<const uint8_t> bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto message, MessageOf(bytes));
  ManifestSummary summary;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
    switch (field.number) {
      case 2: {
        ARROW_ASSIGN_OR_RAISE(const auto fragment, field.AsBytes());
        return CountFragment(fragment, &summary);
      }
      case 3:
        return field.AsUnsigned().Value(&summary.version);
      case 7: {
        ARROW_ASSIGN_OR_RAISE(const auto time, field.AsBytes());
        return ParseTimestamp(time).Value(&summary.timestamp_us);
      }
      default:
        return arrow::Status::OK();
    }
  }));
  return summary;
}

}  // namespace croupier::format
