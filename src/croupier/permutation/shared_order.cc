#include "croupier/permutation/shared_order.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "croupier/base/hash.h"
#include "croupier/base/process_local.h"
#include "croupier/permutation/spill_file.h"

namespace croupier::permutation {

namespace {

template <typename... Args>
arrow::Status Failed(int code, Args&&... args) {
  return arrow::internal::StatusFromErrno(code, arrow::StatusCode::IOError,
                                          std::forward<Args>(args)...);
}

// A file of the directory that is open. While a process uses it, it holds a shared lock; nobody
// removes a file without an exclusive one. The kernel gives the locks of a dead process back.
class OpenFile {
 public:
  OpenFile(int file, std::string path) : file_(file), path_(std::move(path)) {}
  OpenFile(OpenFile&& other) noexcept
      : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(path_, other.path_);
    return *this;
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (file_ >= 0) close(file_);
  }

  bool is_open() const { return file_ >= 0; }
  int file() const { return file_; }
  const std::string& path() const { return path_; }
  bool Lock(int how) const { return flock(file_, how | LOCK_NB) == 0; }
  // Not if it was removed, or replaced, since it was opened.
  bool is_in_place() const {
    struct stat mine = {};
    struct stat there = {};
    return fstat(file_, &mine) == 0 && lstat(path_.c_str(), &there) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
  }
  void RemoveIfUnused() const {
    if (is_open() && Lock(LOCK_EX) && is_in_place()) unlink(path_.c_str());
  }
  static OpenFile Open(const std::string& path) {
    return {open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW), path};
  }

 private:
  int file_;
  std::string path_;
};

class FileSink : public ByteSink {
 public:
  explicit FileSink(const OpenFile& file) : file_(file) {}
  arrow::Status Append(std::span<const uint8_t> bytes) override {
    while (!bytes.empty()) {
      const ssize_t step = write(file_.file(), bytes.data(), bytes.size());
      if (step < 0 && errno == EINTR) continue;
      if (step < 0) return Failed(errno, "cannot write the order of rows to ", file_.path());
      bytes = bytes.subspan(static_cast<size_t>(step));
    }
    return arrow::Status::OK();
  }

 private:
  const OpenFile& file_;
};

arrow::Result<std::string> MakeOwnDirectory() {
  std::error_code error;
  const auto parent = std::filesystem::absolute(TemporaryDirectory(), error);
  if (error) return Failed(error.value(), "cannot use ", TemporaryDirectory());
  std::string directory = (parent / ("croupier-" + std::to_string(geteuid()))).string();
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed(errno, "cannot make ", directory);
  }
  struct stat about = {};
  if (lstat(directory.c_str(), &about) != 0) return Failed(errno, "cannot use ", directory);
  if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 077) != 0) {
    return Failed(EACCES, directory, " must be a directory that only its owner may enter");
  }
  return directory;
}

void RemoveWhatWasLeft(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    OpenFile::Open(entry.path().string()).RemoveIfUnused();
  }
}

// What this process shares. It ends with the process that made it, not with its children.
class SharedOrders {
 public:
  ~SharedOrders() {
    for (const auto& [hash, file] : files_) file.RemoveIfUnused();
  }

  arrow::Result<std::string> Share(const OrderImage& image) {
    ARROW_ASSIGN_OR_RAISE(const auto directory, MakeOwnDirectory());
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_first_, false)) RemoveWhatWasLeft(directory);
    std::string known = FindLocked(image.hash());
    if (!known.empty()) return known;
    std::string path = directory + "/" + HexDigits(image.hash()) + ".order";
    auto file = OpenFile::Open(path);
    if (!file.is_open() || !file.Lock(LOCK_SH) || !file.is_in_place() || !Fits(path, image)) {
      ARROW_ASSIGN_OR_RAISE(auto written, Write(image, path));
      files_.insert_or_assign(image.hash(), std::move(written));
    } else {
      files_.insert_or_assign(image.hash(), std::move(file));
    }
    return path;
  }

  std::string Find(uint64_t hash) {
    const std::lock_guard lock(mutex_);
    return FindLocked(hash);
  }

 private:
  std::string FindLocked(uint64_t hash) const {
    const auto found = files_.find(hash);
    return found != files_.end() && found->second.is_in_place() ? found->second.path()
                                                                : std::string();
  }

  static bool Fits(const std::string& path, const OrderImage& image) {
    const auto file = OrderFile::Map(path);
    return file.ok() && file->hash() == image.hash();
  }

  static arrow::Result<OpenFile> Write(const OrderImage& image, const std::string& path) {
    std::string temporary = path + ".XXXXXX";
    const int made = mkostemp(temporary.data(), O_CLOEXEC);
    if (made < 0) return Failed(errno, "cannot make a file beside ", path);
    const OpenFile file(made, temporary);
    auto status = file.Lock(LOCK_SH) ? arrow::Status::OK() : Failed(errno, "cannot lock ", path);
    if (status.ok()) {
      FileSink sink(file);
      status = image.Write({}, &sink);
    }
    if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
      status = Failed(errno, "cannot rename to ", path);
    }
    if (!status.ok()) {
      unlink(temporary.c_str());
      return status;
    }
    return OpenFile(fcntl(made, F_DUPFD_CLOEXEC, 0), path);
  }

  std::mutex mutex_;                    // guards what follows; held while a file is written
  std::map<uint64_t, OpenFile> files_;  // by the hash of what is in them
  bool is_first_ = true;
};

// Made when the library is loaded: see ProcessLocal.
ProcessLocal<SharedOrders> shared_orders;

}  // namespace

arrow::Result<std::string> ShareOrder(const OrderImage& image) {
  return shared_orders.Get().Share(image);
}

std::string FindSharedOrder(uint64_t hash) { return shared_orders.Get().Find(hash); }

}  // namespace croupier::permutation
