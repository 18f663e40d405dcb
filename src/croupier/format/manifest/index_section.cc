#include "croupier/format/manifest/index_section.h"

#include <algorithm>
#include <string>

#include <arrow/status.h>

#include "croupier/format/manifest/deletion_vector.h"
#include "croupier/format/wire/wire_edit.h"

namespace croupier::format {

namespace {

constexpr uint32_t kIndexes = 1;  // of the section
constexpr uint32_t kUuid = 1;     // of an index
constexpr uint32_t kFields = 2;
constexpr uint32_t kName = 3;
constexpr uint32_t kFragmentBitmap = 5;

constexpr char kFragmentReuse[] = "__lance_frag_reuse";
constexpr char kMemWal[] = "__lance_mem_wal";

// The text of a message {1: 16 bytes}.
arrow::Result<std::string> ParseUuid(const WireField& field) {
  ARROW_ASSIGN_OR_RAISE(const auto message, field.AsBytes());
  std::string text;
  ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& part) -> arrow::Status {
    if (part.number != 1) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto bytes, part.AsBytes());
    if (bytes.size() != 16) {
      return arrow::Status::SerializationError("an index has a UUID of ", bytes.size(), " bytes");
    }
    constexpr char kHexDigits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
      text.push_back(kHexDigits[bytes[i] >> 4]);
      text.push_back(kHexDigits[bytes[i] & 15]);
    }
    return arrow::Status::OK();
  }));
  return text;
}

struct IndexEntry {
  std::string uuid;  // with hyphens
  std::vector<int32_t> fields;
  std::string name;

  static arrow::Result<IndexEntry> Parse(std::span<const uint8_t> message) {
    IndexEntry index;
    ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
      if (field.number == kUuid) return ParseUuid(field).Value(&index.uuid);
      if (field.number == kFields) return field.AppendTo(&index.fields);
      if (field.number == kName) return field.AsString().Value(&index.name);
      return arrow::Status::OK();
    }));
    return index;
  }

  // Whether it serves the table and not queries of a column.
  bool is_of_system() const { return name == kFragmentReuse || name == kMemWal; }
};

// Copies the section; `edit` gives the bytes of each index, or nothing to remove it.
template <typename Edit>
arrow::Result<std::vector<uint8_t>> EditIndexes(std::span<const uint8_t> section, Edit edit) {
  WireWriter edited;
  ARROW_RETURN_NOT_OK(ForEachField(section, [&](const WireField& field) -> arrow::Status {
    if (field.number != kIndexes) {
      CopyField(field, &edited);
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto message, field.AsBytes());
    ARROW_ASSIGN_OR_RAISE(const auto index, IndexEntry::Parse(message));
    return edit(index, message, &edited);
  }));
  return std::move(edited).Finish();
}

arrow::Result<std::vector<uint8_t>> WithoutFragments(std::span<const uint8_t> bitmap,
                                                     const std::set<uint64_t>& fragment_ids) {
  ARROW_ASSIGN_OR_RAISE(const auto covered, DeletionVector::ParseBitmap(bitmap, UINT32_MAX));
  std::vector<uint32_t> kept;
  for (const auto& run : covered->runs()) {
    for (uint32_t id = run.begin; id < run.end; ++id) {
      if (!fragment_ids.contains(id)) kept.push_back(id);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto rest, DeletionVector::FromSorted(kept, UINT32_MAX));
  return rest->WriteBitmap();
}

}  // namespace

arrow::Result<bool> HasFragmentReuseIndex(std::span<const uint8_t> section) {
  bool has = false;
  ARROW_RETURN_NOT_OK(ForEachField(section, [&](const WireField& field) -> arrow::Status {
    if (field.number != kIndexes) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto message, field.AsBytes());
    ARROW_ASSIGN_OR_RAISE(const auto index, IndexEntry::Parse(message));
    has = has || index.name == kFragmentReuse;
    return arrow::Status::OK();
  }));
  return has;
}

arrow::Result<std::vector<std::string>> IndexUuids(std::span<const uint8_t> section) {
  std::vector<std::string> uuids;
  ARROW_RETURN_NOT_OK(ForEachField(section, [&](const WireField& field) -> arrow::Status {
    if (field.number != kIndexes) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto message, field.AsBytes());
    ARROW_ASSIGN_OR_RAISE(auto index, IndexEntry::Parse(message));
    if (!index.uuid.empty()) uuids.push_back(std::move(index.uuid));
    return arrow::Status::OK();
  }));
  return uuids;
}

arrow::Result<std::vector<uint8_t>> RemoveIndexesOfFields(std::span<const uint8_t> section,
                                                          const std::set<int32_t>& field_ids) {
  return EditIndexes(section, [&](const IndexEntry& index, std::span<const uint8_t> message,
                                  WireWriter* edited) {
    const bool is_removed =
        !index.is_of_system() &&
        std::ranges::any_of(index.fields, [&](int32_t field) { return field_ids.contains(field); });
    if (!is_removed) edited->Bytes(kIndexes, message);
    return arrow::Status::OK();
  });
}

arrow::Result<std::vector<uint8_t>> RemoveIndexedFragments(std::span<const uint8_t> section,
                                                           const std::set<uint64_t>& fragment_ids) {
  return EditIndexes(
      section,
      [&](const IndexEntry&, std::span<const uint8_t> message,
          WireWriter* edited) -> arrow::Status {
        WireWriter index;
        ARROW_RETURN_NOT_OK(ForEachField(message, [&](const WireField& field) -> arrow::Status {
          if (field.number != kFragmentBitmap) {
            CopyField(field, &index);
            return arrow::Status::OK();
          }
          ARROW_ASSIGN_OR_RAISE(const auto bitmap, field.AsBytes());
          ARROW_ASSIGN_OR_RAISE(const auto rest, WithoutFragments(bitmap, fragment_ids));
          index.Bytes(kFragmentBitmap, rest);
          return arrow::Status::OK();
        }));
        edited->Child(kIndexes, index);
        return arrow::Status::OK();
      });
}

}  // namespace croupier::format
