#include "croupier/format/file/file_footer.h"

#include <cstring>

#include "croupier/base/byte_reader.h"

namespace croupier::format {

namespace {

constexpr char kMagic[4] = {'L', 'A', 'N', 'C'};
constexpr int64_t kTableEntryBytes = 16;

}  // namespace

arrow::Status CheckFileVersion(uint32_t major_version, uint32_t minor_version) {
  if (major_version == 2 && minor_version <= 2) return arrow::Status::OK();
  if (major_version == 0 && minor_version == 3) return arrow::Status::OK();  // 2.0
  constexpr char kReadable[] = "; readable file versions: 2.0, 2.1, 2.2";
  if (major_version == 0 && minor_version < 3) {
    return arrow::Status::NotImplemented("a data file of the legacy version 0.1 cannot be read",
                                         kReadable, " (rewrite the table with a current Lance)");
  }
  return arrow::Status::NotImplemented("a data file of version ", major_version, ".", minor_version,
                                       " cannot be read: a newer Lance wrote it", kReadable);
}

arrow::Result<FileFooter> FileFooter::Parse(std::span<const uint8_t> tail,
                                            int64_t file_size_bytes) {
  if (std::ssize(tail) < kEncodedBytes || file_size_bytes < kEncodedBytes) {
    return arrow::Status::SerializationError("not a Lance data file: it has ", file_size_bytes,
                                             " bytes, a footer alone has ", kEncodedBytes);
  }
  const uint8_t* bytes = tail.data() + tail.size() - kEncodedBytes;
  if (std::memcmp(bytes + 36, kMagic, sizeof(kMagic)) != 0) {
    return arrow::Status::SerializationError(
        "not a Lance data file, or one that is cut off: it does not end in \"LANC\"");
  }
  FileFooter footer;
  footer.column_metadata_start = LoadLittleEndian<int64_t>(bytes);
  footer.column_metadata_offsets_start = LoadLittleEndian<int64_t>(bytes + 8);
  footer.global_buffer_offsets_start = LoadLittleEndian<int64_t>(bytes + 16);
  footer.num_global_buffers = LoadLittleEndian<uint32_t>(bytes + 24);
  footer.num_columns = LoadLittleEndian<uint32_t>(bytes + 28);
  footer.major_version = LoadLittleEndian<uint16_t>(bytes + 32);
  footer.minor_version = LoadLittleEndian<uint16_t>(bytes + 34);
  ARROW_RETURN_NOT_OK(CheckFileVersion(footer.major_version, footer.minor_version));

  const int64_t footer_start = file_size_bytes - kEncodedBytes;
  const auto in_order = [&](int64_t begin, int64_t end) { return 0 <= begin && begin <= end; };
  if (!in_order(footer.column_metadata_start, footer.column_metadata_offsets_start) ||
      !in_order(footer.column_metadata_offsets_start, footer.global_buffer_offsets_start) ||
      !in_order(footer.global_buffer_offsets_start, footer_start)) {
    return arrow::Status::SerializationError(
        "data file footer: tables are not in order inside the file: ", footer.column_metadata_start,
        ", ", footer.column_metadata_offsets_start, ", ", footer.global_buffer_offsets_start, ", ",
        footer_start);
  }
  // The counts are below 2^32, so no product overflows.
  if (footer.global_buffer_offsets_start - footer.column_metadata_offsets_start !=
      kTableEntryBytes * footer.num_columns) {
    return arrow::Status::SerializationError(
        "data file footer: the column table has ",
        footer.global_buffer_offsets_start - footer.column_metadata_offsets_start, " bytes for ",
        footer.num_columns, " columns");
  }
  if (footer_start - footer.global_buffer_offsets_start !=
      kTableEntryBytes * footer.num_global_buffers) {
    return arrow::Status::SerializationError("data file footer: the global buffer table has ",
                                             footer_start - footer.global_buffer_offsets_start,
                                             " bytes for ", footer.num_global_buffers, " buffers");
  }
  return footer;
}

}  // namespace croupier::format
