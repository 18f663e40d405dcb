#include "croupier/format/file/data_file.h"

#include <string_view>
#include <utility>

#include <arrow/status.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/wire/wire_reader.h"

namespace croupier::format {

namespace {

constexpr std::string_view kPageLayoutType = "lance.encodings21.PageLayout";
constexpr std::string_view kArrayEncodingType = "lance.encodings.ArrayEncoding";  // format 2.0
constexpr std::string_view kColumnEncodingType = "lance.encodings.ColumnEncoding";

constexpr int64_t kMaxItems = int64_t{1} << 60;

// The value of Encoding{direct{Any{type_url, value}}}; SerializationError if any part is absent.
arrow::Result<std::span<const uint8_t>> UnwrapEncoding(std::span<const uint8_t> encoding,
                                                       std::string_view wanted_type) {
  std::span<const uint8_t> direct;
  bool is_direct = false;
  for (WireReader reader(encoding); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number == 1) {
      return arrow::Status::NotImplemented("cannot read a page whose encoding is stored elsewhere");
    }
    if (field.number != 2) continue;
    ARROW_ASSIGN_OR_RAISE(direct, field.AsBytes());
    is_direct = true;
  }
  if (!is_direct) return arrow::Status::SerializationError("a page has no encoding");
  std::span<const uint8_t> any;
  for (WireReader reader(direct); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number != 1) continue;
    ARROW_ASSIGN_OR_RAISE(any, field.AsBytes());
  }
  std::string type;
  std::span<const uint8_t> value;
  for (WireReader reader(any); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number == 1) {
      ARROW_ASSIGN_OR_RAISE(type, field.AsString());
    } else if (field.number == 2) {
      ARROW_ASSIGN_OR_RAISE(value, field.AsBytes());
    }
  }
  // The part in front of the last slash is a host that means nothing.
  const size_t slash = type.rfind('/');
  const auto name = std::string_view(type).substr(slash == std::string::npos ? 0 : slash + 1);
  if (name != wanted_type) {
    return arrow::Status::NotImplemented("cannot read a page of the encoding '", name,
                                         "'; readable: '", wanted_type, "'");
  }
  return value;
}

// Whether a column of format 2.0 holds where blobs are. Later formats say so page by page.
arrow::Result<bool> HoldsBlobs(std::span<const uint8_t> column) {
  bool holds_blobs = false;
  for (WireReader reader(column); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number != 1) continue;
    ARROW_ASSIGN_OR_RAISE(const auto encoding, field.AsBytes());
    ARROW_ASSIGN_OR_RAISE(const auto message, UnwrapEncoding(encoding, kColumnEncodingType));
    for (WireReader members(message); !members.done();) {
      ARROW_ASSIGN_OR_RAISE(const WireField member, members.Next());
      holds_blobs = member.number == 3;
    }
  }
  return holds_blobs;
}

// Parse the layout of a page and check that it belongs to the version of its file.
arrow::Result<PageLayout> ParseLayout(std::span<const uint8_t> encoding, const FileFooter& footer) {
  if (footer.is_v2_0()) {
    ARROW_ASSIGN_OR_RAISE(const auto message, UnwrapEncoding(encoding, kArrayEncodingType));
    ARROW_ASSIGN_OR_RAISE(auto array, ArrayEncoding::Parse(message));
    return PageLayout{ArrayLayout{std::move(array)}};
  }
  ARROW_ASSIGN_OR_RAISE(const auto message, UnwrapEncoding(encoding, kPageLayoutType));
  ARROW_ASSIGN_OR_RAISE(auto layout, PageLayout::Parse(message));
  const auto* mini_block = layout.As<MiniBlockLayout>();
  if (mini_block != nullptr && mini_block->has_large_chunk != footer.is_v2_2()) {
    return arrow::Status::SerializationError(
        "a mini-block page has chunk words of the other file version: has_large_chunk is ",
        mini_block->has_large_chunk ? "true" : "false");
  }
  return layout;
}

arrow::Result<PageMetadata> ParsePage(std::span<const uint8_t> message, const FileFooter& footer,
                                      int64_t file_size_bytes) {
  PageMetadata page;
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> sizes;
  uint64_t num_rows = 0;
  std::span<const uint8_t> encoding;
  for (WireReader reader(message); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    switch (field.number) {
      case 1:
        ARROW_RETURN_NOT_OK(field.AppendTo(&offsets));
        break;
      case 2:
        ARROW_RETURN_NOT_OK(field.AppendTo(&sizes));
        break;
      case 3: {
        ARROW_ASSIGN_OR_RAISE(num_rows, field.AsUnsigned());
        break;
      }
      case 4: {
        ARROW_ASSIGN_OR_RAISE(encoding, field.AsBytes());
        break;
      }
      default:
        break;
    }
  }
  if (offsets.size() != sizes.size()) {
    return arrow::Status::SerializationError("a page has ", offsets.size(), " buffer offsets and ",
                                             sizes.size(), " sizes");
  }
  const auto file_size = static_cast<uint64_t>(file_size_bytes);
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] > file_size || sizes[i] > file_size - offsets[i]) {
      return arrow::Status::SerializationError("a page buffer lies outside the file: ", sizes[i],
                                               " bytes at ", offsets[i], " of ", file_size);
    }
    page.buffers.push_back({static_cast<int64_t>(offsets[i]), static_cast<int64_t>(sizes[i])});
  }
  // Rows of a fragment are counted by 32 bits.
  if (num_rows > UINT32_MAX) {
    return arrow::Status::SerializationError("a page has too many rows: ", num_rows);
  }
  page.num_rows = static_cast<int64_t>(num_rows);
  if (page.num_rows == 0) return page;
  ARROW_ASSIGN_OR_RAISE(page.layout, ParseLayout(encoding, footer));
  return page;
}

