// Writes a Lance data file of the batches of an Arrow IPC stream, for tests and measurements:
//
//     croupier_write_data_file IN.arrows OUT.lance [VERSION [PAGE_BYTES [REPEATS]]]
//
// and says as JSON what a manifest says of the file, and how long the fastest repeat took.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>

#include "croupier/base/byte_sink.h"
#include "croupier/format/file/data_file_writer.h"
#include "croupier/format/manifest/schema_writer.h"

namespace croupier {
namespace {

class FileSink : public ByteSink {
 public:
  explicit FileSink(std::FILE* file) : file_(file) {}

  arrow::Status Append(std::span<const uint8_t> bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) {
      return arrow::Status::OK();
    }
    return arrow::Status::IOError("cannot write the file");
  }

 protected:
  std::FILE* file() const { return file_; }

 private:
  std::FILE* file_;
};

class OwnedFileSink : public FileSink {
 public:
  using FileSink::FileSink;
  ~OwnedFileSink() override { std::fclose(file()); }
};

// Makes the files of blobs in a folder.
class FolderSidecars : public format::BlobSidecars {
 public:
  explicit FolderSidecars(std::filesystem::path folder) : folder_(std::move(folder)) {}

  arrow::Result<std::unique_ptr<ByteSink>> Open(const std::string& name) override {
    std::filesystem::create_directories(folder_);
    auto* file = std::fopen((folder_ / name).c_str(), "wb");
    if (file == nullptr) return arrow::Status::IOError("cannot open ", name);
    return std::make_unique<OwnedFileSink>(file);
  }
  arrow::Status Close(std::unique_ptr<ByteSink>) override { return arrow::Status::OK(); }

 private:
  std::filesystem::path folder_;
};

arrow::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return arrow::Status::Invalid("usage: IN OUT [VERSION [PAGE_BYTES]]");
  ARROW_ASSIGN_OR_RAISE(const auto input, arrow::io::ReadableFile::Open(arguments[0]));
  ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchStreamReader::Open(input));
  ARROW_ASSIGN_OR_RAISE(const auto batches, reader->ToRecordBatches());
  format::DataFileWriterOptions options;
  FolderSidecars sidecars(std::filesystem::path(arguments[1]).replace_extension());
  options.sidecars = &sidecars;
  const bool is_old = arguments.size() > 2 && arguments[2] == "2.1";
  if (is_old) options.version = format::FileVersion::kV2_1;
  if (arguments.size() > 3) options.page_bytes = std::stoll(arguments[3]);
  const int repeats = arguments.size() > 4 ? std::stoi(arguments[4]) : 1;
  ARROW_ASSIGN_OR_RAISE(const auto fields, format::MakeFields(*reader->schema(), 0,
                                                              is_old ? format::BlobVersion::kV1
                                                                     : format::BlobVersion::kV2));
  format::WrittenFile written;
  double seconds = 1e9;
  double cpu_seconds = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu_begin = std::clock();
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
        std::fopen(arguments[1].c_str(), "wb"), &std::fclose);
    if (file == nullptr) return arrow::Status::IOError("cannot open ", arguments[1]);
    FileSink sink(file.get());
    ARROW_ASSIGN_OR_RAISE(auto writer, format::DataFileWriter::Make(fields, options, &sink));
    for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->Write(*batch));
    ARROW_ASSIGN_OR_RAISE(written, writer->Finish());
    if (std::fflush(file.get()) != 0) return arrow::Status::IOError("cannot write the file");
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    seconds = std::min(seconds, taken.count());
    cpu_seconds = std::min(cpu_seconds,
                           static_cast<double>(std::clock() - cpu_begin) / double{CLOCKS_PER_SEC});
  }
  std::string columns;
  for (size_t i = 0; i < written.fields.size(); ++i) {
    columns += (i == 0 ? "" : ", ") + std::to_string(written.fields[i]);
  }
  std::printf(
      "{\"fields\": [%s], \"num_rows\": %lld, \"size_bytes\": %lld, \"minor_version\": %d, "
      "\"seconds\": %.6f, \"cpu_seconds\": %.6f}\n",
      columns.c_str(), static_cast<long long>(written.num_rows),
      static_cast<long long>(written.size_bytes), written.minor_version, seconds, cpu_seconds);
  return arrow::Status::OK();
}

}  // namespace
}  // namespace croupier

int main(int argc, char** argv) {
  const auto status = croupier::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (status.ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return EXIT_FAILURE;
}
