#include "croupier/storage/local_file_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include <arrow/status.h>
#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace croupier::storage {

namespace {

// Small appends are gathered up to this, and larger ones go to the kernel in pieces of it. Linux
// caches what one call writes in pages as large as the call allows. A virtual machine may have
// given its free pages of 2 MiB back to its host, and then waits several times as long for a new
// one as for the copy; smaller pages are at hand.
constexpr size_t kGatherBytes = 1 << 20;
// The kernel begins to write each of these before the file is complete.
constexpr int64_t kFlushBytes = 8 << 20;
// Directories are made again if another process removes them before there is a file in them.
constexpr int kMaxTries = 10;

arrow::Status FromErrno(int error, const std::string& path, const char* action) {
  return arrow::internal::StatusFromErrno(error, arrow::StatusCode::IOError, path, ": cannot ",
                                          action);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

arrow::Status SyncDirectory(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return FromErrno(errno, path, "open the directory");
  const int failed = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  // Some network file systems have no such call, and need none.
  if (failed == 0 || failed == EINVAL || failed == ENOTSUP) return arrow::Status::OK();
  return FromErrno(failed, path, "sync the directory");
}

// Make a directory with those above it, each name durable.
arrow::Status MakeDirectories(const std::string& path) {
  if (mkdir(path.c_str(), 0777) == 0) return SyncDirectory(ParentOf(path));
  if (errno == EEXIST) return arrow::Status::OK();
  if (errno != ENOENT) return FromErrno(errno, path, "make the directory");
  ARROW_RETURN_NOT_OK(MakeDirectories(ParentOf(path)));
  if (mkdir(path.c_str(), 0777) == 0) return SyncDirectory(ParentOf(path));
  if (errno == EEXIST) return arrow::Status::OK();
  return FromErrno(errno, path, "make the directory");
}

// Those that are not empty stay.
void RemoveEmptyDirectories(const std::string& root, const std::string& file) {
  for (auto path = ParentOf(file); path.size() >= root.size(); path = ParentOf(path)) {
    if (rmdir(path.c_str()) != 0) return;
  }
}

// A new file that is removed again unless it is kept.
class NewFile {
 public:
  NewFile(std::string root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!exists_) return;
    unlink(path_.c_str());
    RemoveEmptyDirectories(root_, path_);
  }

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }

  arrow::Status Create() {
    for (int tries = 1;; ++tries) {
      descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ >= 0) break;
      if (errno != ENOENT || tries == kMaxTries) return FromErrno(errno, path_, "create the file");
      ARROW_RETURN_NOT_OK(MakeDirectories(ParentOf(path_)));
    }
    exists_ = true;
    return arrow::Status::OK();
  }

  arrow::Status Write(std::span<const uint8_t> bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = write(descriptor_, bytes.data(), std::min(bytes.size(), kGatherBytes));
      if (count < 0) {
        if (errno == EINTR) continue;
        return FromErrno(errno, path_, "write");
      }
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return arrow::Status::OK();
  }

  // Make the bytes durable; the descriptor stays open.
  arrow::Status Sync() const {
    if (fsync(descriptor_) != 0) return FromErrno(errno, path_, "sync");
    return arrow::Status::OK();
  }

  arrow::Status Close() {
    // A network file system may report here what it could not write.
    if (close(std::exchange(descriptor_, -1)) != 0) return FromErrno(errno, path_, "close");
    return arrow::Status::OK();
  }

  // Leave the file where it is.
  void Keep() { exists_ = false; }

 private:
  const std::string root_;
  const std::string path_;
  int descriptor_ = -1;
  bool exists_ = false;
};

class LocalFileWriter : public ObjectWriter {
 public:
  LocalFileWriter(std::string root, std::string path) : file_(std::move(root), std::move(path)) {}

  arrow::Status Create() { return file_.Create(); }

  int64_t size_bytes() const override { return size_bytes_; }

  arrow::Status Append(std::span<const uint8_t> bytes) override {
    if (file_.descriptor() < 0) return arrow::Status::Invalid(file_.path(), ": closed already");
    size_bytes_ += std::ssize(bytes);
    if (gathered_.size() + bytes.size() <= kGatherBytes) {
      gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
      return arrow::Status::OK();
    }
    ARROW_RETURN_NOT_OK(WriteGathered());
    if (bytes.size() < kGatherBytes) {
      gathered_.assign(bytes.begin(), bytes.end());
      return arrow::Status::OK();
    }
    return Write(bytes);
  }

