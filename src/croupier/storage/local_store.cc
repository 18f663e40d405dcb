#include "croupier/storage/local_store.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <arrow/status.h>
#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "croupier/storage/local_file_writer.h"

namespace croupier::storage {

namespace {

constexpr ReadHabits kHabits = {
    .coalesce = {}, .num_concurrent = 0, .rereads_are_cheap = true, .counted_as = "file://"};

arrow::Status FromErrno(int error, const std::string& location, const char* action) {
  return arrow::internal::StatusFromErrno(error, arrow::StatusCode::IOError, location, ": cannot ",
                                          action);
}

// Half of the descriptors that the process may have: the rest is for the program. Tables have more
// files than many systems allow descriptors (1024). An atomic, which a forked child may inherit at
// any time.
class DescriptorQuota {
 public:
  static bool Take() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 1024;
    if (num_taken_.fetch_add(1, std::memory_order_relaxed) < limit.rlim_cur / 2) return true;
    GiveBack();
    return false;
  }
  static void GiveBack() { num_taken_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  static inline std::atomic<uint64_t> num_taken_{0};
};

// A file. Reads name their position, so an inherited descriptor is as good in a forked child.
// Beyond the quota a file is opened anew for each read.
class LocalFile : public Object {
 public:
  LocalFile(int descriptor, int64_t size_bytes, std::string location)
      : descriptor_(descriptor), size_bytes_(size_bytes), location_(std::move(location)) {
    if (DescriptorQuota::Take()) return;
    close(descriptor_);
    descriptor_ = -1;
  }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;
  ~LocalFile() override {
    if (descriptor_ < 0) return;
    close(descriptor_);
    DescriptorQuota::GiveBack();
  }

  int64_t size_bytes() const override { return size_bytes_; }
  const std::string& location() const override { return location_; }

  const ReadHabits& habits() const override { return kHabits; }

  arrow::Status ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                       const CancelToken& /*cancel*/) const override {
    const Reading file(*this);
    if (file.descriptor < 0) return FromErrno(errno, location_, "open");
    size_t done = 0;
    while (done < destination.size()) {
      const ssize_t count =
          pread(file.descriptor, destination.data() + done, destination.size() - done,
                offset_bytes + static_cast<int64_t>(done));
      if (count < 0) {
        if (errno == EINTR) continue;
        return FromErrno(errno, location_, "read");
      }
      if (count == 0) {
        return arrow::Status::IOError(location_, ": the file ends early: want ", destination.size(),
                                      " bytes at ", offset_bytes, ", have ", done);
      }
      done += static_cast<size_t>(count);
    }
    return arrow::Status::OK();
  }

  int64_t ReadCached(int64_t offset_bytes, std::span<uint8_t> destination) const override {
    if (!can_read_cached_.load(std::memory_order_relaxed)) return 0;
    const Reading file(*this);
    size_t done = 0;
    while (done < destination.size()) {
      const iovec part = {destination.data() + done, destination.size() - done};
      const ssize_t count =
          preadv2(file.descriptor, &part, 1, offset_bytes + static_cast<int64_t>(done), RWF_NOWAIT);
      if (count <= 0) {
        if (count < 0 && errno == EINTR) continue;
        // Kernels and file systems without RWF_NOWAIT say so every time: ask once.
        if (count < 0 && errno != EAGAIN && errno != EBADF)
          can_read_cached_.store(false, std::memory_order_relaxed);
        break;
      }
      done += static_cast<size_t>(count);
    }
    return static_cast<int64_t>(done);
  }

 private:
  // The descriptor for one read; -1 and errno if the file cannot be opened any more.
  struct Reading {
    explicit Reading(const LocalFile& file)
        : is_own(file.descriptor_ < 0),
          descriptor(is_own ? open(file.location_.c_str(), O_RDONLY | O_CLOEXEC)
                            : file.descriptor_) {}
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() {
      if (is_own && descriptor >= 0) close(descriptor);
    }

    const bool is_own;
    const int descriptor;
  };

  int descriptor_;  // -1 beyond the quota
  const int64_t size_bytes_;
  const std::string location_;
  mutable std::atomic<bool> can_read_cached_{true};
};

class LocalStore : public ObjectStore {
 public:
  explicit LocalStore(std::string root) : root_(std::move(root)) {}

  const std::string& location() const override { return root_; }

  arrow::Result<std::shared_ptr<const Object>> Open(const std::string& path,
                                                    std::optional<int64_t> known_size_bytes,
                                                    const CancelToken& /*cancel*/) const override {
    ARROW_ASSIGN_OR_RAISE(auto location, Locate(path));
    const int descriptor = open(location.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return FromErrno(errno, location, "open");
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
      const int error = errno;
      close(descriptor);
      return FromErrno(error, location, "stat");
    }
    auto file = std::make_shared<LocalFile>(descriptor, status.st_size, std::move(location));
    if (!S_ISREG(status.st_mode)) {
      return arrow::Status::IOError(file->location(), ": not a regular file");
    }
    if (known_size_bytes.has_value() && *known_size_bytes != status.st_size) {
      return arrow::Status::IOError(file->location(), ": the file has ", status.st_size,
                                    " bytes, it should have ", *known_size_bytes);
    }
    return file;
  }

