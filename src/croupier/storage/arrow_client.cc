#include "croupier/storage/arrow_client.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/async_generator.h>
#include <arrow/util/io_util.h>

namespace croupier::storage {

namespace {

arrow::Status AsNotFound(const arrow::Status& status) {
  return status.WithDetail(arrow::internal::StatusDetailFromErrno(ENOENT));
}

// Missing buckets have their own words, which Arrow passes on as any error.
arrow::Status MarkNotFound(const arrow::Status& status) {
  constexpr std::string_view kMissing[] = {"NO_SUCH_BUCKET",    "NO_SUCH_KEY",
                                           "NoSuchBucket",      "ContainerNotFound",
                                           "(HTTP status 404)", "No such file or directory"};
  for (const auto word : kMissing) {
    if (status.message().find(word) != std::string::npos) return AsNotFound(status);
  }
  return status;
}

class ArrowObject : public ClientObject {
 public:
  ArrowObject(std::shared_ptr<arrow::io::RandomAccessFile> file, int64_t size_bytes)
      : file_(std::move(file)), size_bytes_(size_bytes) {}

  int64_t size_bytes() const override { return size_bytes_; }

  arrow::Result<int64_t> ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                                const CancelToken& /*cancel*/) override {
    auto count =
        file_->ReadAt(offset_bytes, static_cast<int64_t>(destination.size()), destination.data());
    return count.ok() ? count : MarkNotFound(count.status());
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const int64_t size_bytes_;
};

class ArrowClient : public ObjectClient {
 public:
  explicit ArrowClient(std::shared_ptr<arrow::fs::FileSystem> file_system)
      : file_system_(std::move(file_system)) {}

  arrow::Result<std::shared_ptr<ClientObject>> Open(const std::string& path,
                                                    std::optional<int64_t> known_size_bytes,
                                                    const CancelToken& /*cancel*/) override {
    auto opened = OpenFile(path, known_size_bytes);
    if (!opened.ok()) return MarkNotFound(opened.status());
    return opened;
  }

  arrow::Status List(const std::string& directory,
                     const std::function<bool(std::string_view name, bool is_directory)>& visit,
                     const CancelToken& cancel) override {
    arrow::fs::FileSelector selector;
    selector.base_dir = directory;
    if (file_system_->type_name() == "gcs") return ListDeep(std::move(selector), visit);
    // Page by page, so that a listing that ends early asks for no more pages than were needed.
    auto pages = file_system_->GetFileInfoGenerator(selector);
    while (true) {
      ARROW_RETURN_NOT_OK(cancel.Check());
      auto page = pages().result();
      if (!page.ok()) return MarkNotFound(page.status());
      if (arrow::IsIterationEnd(*page)) return arrow::Status::OK();
      // Within a page Arrow puts directories before files.
      std::ranges::sort(*page, {}, [](const arrow::fs::FileInfo& info) { return info.path(); });
      for (const auto& info : *page) {
        const bool is_directory = info.type() == arrow::fs::FileType::Directory;
        if (!visit(info.base_name(), is_directory)) return arrow::Status::OK();
      }
    }
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path,
                                    const CancelToken& /*cancel*/) override {
    const auto info = file_system_->GetFileInfo(path);
    if (!info.ok()) return MarkNotFound(info.status());
    if (info->type() != arrow::fs::FileType::File) {
      return AsNotFound(arrow::Status::IOError("no such object"));
    }
    const auto since_epoch = info->mtime().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  }

  Failure Classify(const arrow::Status& status) const override {
    return FailureOf(status).value_or(ClassifyCloudFailure(status));
  }

