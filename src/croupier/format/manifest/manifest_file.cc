#include "croupier/format/manifest/manifest_file.h"

#include <arrow/status.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

// Flags with which a writer knows what to do: lance-table.md, section 10, column "write".
constexpr uint64_t kWritableFlags =
    1 | kFlagStableRowIds | 4 | 8 | 16 | 32 | 128 | 256 | 1024 | 2048 | 16384 | 32768;

// The bytes behind a length, at a place that the message names.
arrow::Result<std::span<const uint8_t>> SectionAt(std::span<const uint8_t> file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(uint32_t)) {
    return arrow::Status::SerializationError("manifest: a section lies outside the file: ", offset,
                                             " of ", file.size());
  }
  const auto behind = file.subspan(offset + sizeof(uint32_t));
  const auto size = LoadLittleEndian<uint32_t>(file.data() + offset);
  if (size > behind.size()) {
    return arrow::Status::SerializationError("manifest: a section ends behind the file: ", size,
                                             " bytes at ", offset, " of ", file.size());
  }
  return behind.first(size);
}

}  // namespace

arrow::Result<ManifestFile> ManifestFile::Parse(std::span<const uint8_t> file) {
  ManifestFile parsed;
  ARROW_ASSIGN_OR_RAISE(const auto range, Manifest::MessageRange(file, std::ssize(file)));
  const auto with_length =
      file.subspan(static_cast<size_t>(range.offset_bytes), static_cast<size_t>(range.size_bytes));
  ARROW_ASSIGN_OR_RAISE(parsed.manifest, Manifest::Parse(with_length));
  parsed.message = with_length.subspan(sizeof(uint32_t));
  std::optional<uint64_t> index_section;
  std::optional<uint64_t> transaction;
  ARROW_RETURN_NOT_OK(ForEachField(parsed.message, [&](const WireField& field) {
    switch (field.number) {
      case 6:
        return field.AsUnsigned().Value(&index_section.emplace());
      case 12:
        return field.AsString().Value(&parsed.transaction_file);
      case 21:  // of Lance up to 13
      case 23:
        return field.AsUnsigned().Value(&transaction.emplace());
      default:
        return arrow::Status::OK();
    }
  }));
  if (index_section.has_value()) {
    ARROW_ASSIGN_OR_RAISE(parsed.index_section, SectionAt(file, *index_section));
  }
  if (transaction.has_value()) {
    ARROW_ASSIGN_OR_RAISE(parsed.transaction, SectionAt(file, *transaction));
  }
  return parsed;
}

arrow::Status CheckWriterFlags(const Manifest& manifest) {
  const uint64_t unknown =
      (manifest.writer_feature_flags | manifest.reader_feature_flags) & ~kWritableFlags;
  if (unknown == 0) return arrow::Status::OK();
  return arrow::Status::NotImplemented(
      "the table can be read, but not written: it has features that this library does not know "
      "(writer feature flags ",
      NumbersOfFlags(unknown), "): a newer Lance wrote it");
}

}  // namespace croupier::format