  arrow::Result<std::vector<std::string>> ListFiles(const std::string& directory,
                                                    const ListOptions& options) const override {
    return List(directory, /*directories=*/false, options);
  }

  arrow::Result<std::vector<std::string>> ListDirectories(
      const std::string& directory, const ListOptions& options) const override {
    return List(directory, /*directories=*/true, options);
  }

  arrow::Status CheckWritable() const override { return arrow::Status::OK(); }

  arrow::Result<std::unique_ptr<ObjectWriter>> OpenWrite(
      const std::string& path, const CancelToken& /*cancel*/) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, Locate(path));
    return CreateLocalFile(root_, location);
  }

  arrow::Result<bool> PutIfAbsent(const std::string& path,
                                  std::span<const uint8_t> bytes) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, Locate(path));
    return PutLocalFileIfAbsent(root_, location, bytes);
  }

  arrow::Status Put(const std::string& path, std::span<const uint8_t> bytes) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, Locate(path));
    return ReplaceLocalFile(root_, location, bytes);
  }

  arrow::Status Delete(const std::string& path) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, Locate(path));
    return DeleteLocalFile(root_, location);
  }

  arrow::Status DeleteDirectory(const std::string& directory) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, LocateBelow(directory));
    std::error_code error;
    std::filesystem::remove_all(location, error);
    if (error) return FromErrno(error.value(), location, "delete the directory");
    return arrow::Status::OK();
  }

  arrow::Status RenameDirectory(const std::string& from, const std::string& to) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, LocateBelow(from));
    ARROW_ASSIGN_OR_RAISE(const auto target, LocateBelow(to));
    if (renameat2(AT_FDCWD, location.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
      return arrow::Status::OK();
    }
    const bool can_keep = errno != EINVAL && errno != ENOSYS;
    // A file system that cannot say no: of two who rename at once to one name the second fails,
    // too, since there is something in the directory of the first.
    if (!can_keep) {
      if (std::filesystem::exists(target)) return FromErrno(EEXIST, target, "rename to it");
      if (rename(location.c_str(), target.c_str()) == 0) return arrow::Status::OK();
    }
    return FromErrno(errno, location, ("rename the directory to " + target).c_str());
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path) const override {
    ARROW_ASSIGN_OR_RAISE(const auto location, Locate(path));
    struct stat status;
    if (stat(location.c_str(), &status) != 0) return FromErrno(errno, location, "stat");
    return int64_t{status.st_mtim.tv_sec} * 1000000 + status.st_mtim.tv_nsec / 1000;
  }

 private:
  // The place of a directory that is not the root itself.
  arrow::Result<std::string> LocateBelow(const std::string& path) const {
    ARROW_ASSIGN_OR_RAISE(auto location, Locate(path));
    const auto normal = std::filesystem::path(path).lexically_normal();
    if (!normal.empty() && normal != "." && normal != "./") return location;
    return arrow::Status::Invalid(root_, ": not the name of a directory below: '", path, "'");
  }

  arrow::Result<std::string> Locate(const std::string& path) const {
    ARROW_RETURN_NOT_OK(CheckInside(root_, path));
    return (std::filesystem::path(root_) / path).string();
  }

  arrow::Result<std::vector<std::string>> List(const std::string& directory, bool directories,
                                               const ListOptions& options) const {
    ARROW_ASSIGN_OR_RAISE(const auto location, Locate(directory));
    std::error_code error;
    std::filesystem::directory_iterator entries(location, error);
    std::vector<std::string> names;
    while (!error && entries != std::filesystem::directory_iterator()) {
      std::error_code ignored;  // an entry that vanished since is neither
      if (directories ? entries->is_directory(ignored) : entries->is_regular_file(ignored)) {
        names.push_back(entries->path().filename().string());
      }
      entries.increment(error);
    }
    if (error) return FromErrno(error.value(), location, "list the directory");
    // A file system lists in no order.
    std::ranges::sort(names);
    if (names.size() > options.limit) names.resize(options.limit);
    return names;
  }

  const std::string root_;
};

}  // namespace

arrow::Result<std::shared_ptr<const ObjectStore>> OpenLocalStore(const std::string& root) {
  if (root.empty() || root.find('\0') != std::string::npos) {
    return arrow::Status::Invalid("not a path: '", root, "'");
  }
  std::error_code error;
  auto absolute = std::filesystem::absolute(root, error).lexically_normal().string();
  if (error) return FromErrno(error.value(), root, "resolve the path");
  while (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return std::make_shared<const LocalStore>(std::move(absolute));
}

}  // namespace croupier::storage