  arrow::Status Close() override {
    if (file_.descriptor() < 0) return arrow::Status::Invalid(file_.path(), ": closed already");
    ARROW_RETURN_NOT_OK(WriteGathered());
    ARROW_RETURN_NOT_OK(file_.Sync());
    ARROW_RETURN_NOT_OK(file_.Close());
    ARROW_RETURN_NOT_OK(SyncDirectory(ParentOf(file_.path())));
    file_.Keep();
    return arrow::Status::OK();
  }

 private:
  arrow::Status WriteGathered() {
    ARROW_RETURN_NOT_OK(Write(gathered_));
    gathered_.clear();
    return arrow::Status::OK();
  }

  arrow::Status Write(std::span<const uint8_t> bytes) {
    ARROW_RETURN_NOT_OK(file_.Write(bytes));
    written_ += std::ssize(bytes);
    if (written_ - flushed_ < kFlushBytes) return arrow::Status::OK();
    // A wish: what fails here is reported by the sync.
    sync_file_range(file_.descriptor(), flushed_, written_ - flushed_, SYNC_FILE_RANGE_WRITE);
    flushed_ = written_;
    return arrow::Status::OK();
  }

  NewFile file_;
  std::vector<uint8_t> gathered_;
  int64_t size_bytes_ = 0;  // appended
  int64_t written_ = 0;     // of these, what the kernel has
  int64_t flushed_ = 0;     // of these, what it was asked to write
};

std::string TemporaryNameBeside(const std::string& path) {
  // Not the seeded randomness of orders: a name that no other writer has, in any process.
  std::random_device entropy;
  char name[32];
  std::snprintf(name, sizeof(name), "/.tmp_%08x%08x", entropy(), entropy());
  return ParentOf(path) + name;
}

arrow::Status WriteTemporary(NewFile* file, std::span<const uint8_t> bytes) {
  ARROW_RETURN_NOT_OK(file->Create());
  ARROW_RETURN_NOT_OK(file->Write(bytes));
  return file->Sync();
}

}  // namespace

arrow::Result<std::unique_ptr<ObjectWriter>> CreateLocalFile(const std::string& root,
                                                             const std::string& path) {
  auto writer = std::make_unique<LocalFileWriter>(root, path);
  ARROW_RETURN_NOT_OK(writer->Create());
  return writer;
}

arrow::Result<bool> PutLocalFileIfAbsent(const std::string& root, const std::string& path,
                                         std::span<const uint8_t> bytes) {
  NewFile temporary(root, TemporaryNameBeside(path));
  ARROW_RETURN_NOT_OK(WriteTemporary(&temporary, bytes));
  if (link(temporary.path().c_str(), path.c_str()) == 0) {
    ARROW_RETURN_NOT_OK(SyncDirectory(ParentOf(path)));
    return true;
  }
  const int failed = errno;
  if (failed == EEXIST) {
    // A network file system that has lost its own answer asks twice, and is told that the name
    // exists: the file then has two names.
    struct stat status;
    return fstat(temporary.descriptor(), &status) == 0 && status.st_nlink == 2;
  }
  if (failed != EPERM && failed != ENOTSUP && failed != ENOSYS && failed != EMLINK) {
    return FromErrno(failed, path, "link the file");
  }
  // A file system without hard links.
  if (renameat2(AT_FDCWD, temporary.path().c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) ==
      0) {
    temporary.Keep();
    ARROW_RETURN_NOT_OK(SyncDirectory(ParentOf(path)));
    return true;
  }
  if (errno == EEXIST) return false;
  if (errno == EINVAL || errno == ENOSYS) {
    return FromErrno(failed, path,
                     "create a file only if it does not exist: this file system has neither hard "
                     "links nor a rename that keeps what is there");
  }
  return FromErrno(errno, path, "rename a file to it");
}

arrow::Status ReplaceLocalFile(const std::string& root, const std::string& path,
                               std::span<const uint8_t> bytes) {
  NewFile temporary(root, TemporaryNameBeside(path));
  ARROW_RETURN_NOT_OK(WriteTemporary(&temporary, bytes));
  ARROW_RETURN_NOT_OK(temporary.Close());
  if (rename(temporary.path().c_str(), path.c_str()) != 0) {
    return FromErrno(errno, path, "rename a file to it");
  }
  temporary.Keep();
  return SyncDirectory(ParentOf(path));
}

arrow::Status DeleteLocalFile(const std::string& root, const std::string& path) {
  if (unlink(path.c_str()) != 0) return FromErrno(errno, path, "delete the file");
  RemoveEmptyDirectories(root, path);
  return arrow::Status::OK();
}

}  // namespace croupier::storage
