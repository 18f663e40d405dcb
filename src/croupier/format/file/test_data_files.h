#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/type.h>

#include "croupier/base/byte_sink.h"
#include "croupier/format/file/data_file_writer.h"
#include "croupier/format/manifest/schema_writer.h"

// Data files in memory, for tests.
namespace croupier::format::test {

class VectorSink : public ByteSink {
 public:
  arrow::Status Append(std::span<const uint8_t> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return arrow::Status::OK();
  }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

struct Written {
  std::vector<uint8_t> bytes;
  WrittenFile file;
};

inline arrow::Result<Written> WriteBatches(const arrow::Schema& schema,
                                           const arrow::RecordBatchVector& batches,
                                           const DataFileWriterOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto fields, MakeFields(schema));
  VectorSink sink;
  ARROW_ASSIGN_OR_RAISE(auto writer, DataFileWriter::Make(std::move(fields), options, &sink));
  for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->Write(*batch));
  Written written;
  ARROW_ASSIGN_OR_RAISE(written.file, writer->Finish());
  written.bytes = sink.Take();
  return written;
}

}  // namespace croupier::format::test
