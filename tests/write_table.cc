// Writes the batches of an Arrow IPC stream, from stdin, into a Lance table, through public headers
// alone:
//
//     croupier_write_table create|append|overwrite URI [VERSION [ROWS_PER_FILE [stable]]] <
//     IN.arrows
//
// and prints the version that the table has then.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <arrow/io/stdio.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>

#include "croupier/table_writer.h"

namespace {

arrow::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) return arrow::Status::Invalid("usage: create|append|overwrite URI …");
  const auto& change = arguments[0];
  const auto& uri = arguments[1];
  ARROW_ASSIGN_OR_RAISE(
      const std::shared_ptr<arrow::RecordBatchReader> rows,
      arrow::ipc::RecordBatchStreamReader::Open(std::make_shared<arrow::io::StdinStream>()));
  croupier::CreateOptions options;
  if (arguments.size() > 2) options.data_format_version = arguments[2];
  if (arguments.size() > 3) options.max_rows_per_file = std::stoll(arguments[3]);
  options.stable_row_ids = arguments.size() > 4 && arguments[4] == "stable";
  croupier::WriteResult result;
  if (change == "create") {
    ARROW_ASSIGN_OR_RAISE(result, croupier::TableWriter::Create(uri, rows, options));
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto writer, croupier::TableWriter::Open(uri));
    ARROW_ASSIGN_OR_RAISE(result, change == "append" ? writer->Append(rows, options)
                                                     : writer->Overwrite(rows, options));
  }
  std::printf("%llu\n", static_cast<unsigned long long>(result.version));
  return arrow::Status::OK();
}

}  // namespace

int main(int argc, char** argv) {
  const auto status = Run(std::vector<std::string>(argv + 1, argv + argc));
  if (status.ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return EXIT_FAILURE;
}
