#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/buffer.h>
#include <arrow/type.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/array_encoding.h"
#include "croupier/format/page/list_page.h"
#include "croupier/format/page/page_test_reader.h"
#include "require.h"

// The bytes are a page of format 2.0: u8 type, u16 rows, u16 size of the encoding message, the
// message, u8 number of buffers, u16 size of each, the buffers. Reading it gives an error, or an
// array that ValidateFull (in ReadColumn) finds well formed; a scan and single rows agree. The
// offsets of a page of lists ascend within its items.

namespace {

using croupier::ByteRange;
using croupier::ByteReader;
using croupier::format::ArrayEncoding;
using croupier::format::ArrayLayout;
using croupier::format::ColumnMetadata;
using croupier::format::LeafPath;
using croupier::format::ListArray;
using croupier::format::Page;
using croupier::format::PageMetadata;
using croupier::format::RowRun;
using croupier::fuzz::Require;

const std::vector<std::shared_ptr<arrow::DataType>>& Types() {
  static const auto* const types = new std::vector<std::shared_ptr<arrow::DataType>>{
      arrow::null(),
      arrow::boolean(),
      arrow::int8(),
      arrow::uint16(),
      arrow::int32(),
      arrow::uint64(),
      arrow::float32(),
      arrow::decimal128(20, 2),
      arrow::time32(arrow::TimeUnit::SECOND),
      arrow::fixed_size_binary(3),
      arrow::fixed_size_binary(256),
      arrow::utf8(),
      arrow::large_utf8(),
      arrow::binary(),
      arrow::large_binary(),
      arrow::fixed_size_list(arrow::float32(), 4),
      arrow::fixed_size_list(arrow::boolean(), 5),
      arrow::fixed_size_list(arrow::int16(), 6),
      arrow::fixed_size_list(arrow::float32(), 64),
      arrow::fixed_size_list(arrow::fixed_size_list(arrow::int16(), 3), 2),
  };
  return *types;
}

struct Input {
  std::shared_ptr<arrow::DataType> type;
  std::span<const uint8_t> file;
  ColumnMetadata column;
};

arrow::Result<Input> ParseInput(std::span<const uint8_t> bytes) {
  Input input;
  ByteReader reader(bytes);
  ARROW_ASSIGN_OR_RAISE(const auto type, reader.Read<uint8_t>());
  input.type = Types()[type % Types().size()];
  PageMetadata page;
  ARROW_ASSIGN_OR_RAISE(page.num_rows, reader.Read<uint16_t>());
  if (page.num_rows == 0) return arrow::Status::Invalid("pages have rows");
  ARROW_ASSIGN_OR_RAISE(const auto encoding_bytes, reader.Read<uint16_t>());
  ARROW_ASSIGN_OR_RAISE(const auto message, reader.ReadBytes(encoding_bytes));
  ARROW_ASSIGN_OR_RAISE(auto encoding, ArrayEncoding::Parse(message));
  Require(!Describe(*encoding).empty(), "an encoding has a description");
  page.layout = {ArrayLayout{std::move(encoding)}};
  ARROW_ASSIGN_OR_RAISE(const auto num_buffers, reader.Read<uint8_t>());
  int64_t offset_bytes = 0;
  for (int i = 0; i < num_buffers % 6; ++i) {
    ARROW_ASSIGN_OR_RAISE(const int64_t size_bytes, reader.Read<uint16_t>());
    page.buffers.push_back({offset_bytes, size_bytes});
    offset_bytes += size_bytes;
  }
  ARROW_ASSIGN_OR_RAISE(input.file, reader.ReadBytes(static_cast<uint64_t>(offset_bytes)));
  input.column.pages.push_back(std::move(page));
  return input;
}

void CheckLists(const Input& input, const ListArray& encoding) {
  const PageMetadata& metadata = input.column.pages[0];
  std::vector<std::shared_ptr<arrow::Buffer>> headers;
  for (const ByteRange range : Page::HeaderRanges(metadata)) {
    const auto bytes = input.file.subspan(static_cast<size_t>(range.offset_bytes),
                                          static_cast<size_t>(range.size_bytes));
    headers.push_back(arrow::Buffer::FromString(std::string(bytes.begin(), bytes.end())));
  }
  const auto page = Page::Open(metadata, LeafPath::Flat(input.type), headers);
  if (!page.ok()) return;
  const auto* lists = (*page)->AsLists();
  Require(lists != nullptr, "a page of lists is one");
  for (int64_t row = 0; row < lists->num_rows(); ++row) {
    Require(lists->ItemBegin(row) <= lists->ItemBegin(row + 1), "offsets ascend");
  }
  Require(lists->ItemBegin(0) == 0, "offsets begin at 0");
  Require(static_cast<uint64_t>(lists->ItemBegin(lists->num_rows())) <= encoding.num_items,
          "offsets lie within the items");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = ParseInput({data, size});
  if (!input.ok()) return 0;
  const auto& encoding = *input->column.pages[0].layout.As<ArrayLayout>()->encoding;
  if (const auto* list = encoding.As<ListArray>()) CheckLists(*input, *list);
  const auto scanned = croupier::format::ReadColumn(input->file, input->column, input->type);
  Require(!scanned.status().IsInvalid(), scanned.status().ToString());
  if (!scanned.ok()) return 0;
  // The rows one by one, the last first.
  const auto num_rows = static_cast<uint32_t>((*scanned)->length());
  std::vector<RowRun> runs;
  for (uint32_t row = num_rows; row-- > 0;) runs.push_back({row, row, 1});
  const auto taken =
      croupier::format::ReadRows(input->file, input->column, input->type, runs, num_rows);
  Require(taken.ok() && (*taken)->Equals(**scanned, arrow::EqualOptions().nans_equal(true)),
          "rows agree with the scan: " + taken.status().ToString());
  return 0;
}
