#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <vector>

#include <arrow/array/array_base.h>
#include <arrow/array/util.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/page/leaf_path.h"
#include "croupier/format/page/page_test_reader.h"

// The bytes are a page: u8 type, u16 rows, u16 size of the layout message, the message, u8 number
// of buffers, u16 size of each, the buffers. Reading it gives an error, or an array that
// ValidateFull (in ReadLeafRows) finds well formed; a scan and single rows agree.

namespace {

using croupier::ByteReader;
using croupier::format::ColumnMetadata;
using croupier::format::LeafPath;
using croupier::format::PageLayout;
using croupier::format::PageMetadata;
using croupier::format::PathLayer;
using croupier::format::ReadLeafRows;
using croupier::format::RowRun;

std::shared_ptr<arrow::DataType> Struct(std::shared_ptr<arrow::DataType> member) {
  return arrow::struct_({arrow::field("", std::move(member))});
}

const std::vector<std::shared_ptr<arrow::DataType>>& Types() {
  static const auto* const types = new std::vector<std::shared_ptr<arrow::DataType>>{
      arrow::null(),
      arrow::boolean(),
      arrow::int8(),
      arrow::uint16(),
      arrow::int32(),
      arrow::int64(),
      arrow::float16(),
      arrow::float32(),
      arrow::float64(),
      arrow::decimal128(20, 2),
      arrow::decimal256(60, 0),
      arrow::date64(),
      arrow::time32(arrow::TimeUnit::SECOND),
      arrow::timestamp(arrow::TimeUnit::MICRO),
      arrow::fixed_size_binary(3),
      arrow::utf8(),
      arrow::large_utf8(),
      arrow::binary(),
      arrow::large_binary(),
      arrow::fixed_size_list(arrow::float32(), 4),
      arrow::fixed_size_list(arrow::boolean(), 5),
      arrow::fixed_size_list(arrow::int16(), 6),
      arrow::fixed_size_list(arrow::fixed_size_list(arrow::int16(), 3), 2),
      // A leaf and the layers above it.
      arrow::list(arrow::int32()),
      arrow::list(arrow::utf8()),
      arrow::list(arrow::binary()),
      arrow::list(arrow::boolean()),
      arrow::large_list(arrow::int32()),
      arrow::list(arrow::list(arrow::int32())),
      arrow::list(arrow::list(arrow::list(arrow::int32()))),
      Struct(arrow::int32()),
      Struct(arrow::utf8()),
      Struct(arrow::binary()),
      Struct(Struct(arrow::int32())),
      Struct(arrow::list(arrow::utf8())),
      arrow::list(Struct(arrow::int32())),
      arrow::list(Struct(arrow::utf8())),
      arrow::list(Struct(arrow::list(arrow::int32()))),
      arrow::list(arrow::fixed_size_list(arrow::float32(), 70)),
      Struct(arrow::fixed_size_list(arrow::float32(), 70)),
      arrow::fixed_size_list(Struct(Struct(arrow::int32())), 3),
      arrow::dictionary(arrow::int8(), arrow::utf8()),
      arrow::dictionary(arrow::int8(), arrow::int64()),
      // Structs of several members are packed ones.
      arrow::struct_({arrow::field("int32", arrow::int32()), arrow::field("int64", arrow::int64()),
                      arrow::field("uint8", arrow::uint8())}),
      arrow::struct_({arrow::field("int32", arrow::int32()), arrow::field("string", arrow::utf8()),
                      arrow::field("large_string", arrow::large_utf8())}),
      arrow::struct_(
          {arrow::field("position", arrow::uint64()), arrow::field("size", arrow::uint64())}),
  };
  return *types;
}

// The path of a leaf from its type in its layers.
std::shared_ptr<const LeafPath> PathOf(std::shared_ptr<arrow::DataType> type) {
  std::vector<PathLayer> layers;
  while (true) {
    if (type->id() == arrow::Type::STRUCT && type->num_fields() == 1) {
      layers.push_back({PathLayer::Kind::kStruct});
    } else if (type->id() == arrow::Type::LIST) {
      layers.push_back({PathLayer::Kind::kList});
    } else if (type->id() == arrow::Type::LARGE_LIST) {
      layers.push_back({PathLayer::Kind::kLargeList});
    } else if (type->id() == arrow::Type::FIXED_SIZE_LIST &&
               type->field(0)->type()->id() == arrow::Type::STRUCT) {
      const auto& list = static_cast<const arrow::FixedSizeListType&>(*type);
      layers.push_back({PathLayer::Kind::kFixedSizeList, list.list_size()});
    } else {
      return LeafPath::Make(std::move(layers), std::move(type)).ValueOrDie();
    }
    type = type->field(0)->type();
  }
}

struct Input {
  std::shared_ptr<const LeafPath> path;
  std::span<const uint8_t> file;
  ColumnMetadata column;
};

arrow::Result<Input> ParseInput(std::span<const uint8_t> bytes) {
  Input input;
  ByteReader reader(bytes);
  ARROW_ASSIGN_OR_RAISE(const auto type, reader.Read<uint8_t>());
  input.path = PathOf(Types()[type % Types().size()]);
  PageMetadata page;
  ARROW_ASSIGN_OR_RAISE(page.num_rows, reader.Read<uint16_t>());
  if (page.num_rows == 0 || page.num_rows % input.path->page_rows_per_row() != 0) {
    return arrow::Status::Invalid("pages have rows");
  }
  ARROW_ASSIGN_OR_RAISE(const auto layout_bytes, reader.Read<uint16_t>());
  ARROW_ASSIGN_OR_RAISE(const auto layout, reader.ReadBytes(layout_bytes));
  ARROW_ASSIGN_OR_RAISE(page.layout, PageLayout::Parse(layout));
  ARROW_ASSIGN_OR_RAISE(const auto num_buffers, reader.Read<uint8_t>());
  int64_t offset_bytes = 0;
  for (int i = 0; i < num_buffers % 5; ++i) {
    ARROW_ASSIGN_OR_RAISE(const int64_t size_bytes, reader.Read<uint16_t>());
    page.buffers.push_back({offset_bytes, size_bytes});
    offset_bytes += size_bytes;
  }
  ARROW_ASSIGN_OR_RAISE(input.file, reader.ReadBytes(static_cast<uint64_t>(offset_bytes)));
  input.column.pages.push_back(std::move(page));
  return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = ParseInput({data, size});
  if (!input.ok()) return 0;
  const auto num_rows = static_cast<uint32_t>(input->column.num_rows());
  const RowRun all{0, 0, num_rows};
  const auto scanned = ReadLeafRows(input->file, input->column, input->path, {&all, 1}, num_rows);
  if (scanned.status().IsInvalid()) {
    std::cerr << scanned.status().ToString() << std::endl;
    std::abort();
  }
  if (!scanned.ok()) return 0;
  // The rows one by one, the last first.
  std::vector<RowRun> runs;
  for (uint32_t row = num_rows; row-- > 0;) runs.push_back({row, row, 1});
  const auto taken = ReadLeafRows(input->file, input->column, input->path, runs, num_rows);
  // Single rows may be fine where a batch of all is too large, but not the other way round.
  if (!taken.ok() || !arrow::MakeArray(*taken)->Equals(arrow::MakeArray(*scanned),
                                                       arrow::EqualOptions().nans_equal(true))) {
    std::cerr << "rows differ from the scan: " << taken.status().ToString() << std::endl;
    std::abort();
  }
  return 0;
}
