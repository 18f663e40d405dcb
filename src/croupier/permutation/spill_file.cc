#include "croupier/permutation/spill_file.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <arrow/status.h>
#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "croupier/base/process_resources.h"

namespace croupier::permutation {

namespace {

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

std::string TemporaryDirectory() {
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/tmp";
}

arrow::Result<std::shared_ptr<SpillFile>> SpillFile::Make(const BuildOptions& options) {
  int64_t list_bytes = options.list_bytes;
  if (list_bytes == 0) {
    ARROW_ASSIGN_OR_RAISE(const auto config, Config::FromProcess());
    list_bytes = config.order_bytes;
  }
  return std::make_shared<SpillFile>(list_bytes, options.spill_directory);
}

SpillFile::SpillFile(int64_t memory_bytes, std::string directory)
    : memory_bytes_(memory_bytes),
      directory_(directory.empty() ? TemporaryDirectory() : std::move(directory)) {}

SpillFile::~SpillFile() {
  if (file_ >= 0) close(file_);
}

arrow::Status SpillFile::Open() {
  file_ = open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ >= 0) return arrow::Status::OK();
  // Not every file system has files without a name.
  std::string path = directory_ + "/croupier-order-XXXXXX";
  file_ = mkostemp(path.data(), O_CLOEXEC);
  if (file_ < 0) {
    return arrow::internal::StatusFromErrno(errno, arrow::StatusCode::IOError,
                                            "cannot make a temporary file in ", directory_);
  }
  unlink(path.c_str());
  return arrow::Status::OK();
}

arrow::Result<const void*> SpillFile::Take(const void* bytes, size_t num_bytes) {
  const auto count = static_cast<int64_t>(num_bytes);
  if (num_bytes == 0 || num_bytes_in_memory_ + count <= memory_bytes_) {
    num_bytes_in_memory_ += count;
    return nullptr;
  }
  if (file_ < 0) ARROW_RETURN_NOT_OK(Open());
  const auto page = static_cast<int64_t>(PageBytes());
  const int64_t place = (num_bytes_spilled_ + page - 1) / page * page;
  const auto* data = static_cast<const char*>(bytes);
  for (int64_t written = 0; written < count;) {
    const ssize_t step =
        pwrite(file_, data + written, static_cast<size_t>(count - written), place + written);
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) {
      return arrow::internal::StatusFromErrno(errno, arrow::StatusCode::IOError,
                                              "cannot write the order of rows to ", directory_);
    }
    written += step;
  }
  void* mapped = mmap(nullptr, num_bytes, PROT_READ, MAP_SHARED, file_, place);
  if (mapped == MAP_FAILED) {
    return arrow::internal::StatusFromErrno(errno, arrow::StatusCode::IOError,
                                            "cannot map the order of rows in ", directory_);
  }
  num_bytes_spilled_ = place + count;
  return mapped;
}

void SpillFile::Release(const void* bytes, size_t num_in_memory, size_t num_bytes) {
  if (num_in_memory > 0) {
    num_bytes_in_memory_ -= static_cast<int64_t>(num_in_memory);
  } else if (num_bytes > 0) {
    munmap(const_cast<void*>(bytes), num_bytes);
  }
}

}  // namespace croupier::permutation
