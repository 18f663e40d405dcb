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

arrow::Status CheckFlags(const Manifest& manifest, bool has_max_field_id) {
  const uint64_t reader = manifest.reader_feature_flags;
  const uint64_t writer = manifest.writer_feature_flags;
  if (const uint64_t unpaired = (reader ^ writer) & kPairedFlags; unpaired != 0) {
    return arrow::Status::SerializationError(
        "manifest: feature flags that belong to readers and writers are set for one of them: ",
        NumbersOfFlags(unpaired));
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
      NumbersOfFlags(unreadable), "): a newer Lance wrote it");
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

std::string NumbersOfFlags(uint64_t flags) {
  std::string numbers;
  for (int bit = 0; bit < 64; ++bit) {
    if ((flags >> bit & 1) == 0) continue;
    if (!numbers.empty()) numbers += ", ";
    numbers += std::to_string(uint64_t{1} << bit);
  }
  return numbers;
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
        ARROW_ASSIGN_OR_RAISE(auto fragment, Fragment::Parse(bytes));
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