 private:
  // For GCS Arrow lists all objects below the directory in any case, and then leaves out
  // directories that no object of their own stands for.
  arrow::Status ListDeep(
      arrow::fs::FileSelector selector,
      const std::function<bool(std::string_view name, bool is_directory)>& visit) {
    selector.recursive = true;
    const size_t prefix_size = selector.base_dir.size() + 1;
    auto infos = file_system_->GetFileInfo(selector);
    if (!infos.ok()) return MarkNotFound(infos.status());
    std::set<std::pair<std::string, bool>> entries;
    for (const auto& info : *infos) {
      if (info.path().size() <= prefix_size) continue;
      const std::string path = info.path().substr(prefix_size);
      const size_t slash = path.find('/');
      const bool is_directory = slash != path.npos || info.type() == arrow::fs::FileType::Directory;
      entries.emplace(path.substr(0, slash), is_directory);
    }
    for (const auto& [name, is_directory] : entries) {
      if (!visit(name, is_directory)) break;
    }
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<ClientObject>> OpenFile(const std::string& path,
                                                        std::optional<int64_t> known_size_bytes) {
    std::shared_ptr<arrow::io::RandomAccessFile> file;
    if (known_size_bytes.has_value()) {
      arrow::fs::FileInfo info(path, arrow::fs::FileType::File);
      info.set_size(*known_size_bytes);
      ARROW_ASSIGN_OR_RAISE(file, file_system_->OpenInputFile(info));
      return std::make_shared<ArrowObject>(std::move(file), *known_size_bytes);
    }
    ARROW_ASSIGN_OR_RAISE(file, file_system_->OpenInputFile(path));
    ARROW_ASSIGN_OR_RAISE(const int64_t size_bytes, file->GetSize());
    return std::make_shared<ArrowObject>(std::move(file), size_bytes);
  }

  const std::shared_ptr<arrow::fs::FileSystem> file_system_;
};

}  // namespace

std::shared_ptr<ObjectClient> MakeArrowClient(std::shared_ptr<arrow::fs::FileSystem> file_system) {
  return std::make_shared<ArrowClient>(std::move(file_system));
}

Failure ClassifyCloudFailure(const arrow::Status& status) {
  const std::string& message = status.message();
  const auto says = [&](std::span<const std::string_view> words) {
    return std::ranges::any_of(
        words, [&](std::string_view word) { return message.find(word) != std::string::npos; });
  };
  constexpr std::string_view kThrottled[] = {"SLOW_DOWN",
                                             "SlowDown",
                                             "THROTTL",
                                             "Throttl",
                                             "TOO_MANY_REQUESTS",
                                             "REQUEST_LIMIT_EXCEEDED",
                                             "ServerBusy",
                                             "RESOURCE_EXHAUSTED",
                                             "HTTP status 429",
                                             "HTTP status 503",
                                             "SERVICE_UNAVAILABLE",
                                             "429 Too Many",
                                             "503 Service"};
  if (says(kThrottled)) return Failure::kThrottled;
  if (!status.IsIOError()) return Failure::kFinal;
  constexpr std::string_view kFinal[] = {
      // S3
      "ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "InvalidAccessKeyId", "SIGNATURE_DOES_NOT_MATCH",
      "SignatureDoesNotMatch", "INVALID_SIGNATURE", "UNRECOGNIZED_CLIENT", "MISSING_AUTHENTICATION",
      "INVALID_CLIENT_TOKEN_ID", "ExpiredToken", "EXPIRED_TOKEN", "InvalidToken",
      "AuthorizationHeaderMalformed", "PermanentRedirect", "PERMANENT_REDIRECT", "VALIDATION",
      "OPT_IN_REQUIRED", "NOT_SIGNED_UP", "INVALID_OBJECT_STATE", "InvalidObjectState",
      "HTTP status 301", "HTTP status 307", "HTTP status 400", "HTTP status 401", "HTTP status 403",
      "HTTP status 405", "HTTP status 409", "HTTP status 411", "HTTP status 412", "HTTP status 416",
      "HTTP status 501",
      // Google
      "PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_ARGUMENT", "FAILED_PRECONDITION",
      // Azure
      "AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch",
      "InvalidAuthenticationInfo", "NoAuthenticationInformation", "400 ", "401 ", "403 ", "409 ",
      "412 ", "416 "};
  return says(kFinal) ? Failure::kFinal : Failure::kTransient;
}

}  // namespace croupier::storage