// The entries { u64 position, u64 size } of a table; each range must lie in [begin, end).
arrow::Result<std::vector<ByteRange>> ParseTable(std::span<const uint8_t> bytes,
                                                 uint32_t num_entries, int64_t begin, int64_t end,
                                                 const char* what) {
  ByteReader reader(bytes);
  std::vector<ByteRange> ranges;
  for (uint32_t i = 0; i < num_entries; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto offset, reader.Read<uint64_t>());
    ARROW_ASSIGN_OR_RAISE(const auto size, reader.Read<uint64_t>());
    if (offset < static_cast<uint64_t>(begin) || offset > static_cast<uint64_t>(end) ||
        size > static_cast<uint64_t>(end) - offset) {
      return arrow::Status::SerializationError("data file: ", what, " ", i, " lies at ", offset,
                                               " with ", size, " bytes, outside [", begin, ", ",
                                               end, ")");
    }
    ranges.push_back({static_cast<int64_t>(offset), static_cast<int64_t>(size)});
  }
  return ranges;
}

}  // namespace

arrow::Result<std::shared_ptr<const ColumnMetadata>> ColumnMetadata::Parse(
    std::span<const uint8_t> bytes, const FileFooter& footer, int64_t file_size_bytes) {
  auto column = std::make_shared<ColumnMetadata>();
  int64_t num_rows = 0;
  bool holds_blobs = false;
  if (footer.is_v2_0()) {
    ARROW_ASSIGN_OR_RAISE(holds_blobs, HoldsBlobs(bytes));
  }
  for (WireReader reader(bytes); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number != 2) continue;
    ARROW_ASSIGN_OR_RAISE(const auto message, field.AsBytes());
    ARROW_ASSIGN_OR_RAISE(auto page, ParsePage(message, footer, file_size_bytes));
    if (page.num_rows == 0) continue;
    page.first_row = num_rows;
    num_rows += page.num_rows;  // below 2^32 times the number of pages: cannot overflow
    const auto* array = page.layout.As<ArrayLayout>();
    if (const auto* list = array != nullptr ? array->encoding->As<ListArray>() : nullptr) {
      page.first_item = column->num_items;
      if (list->num_items > static_cast<uint64_t>(kMaxItems - column->num_items)) {
        return arrow::Status::SerializationError(
            "a list column has too many items: ", list->num_items, " in one page");
      }
      column->num_items += static_cast<int64_t>(list->num_items);
    }
    if (holds_blobs) {
      auto descriptors = std::make_shared<const PageLayout>(std::move(page.layout));
      page.layout = {BlobLayout{std::move(descriptors), {RepDefLayer::kNullableItem}}};
    }
    column->pages.push_back(std::move(page));
  }
  return column;
}

ByteRange ColumnDirectory::Range(const FileFooter& footer, int64_t file_size_bytes) {
  return {footer.column_metadata_offsets_start,
          file_size_bytes - FileFooter::kEncodedBytes - footer.column_metadata_offsets_start};
}

arrow::Result<ColumnDirectory> ColumnDirectory::Parse(std::span<const uint8_t> bytes,
                                                      const FileFooter& footer,
                                                      int64_t file_size_bytes) {
  if (std::ssize(bytes) != Range(footer, file_size_bytes).size_bytes) {
    return arrow::Status::SerializationError("data file: the tables have ", bytes.size(), " bytes");
  }
  const auto column_bytes = static_cast<size_t>(footer.global_buffer_offsets_start -
                                                footer.column_metadata_offsets_start);
  ColumnDirectory directory;
  ARROW_ASSIGN_OR_RAISE(
      directory.columns,
      ParseTable(bytes.first(column_bytes), footer.num_columns, footer.column_metadata_start,
                 footer.column_metadata_offsets_start, "column metadata"));
  ARROW_ASSIGN_OR_RAISE(directory.global_buffers,
                        ParseTable(bytes.subspan(column_bytes), footer.num_global_buffers, 0,
                                   footer.column_metadata_offsets_start, "global buffer"));
  return directory;
}

arrow::Result<int64_t> ParseNumRows(std::span<const uint8_t> descriptor) {
  uint64_t num_rows = 0;
  for (WireReader reader(descriptor); !reader.done();) {
    ARROW_ASSIGN_OR_RAISE(const WireField field, reader.Next());
    if (field.number != 2) continue;
    ARROW_ASSIGN_OR_RAISE(num_rows, field.AsUnsigned());
  }
  if (num_rows > UINT32_MAX) {
    return arrow::Status::SerializationError("file descriptor: too many rows: ", num_rows);
  }
  return static_cast<int64_t>(num_rows);
}

}  // namespace croupier::format
