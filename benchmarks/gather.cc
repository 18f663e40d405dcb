// The limit: copy the rows of shuffled batches out of a memory-mapped Arrow IPC file into fresh
// buffers, with plain memcpy and all threads, and do nothing else.
//
// usage: croupier_gather FILE SEED BATCH_ROWS THREADS
//
// Prints the figures that measure.py prints of a reader, as JSON.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <arrow/array/array_binary.h>
#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/type.h>
#include <sys/resource.h>

namespace {

using Clock = std::chrono::steady_clock;

// A column as the bytes that a row of it has.
struct Column {
  const uint8_t* values = nullptr;
  int64_t fixed_bytes = 0;           // 0: the offsets tell
  const int32_t* offsets = nullptr;  // one of the two
  const int64_t* large_offsets = nullptr;

  int64_t begin(int64_t row) const {
    if (fixed_bytes > 0) return row * fixed_bytes;
    return offsets != nullptr ? offsets[row] : large_offsets[row];
  }
};

arrow::Result<Column> Locate(const arrow::ArrayData& array) {
  switch (array.type->id()) {
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListType&>(*array.type);
      ARROW_ASSIGN_OR_RAISE(auto column, Locate(*array.child_data[0]));
      column.fixed_bytes *= list.list_size();
      return column;
    }
    case arrow::Type::STRING:
      return Column{array.buffers[2]->data(), 0, array.GetValues<int32_t>(1), nullptr};
    case arrow::Type::LARGE_BINARY:
      return Column{array.buffers[2]->data(), 0, nullptr, array.GetValues<int64_t>(1)};
    default:
      return Column{array.buffers[1]->data(), array.type->byte_width(), nullptr, nullptr};
  }
}

// Copy the rows of one batch; return the bytes that were copied.
arrow::Result<int64_t> GatherBatch(const std::vector<Column>& columns,
                                   std::span<const int64_t> rows) {
  int64_t num_bytes = 0;
  for (const Column& column : columns) {
    int64_t size = column.fixed_bytes * std::ssize(rows);
    if (column.fixed_bytes == 0) {
      ARROW_ASSIGN_OR_RAISE(auto offsets, arrow::AllocateBuffer((std::ssize(rows) + 1) * 8));
      auto* out = offsets->mutable_data_as<int64_t>();
      *out++ = 0;
      for (const int64_t row : rows) {
        size += column.begin(row + 1) - column.begin(row);
        *out++ = size;
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto values, arrow::AllocateBuffer(size));
    uint8_t* out = values->mutable_data();
    for (const int64_t row : rows) {
      const int64_t begin = column.begin(row);
      const auto count = static_cast<size_t>(column.begin(row + 1) - begin);
      std::memcpy(out, column.values + begin, count);
      out += count;
    }
    num_bytes += size;
  }
  return num_bytes;
}

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int64_t PeakMemoryBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kilobytes = 0;
  while (status >> word) {
    if (word == "VmHWM:") status >> kilobytes;
  }
  return kilobytes * 1024;
}

arrow::Status Run(const std::string& path, uint64_t seed, int64_t batch_rows, int num_threads) {
  const auto opened = Clock::now();
  ARROW_ASSIGN_OR_RAISE(auto file,
                        arrow::io::MemoryMappedFile::Open(path, arrow::io::FileMode::READ));
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(file));
  ARROW_ASSIGN_OR_RAISE(auto batch, reader->ReadRecordBatch(0));
  std::vector<Column> columns;
  for (const auto& array : batch->column_data()) {
    ARROW_ASSIGN_OR_RAISE(auto column, Locate(*array));
    columns.push_back(column);
  }
  std::vector<int64_t> order(static_cast<size_t>(batch->num_rows()));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  ARROW_ASSIGN_OR_RAISE(int64_t first_bytes,
                        GatherBatch(columns, std::span(order).first(static_cast<size_t>(
                                                 std::min(batch_rows, batch->num_rows())))));
  const auto begun = Clock::now();
  const double begun_cpu = CpuSeconds();
  std::atomic<int64_t> next = batch_rows;
  std::atomic<int64_t> num_bytes = 0;
  std::atomic<bool> failed = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < num_threads; ++i) {
    threads.emplace_back([&] {
      while (true) {
        const int64_t begin = next.fetch_add(batch_rows);
        if (begin >= std::ssize(order)) return;
        const auto count = std::min(batch_rows, std::ssize(order) - begin);
        const auto copied = GatherBatch(
            columns,
            std::span(order).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
        if (copied.ok()) {
          num_bytes += *copied;
        } else {
          failed = true;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = Seconds(Clock::now() - begun);
  if (failed || first_bytes < 0) return arrow::Status::OutOfMemory("a batch was not copied");
  const auto num_rows = static_cast<double>(std::ssize(order) - batch_rows);
  std::cout << "{\"rows\": " << order.size() << ", \"rows_per_second\": " << num_rows / seconds
            << ", \"bytes_per_second\": " << static_cast<double>(num_bytes) / seconds
            << ", \"cpu_seconds_per_row\": " << (CpuSeconds() - begun_cpu) / num_rows
            << ", \"first_batch_seconds\": " << Seconds(begun - opened)
            << ", \"peak_memory_bytes\": " << PeakMemoryBytes()
            << ", \"version\": \"memcpy, threads: " << num_threads << "\"}\n";
  return arrow::Status::OK();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: croupier_gather FILE SEED BATCH_ROWS THREADS\n";
    return 2;
  }
  const auto status =
      Run(argv[1], std::strtoull(argv[2], nullptr, 10), std::atoll(argv[3]), std::atoi(argv[4]));
  if (!status.ok()) std::cerr << status.ToString() << '\n';
  return status.ok() ? 0 : 1;
}
