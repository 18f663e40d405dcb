#include "croupier/format/page/page_test_reader.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/format/page/column_tree.h"
#include "croupier/format/page/page.h"

namespace croupier::format {

namespace {

arrow::Status CheckWellFormed(const arrow::ArrayData& array, std::string_view what) {
  const auto status = arrow::MakeArray(array.Copy())->ValidateFull();
  if (status.ok()) return arrow::Status::OK();
  return arrow::Status::Invalid(what, " is not well formed: ", status.message());
}

// Read rows of one page; they count from its first.
arrow::Status ReadPageRows(std::span<const uint8_t> file, const Page& page,
                           std::span<const RowRun> runs, ColumnAssembler* assembler) {
  auto* pool = arrow::default_memory_pool();
  const auto slice = [file](ByteRange range) {
    return file.subspan(static_cast<size_t>(range.offset_bytes),
                        static_cast<size_t>(range.size_bytes));
  };
  if (const auto* constant = page.AsConstant()) return constant->Decode(runs, assembler);
  if (const auto* records = page.AsRecords()) {
    for (const RowRun& run : runs) {
      const auto bytes = slice(records->RecordRange(run.row, int64_t{run.row} + run.count));
      uint8_t* in_place =
          records->plain_record_bytes() > 0 ? assembler->FillInPlace(run.slot, run.count) : nullptr;
      if (in_place != nullptr) {
        if (bytes.size() != static_cast<size_t>(run.count * records->plain_record_bytes())) {
          return arrow::Status::Invalid("plain records of another size than they say");
        }
        std::memcpy(in_place, bytes.data(), bytes.size());
        continue;
      }
      ARROW_RETURN_NOT_OK(records->Decode(run.row, bytes, {&run, 1}, assembler));
    }
    return arrow::Status::OK();
  }
  const auto* chunks = page.AsChunks();
  if (chunks == nullptr) return arrow::Status::SerializationError("the page holds lists");
  std::map<int64_t, DecodedRows> decoded;
  for (const RowRun& run : runs) {
    const int64_t end = int64_t{run.row} + run.count;
    for (int64_t i = chunks->ChunkOf(run.row); i < chunks->num_chunks(); ++i) {
      const auto chunk = chunks->chunk(i);
      if (chunk.first_row >= end) break;
      auto& rows = decoded[i];
      if (rows.array == nullptr) {
        // In memory of its own, so that a sanitizer sees reads behind it.
        const auto bytes = slice(chunk.bytes);
        const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
        ARROW_ASSIGN_OR_RAISE(rows, chunks->DecodeChunk(i, copy, pool));
        if (rows.array->length != chunk.num_rows) {
          return arrow::Status::Invalid("a chunk of another size than it says");
        }
        ARROW_RETURN_NOT_OK(CheckWellFormed(*rows.array, "a chunk"));
      }
      const int64_t begin = std::max<int64_t>(run.row, chunk.first_row);
      const RowRun part{
          static_cast<uint32_t>(begin - chunk.first_row),
          static_cast<uint32_t>(run.slot + (begin - run.row)),
          static_cast<uint32_t>(std::min(end, chunk.first_row + chunk.num_rows) - begin)};
      ARROW_RETURN_NOT_OK(assembler->Append(rows, {&part, 1}));
    }
  }
  return arrow::Status::OK();
}

// The field of a table's schema that shows as an Arrow field; ids count in pre-order.
Field MakeField(const std::shared_ptr<arrow::Field>& field, int32_t* next_id) {
  Field made;
  made.name = field->name();
  made.id = (*next_id)++;
  made.nullable = field->nullable();
  made.arrow_field = field;
  if (field->HasMetadata()) {
    for (const auto& [key, value] : field->metadata()->sorted_pairs()) {
      made.metadata.push_back({key, value});
    }
  }
  const auto& type = *field->type();
  const bool is_vector = type.id() == arrow::Type::FIXED_SIZE_LIST &&
                         type.field(0)->type()->id() != arrow::Type::STRUCT;
  if (type.id() == arrow::Type::STRUCT) made.logical_type = "struct";
  if (is_vector || type.id() == arrow::Type::DICTIONARY) return made;
  for (const auto& child : type.fields()) made.children.push_back(MakeField(child, next_id));
  return made;
}

}  // namespace

arrow::Result<TestFile> TestFile::Parse(std::vector<uint8_t> bytes) {
  TestFile file;
  file.bytes = std::move(bytes);
  const std::span<const uint8_t> all(file.bytes);
  const auto size = static_cast<int64_t>(all.size());
  const auto slice = [all](ByteRange range) {
    return all.subspan(static_cast<size_t>(range.offset_bytes),
                       static_cast<size_t>(range.size_bytes));
  };
  ARROW_ASSIGN_OR_RAISE(file.footer, FileFooter::Parse(all, size));
  ARROW_ASSIGN_OR_RAISE(
      const auto directory,
      ColumnDirectory::Parse(slice(ColumnDirectory::Range(file.footer, size)), file.footer, size));
  for (const ByteRange range : directory.columns) {
    ARROW_ASSIGN_OR_RAISE(auto column, ColumnMetadata::Parse(slice(range), file.footer, size));
    file.columns.push_back(std::move(column));
  }
  return file;
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadLeafRows(
    std::span<const uint8_t> file, const ColumnMetadata& column,
    const std::shared_ptr<const LeafPath>& path, std::span<const RowRun> runs, int64_t num_slots) {
  auto* pool = arrow::default_memory_pool();
  ARROW_ASSIGN_OR_RAISE(auto assembler, ColumnAssembler::Make(path, num_slots, pool));
  std::vector<std::shared_ptr<const Page>> pages;  // notes of values may lie in them
  for (const PageMetadata& metadata : column.pages) {
    std::vector<RowRun> page_runs;
    const int64_t page_end = metadata.first_row + metadata.num_rows;
    for (const RowRun& run : runs) {
      const int64_t begin = std::max<int64_t>(run.row, metadata.first_row);
      const int64_t end = std::min<int64_t>(int64_t{run.row} + run.count, page_end);
      if (begin >= end) continue;
      page_runs.push_back({static_cast<uint32_t>(begin - metadata.first_row),
                           static_cast<uint32_t>(run.slot + (begin - run.row)),
                           static_cast<uint32_t>(end - begin)});
    }
    std::vector<std::shared_ptr<arrow::Buffer>> headers;
    for (const ByteRange range : Page::HeaderRanges(metadata)) {
      // A buffer of its own, so that a sanitizer sees reads behind it.
      ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> header,
                            arrow::AllocateBuffer(range.size_bytes, pool));
      if (range.size_bytes > 0) {
        std::memcpy(header->mutable_data(), file.data() + range.offset_bytes,
                    static_cast<size_t>(range.size_bytes));
      }
      headers.push_back(std::move(header));
    }
    ARROW_ASSIGN_OR_RAISE(auto page, Page::Open(metadata, path, headers));
    pages.push_back(page);
    ARROW_RETURN_NOT_OK(ReadPageRows(file, *page, page_runs, assembler.get()));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, assembler->Finish());
  if (array->length != num_slots / path->page_rows_per_row()) {
    return arrow::Status::Invalid("a column of another size");
  }
  ARROW_RETURN_NOT_OK(CheckWellFormed(*array, "the column"));
  return array;
}

arrow::Result<std::shared_ptr<arrow::Array>> ReadRows(std::span<const uint8_t> file,
                                                      const ColumnMetadata& column,
                                                      const std::shared_ptr<arrow::DataType>& type,
                                                      std::span<const RowRun> runs,
                                                      int64_t num_slots) {
  ARROW_ASSIGN_OR_RAISE(auto array,
                        ReadLeafRows(file, column, LeafPath::Flat(type), runs, num_slots));
  return arrow::MakeArray(array);
}

arrow::Result<std::vector<LeafColumn>> LeavesOf(const arrow::FieldVector& fields) {
  std::vector<LeafColumn> leaves;
  int32_t next_id = 0;
  for (const auto& field : fields) {
    const Field column = MakeField(field, &next_id);
    ARROW_ASSIGN_OR_RAISE(const auto tree, ColumnTree::Make({&column}));
    leaves.insert(leaves.end(), tree.leaves().begin(), tree.leaves().end());
  }
  return leaves;
}

arrow::Result<std::shared_ptr<arrow::Array>> ReadNestedRows(
    std::span<const uint8_t> file, std::span<const std::shared_ptr<const ColumnMetadata>> columns,
    const std::shared_ptr<arrow::Field>& field, std::span<const RowRun> runs, int64_t num_slots) {
  int32_t next_id = 0;
  const Field root = MakeField(field, &next_id);
  ARROW_ASSIGN_OR_RAISE(const auto tree, ColumnTree::Make({&root}));
  if (tree.leaves().size() != columns.size()) return arrow::Status::Invalid("wrong columns");
  std::vector<std::shared_ptr<arrow::ArrayData>> leaves;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& path = tree.leaves()[i].path;
    const int64_t scale = path->page_rows_per_row();
    std::vector<RowRun> scaled(runs.begin(), runs.end());
    for (RowRun& run : scaled) {
      run = {static_cast<uint32_t>(run.row * scale), static_cast<uint32_t>(run.slot * scale),
             static_cast<uint32_t>(run.count * scale)};
    }
    ARROW_ASSIGN_OR_RAISE(auto leaf,
                          ReadLeafRows(file, *columns[i], path, scaled, num_slots * scale));
    leaves.push_back(std::move(leaf));
  }
  ARROW_ASSIGN_OR_RAISE(auto array, tree.Assemble(std::move(leaves), arrow::default_memory_pool()));
  ARROW_RETURN_NOT_OK(CheckWellFormed(*array, "the column"));
  return arrow::MakeArray(array);
}

arrow::Result<std::shared_ptr<arrow::Array>> ReadColumn(
    std::span<const uint8_t> file, const ColumnMetadata& column,
    const std::shared_ptr<arrow::DataType>& type) {
  const RowRun all{0, 0, static_cast<uint32_t>(column.num_rows())};
  return ReadRows(file, column, type, {&all, 1}, all.count);
}

}  // namespace croupier::format
