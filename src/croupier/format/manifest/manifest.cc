#include "croupier/format/manifest/manifest.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/file/file_footer.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

constexpr size_t kFooterBytes = 16;
constexpr char kMagic[4] = {'L', 'A', 'N', 'C'};

// Flags whose tables a reader may read: lance-table.md, section 10, column "read".
constexpr uint64_t kReadableFlags =
    1 | 2 | 4 | 8 | 16 | 32 | 128 | 256 | 1024 | 2048 | 16384 | 32768 | (uint64_t{1} << 17);

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
      case 5: {
        ARROW_ASSIGN_OR_RAISE(const auto bytes, field.AsBytes());
        fragment.row_ids.assign(bytes.begin(), bytes.end());
        return arrow::Status::OK();
      }
      default:
        return arrow::Status::OK();
    }
  }));
  if (fragment.id > UINT32_MAX) {
    return arrow::Status::SerializationError("manifest: a fragment id is too large: ", fragment.id);
  }
  if (fragment.deletion_file.has_value() && fragment.deletion_file->num_deleted_rows >
                                                static_cast<uint64_t>(fragment.num_physical_rows)) {
    return arrow::Status::SerializationError(
        "manifest: fragment ", fragment.id,
        " has more deleted rows than rows: ", fragment.deletion_file->num_deleted_rows, " of ",
        fragment.num_physical_rows);
  }
  return fragment;
}

arrow::Status CheckReaderFlags(uint64_t flags) {
  const uint64_t unreadable = flags & ~kReadableFlags;
  if (unreadable == 0) return arrow::Status::OK();
  std::string numbers;
  for (int bit = 0; bit < 64; ++bit) {
    if ((unreadable >> bit & 1) == 0) continue;
    if (!numbers.empty()) numbers += ", ";
    numbers += std::to_string(uint64_t{1} << bit);
  }
  return arrow::Status::NotImplemented(
      "the table needs features that this library does not know (reader feature flags ", numbers,
      "): a newer Lance wrote it");
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

}  // namespace

std::string DeletionFile::Path(uint64_t fragment_id) const {
  return "_deletions/" + std::to_string(fragment_id) + "-" + std::to_string(read_version) + "-" +
         std::to_string(id) + (type == Type::kArrow ? ".arrow" : ".bin");
}

arrow::Result<std::shared_ptr<const Manifest>> Manifest::Parse(std::span<const uint8_t> file) {
  if (file.size() < kFooterBytes ||
      std::memcmp(file.data() + file.size() - sizeof(kMagic), kMagic, sizeof(kMagic)) != 0) {
    return arrow::Status::SerializationError(
        "not a manifest, or one that is cut off: it does not end in \"LANC\" (", file.size(),
        " bytes)");
  }
  // [u32 length] [message] [footer]; index and transaction sections lie in front.
  const uint64_t end = file.size() - kFooterBytes;
  const auto offset = LoadLittleEndian<uint64_t>(file.data() + end);
  if (end < 4 || offset > end - 4) {
    return arrow::Status::SerializationError(
        "manifest: the message lies outside the file: ", offset, " of ", end);
  }
  const auto length = LoadLittleEndian<uint32_t>(file.data() + offset);
  if (length != end - offset - 4) {
    return arrow::Status::SerializationError("manifest: the message has ", end - offset - 4,
                                             " bytes, its length says ", length);
  }
  const auto message = file.subspan(static_cast<size_t>(offset) + 4, length);

  auto manifest = std::make_shared<Manifest>();
  std::vector<std::span<const uint8_t>> fields;
  std::map<std::string, std::string> schema_metadata;
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
      case 20: {
        ARROW_ASSIGN_OR_RAISE(manifest->branch, field.AsString());
        return arrow::Status::OK();
      }
      default:
        return arrow::Status::OK();
    }
  }));
  // Flags first: a table of unknown features need not look like anything below.
  ARROW_RETURN_NOT_OK(CheckReaderFlags(manifest->reader_feature_flags));
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
  return manifest;
}

}  // namespace croupier::format
