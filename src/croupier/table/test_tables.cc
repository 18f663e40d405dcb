#include "croupier/table/test_tables.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include <arrow/array/array_primitive.h>
#include <arrow/buffer.h>
#include <arrow/chunked_array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include "croupier/base/memory_pool.h"
#include "croupier/expression/arrow_kernels.h"
#include "croupier/table/row_id_array.h"
#include "croupier/testing/golden.h"

namespace croupier::table {

namespace {

using format::test::ByteVector;
using format::test::Message;

std::string ManifestPath(const std::string& table_path, uint64_t version) {
  char name[64];
  std::snprintf(
      name, sizeof(name), "%020llu.manifest",
      static_cast<unsigned long long>(UINT64_MAX - version));  // NOLINT(google-runtime-int)
  return table_path + "/_versions/" + name;
}

}  // namespace

std::shared_ptr<const TableSource> OpenGoldenTable(const std::string& name) {
  return OpenLanceTable(testing::GoldenPath("tables/" + name + ".lance")).ValueOrDie();
}

std::shared_ptr<arrow::Table> ReadArrowFile(const std::string& relative_path) {
  // From memory, by one thread: else Arrow waits for futures, whose locks no sanitizer sees.
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  const auto file = std::make_shared<arrow::io::BufferReader>(
      arrow::Buffer::FromVector(testing::ReadGolden(relative_path)));
  const auto reader = arrow::ipc::RecordBatchFileReader::Open(file, options).ValueOrDie();
  arrow::RecordBatchVector batches;
  for (int i = 0; i < reader->num_record_batches(); ++i) {
    batches.push_back(reader->ReadRecordBatch(i).ValueOrDie());
  }
  return arrow::Table::FromRecordBatches(reader->schema(), batches).ValueOrDie();
}

std::shared_ptr<arrow::Table> ReadGoldenRows(const std::string& name) {
  return ReadArrowFile("tables/" + name + ".arrow");
}

std::string CopyGoldenTable(const std::string& name) {
  const auto path = testing::MakeTemporaryDirectory() + "/" + name + ".lance";
  std::filesystem::copy(testing::GoldenPath("tables/" + name + ".lance"), path,
                        std::filesystem::copy_options::recursive);
  return path;
}

std::vector<std::string> FilesIn(const std::string& directory) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string NewestManifest(const std::string& table_path) {
  return FilesIn(table_path + "/_versions").front();
}

std::vector<uint8_t> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<uint64_t> RowIdsOf(const arrow::Table& rows) {
  std::vector<uint64_t> row_ids;
  for (const auto& chunk : rows.GetColumnByName(kRowIdColumn)->chunks()) {
    const auto& ids = static_cast<const arrow::UInt64Array&>(*chunk);
    row_ids.insert(row_ids.end(), ids.raw_values(), ids.raw_values() + ids.length());
  }
  return row_ids;
}

arrow::Result<std::shared_ptr<arrow::Table>> ScanAll(const TableSource& table,
                                                     const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, table.Scan(options));
  arrow::RecordBatchVector batches;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) break;
    ARROW_RETURN_NOT_OK(batch->ValidateFull());
    if (batch->num_rows() == 0 || batch->num_rows() > options.batch_rows) {
      return arrow::Status::Invalid("a batch has ", batch->num_rows(), " rows");
    }
    if (!batches.empty() && batches.back()->num_rows() != options.batch_rows) {
      return arrow::Status::Invalid("a batch that is not the last has ", batches.back()->num_rows(),
                                    " rows");
    }
    batches.push_back(std::move(batch));
  }
  return arrow::Table::FromRecordBatches(reader->schema(), batches);
}

std::shared_ptr<arrow::RecordBatch> TakeRows(const arrow::Table& rows,
                                             std::span<const uint64_t> ranks,
                                             const std::vector<std::string>& columns) {
  EXPECT_TRUE(expression::CheckKernels().ok());
  arrow::compute::ExecContext context(DefaultMemoryPool());
  const auto indices = MakeRowIdArray(ranks, DefaultMemoryPool()).ValueOrDie();
  const auto whole = rows.CombineChunksToBatch(DefaultMemoryPool()).ValueOrDie();
  const auto options = arrow::compute::TakeOptions::BoundsCheck();
  arrow::ArrayVector arrays;
  for (const auto& name : columns) {
    const auto column = whole->GetColumnByName(name);
    arrays.push_back(arrow::compute::Take(*column, *indices, options, &context).ValueOrDie());
  }
  return arrow::RecordBatch::Make(ProjectSchema(*rows.schema(), columns).ValueOrDie(),
                                  indices->length(), std::move(arrays));
}

bool Mentions(const arrow::Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

Message FieldMessage(int32_t id, const std::string& name, const std::string& logical_type) {
  return Message()
      .Text(2, name)
      .Number(3, static_cast<uint64_t>(id))
      .Number(4, UINT64_MAX)  // no parent: -1
      .Text(5, logical_type)
      .Number(6, 1);
}

Message DataFileMessage(const std::string& path, const std::vector<uint64_t>& fields) {
  std::vector<uint64_t> column_indices(fields.size());
  std::iota(column_indices.begin(), column_indices.end(), uint64_t{0});
  return Message()
      .Text(1, path)
      .Packed(2, fields)
      .Packed(3, column_indices)
      .Number(4, 2)
      .Number(5, 2);
}

Message FragmentMessage(uint64_t id, uint64_t num_rows, const Message& data_file) {
  return Message().Number(1, id).Child(2, data_file).Number(4, num_rows);
}

void WriteManifest(const std::string& table_path, uint64_t version, const Message& manifest) {
  std::filesystem::create_directories(table_path + "/_versions");
  ByteVector bytes;
  format::test::AppendValue(&bytes, static_cast<uint32_t>(manifest.bytes().size()));
  format::test::AppendBytes(&bytes, manifest.bytes().data(), manifest.bytes().size());
  format::test::AppendValue(&bytes, uint64_t{0});  // the message begins the file
  format::test::AppendValue(&bytes, uint32_t{2} << 16);
  format::test::AppendBytes(&bytes, "LANC", 4);
  testing::WriteFile(ManifestPath(table_path, version), bytes);
}

}  // namespace croupier::table
