#include "croupier/storage/test_remote.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include <arrow/util/io_util.h>
#include <unistd.h>

namespace croupier::storage::test {

namespace {

using Bytes = std::span<const uint8_t>;

constexpr int64_t kModifiedAt = 1800000000000000;

arrow::Status NotFound(const std::string& path) {
  return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError, path, " is missing");
}

}  // namespace

class FaultyObject : public ClientObject {
 public:
  FaultyObject(std::shared_ptr<FaultyService> service, std::string bytes)
      : service_(std::move(service)), bytes_(std::move(bytes)) {}

  int64_t size_bytes() const override { return std::ssize(bytes_); }

  arrow::Result<int64_t> ReadAt(int64_t offset_bytes, std::span<uint8_t> destination,
                                const CancelToken& /*cancel*/) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t max_bytes, service_->Meet("read"));
    const int64_t count =
        std::min({max_bytes, std::ssize(destination), size_bytes() - offset_bytes});
    if (count <= 0) return 0;
    std::memcpy(destination.data(), bytes_.data() + offset_bytes, static_cast<size_t>(count));
    return count;
  }

 private:
  const std::shared_ptr<FaultyService> service_;
  const std::string bytes_;
};

class FaultyWrites : public ObjectWrites {
 public:
  explicit FaultyWrites(std::shared_ptr<FaultyService> service) : service_(std::move(service)) {}

  arrow::Status Put(const std::string& path, Bytes bytes, const CancelToken& /*cancel*/) override {
    return service_->Do("put", [&] {
      service_->objects_[path] = Text(bytes);
      return arrow::Status::OK();
    });
  }

  arrow::Result<bool> PutIfAbsent(const std::string& path, Bytes bytes,
                                  const CancelToken& /*cancel*/) override {
    return MakeUnlessThere("put if absent", path, [&] { return Text(bytes); });
  }

  arrow::Status Delete(const std::string& path, const CancelToken& /*cancel*/) override {
    return service_->Do("delete", [&] {
      service_->objects_.erase(path);
      return arrow::Status::OK();
    });
  }

  arrow::Result<std::string> BeginUpload(const std::string& path,
                                         const CancelToken& /*cancel*/) override {
    std::string upload;
    ARROW_RETURN_NOT_OK(service_->Do("begin", [&] {
      upload = path + " #" + std::to_string(++service_->num_uploads_);
      service_->uploads_[upload];
      return arrow::Status::OK();
    }));
    return upload;
  }

  arrow::Result<std::string> UploadPart(const std::string& /*path*/, const std::string& upload,
                                        int number, Bytes bytes,
                                        const CancelToken& /*cancel*/) override {
    ARROW_RETURN_NOT_OK(service_->Do("part", [&]() -> arrow::Status {
      if (!service_->uploads_.contains(upload)) return Fails(Failure::kFinal);
      service_->uploads_[upload][number] = Text(bytes);
      return arrow::Status::OK();
    }));
    return "mark " + std::to_string(number);
  }

  arrow::Result<bool> CompleteUpload(const std::string& path, const std::string& upload,
                                     std::span<const std::string> marks,
                                     const CancelToken& /*cancel*/) override {
    return MakeUnlessThere("complete", path, [&]() -> arrow::Result<std::string> {
      const auto found = service_->uploads_.find(upload);
      if (found == service_->uploads_.end()) return Fails(Failure::kFinal);
      std::string all;
      for (size_t i = 0; i < marks.size(); ++i) {
        const auto number = static_cast<int>(i + 1);
        if (marks[i] != "mark " + std::to_string(number)) return Fails(Failure::kFinal);
        all += found->second[number];
      }
      service_->uploads_.erase(found);
      return all;
    });
  }

  arrow::Status AbortUpload(const std::string& /*path*/, const std::string& upload,
                            const CancelToken& /*cancel*/) override {
    return service_->Do("abort", [&] {
      service_->uploads_.erase(upload);
      return arrow::Status::OK();
    });
  }

 private:
  static std::string Text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

  arrow::Result<bool> MakeUnlessThere(const std::string& kind, const std::string& path,
                                      const std::function<arrow::Result<std::string>()>& make) {
    bool is_made = false;
    ARROW_RETURN_NOT_OK(service_->Do(kind, [&]() -> arrow::Status {
      if (service_->objects_.contains(path) && !service_->ignores_conditions_) {
        return arrow::Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(service_->objects_[path], make());
      is_made = true;
      return arrow::Status::OK();
    }));
    return is_made;
  }

  const std::shared_ptr<FaultyService> service_;
};

class FaultyClient : public ObjectClient {
 public:
  explicit FaultyClient(std::shared_ptr<FaultyService> service)
      : service_(std::move(service)), writes_(service_) {}

  ObjectWrites* writes() override { return &writes_; }

  arrow::Result<std::shared_ptr<ClientObject>> Open(const std::string& path,
                                                    std::optional<int64_t> known_size_bytes,
                                                    const CancelToken& /*cancel*/) override {
    if (!known_size_bytes.has_value()) ARROW_RETURN_NOT_OK(service_->Meet("open"));
    const auto objects = service_->objects();
    const auto found = objects.find(path);
    if (found == objects.end()) return NotFound(path);
    return std::make_shared<FaultyObject>(service_, found->second);
  }

  arrow::Status List(const std::string& directory,
                     const std::function<bool(std::string_view, bool)>& visit,
                     const CancelToken& /*cancel*/) override {
    ARROW_RETURN_NOT_OK(service_->Meet("list"));
    std::map<std::string, bool> entries;
    for (const auto& [path, bytes] : service_->objects()) {
      if (!path.starts_with(directory + "/")) continue;
      const auto rest = path.substr(directory.size() + 1);
      entries[rest.substr(0, rest.find('/'))] = rest.find('/') != std::string::npos;
    }
    if (entries.empty()) return NotFound(directory);
    for (const auto& [name, is_directory] : entries) {
      if (!visit(name, is_directory)) break;
    }
    return arrow::Status::OK();
  }

  arrow::Result<int64_t> ModifiedAt(const std::string& path,
                                    const CancelToken& /*cancel*/) override {
    ARROW_RETURN_NOT_OK(service_->Meet("modified at"));
    return service_->objects().contains(path) ? arrow::Result<int64_t>(kModifiedAt)
                                              : NotFound(path);
  }

  Failure Classify(const arrow::Status& status) const override {
    const auto says = [&](const char* word) {
      return status.message().find(word) != std::string::npos;
    };
    return says("refused")     ? Failure::kFinal
           : says("slow down") ? Failure::kThrottled
                               : Failure::kTransient;
  }

 private:
  const std::shared_ptr<FaultyService> service_;
  FaultyWrites writes_;
};

std::map<std::string, std::string> FaultyService::objects() const {
  const std::lock_guard lock(mutex_);
  return objects_;
}

size_t FaultyService::num_open_uploads() const {
  const std::lock_guard lock(mutex_);
  return uploads_.size();
}

arrow::Status FaultyService::Do(const std::string& kind,
                                const std::function<arrow::Status()>& change) {
  Fault fault;
  const auto met = MeetFault(kind, &fault);
  if (!met.ok() && !fault.is_done) return met;
  const std::lock_guard lock(mutex_);
  ARROW_RETURN_NOT_OK(change());
  return met;
}

void FaultyService::SetFaults(std::function<Fault(int, const std::string&)> faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
  num_requests_ = 0;
}

arrow::Status FaultyService::MeetFault(const std::string& kind, Fault* fault) {
  const int number = num_requests_++;
  {
    const std::lock_guard lock(mutex_);
    if (faults_) *fault = faults_(number, kind);
  }
  while (fault->hang != nullptr && *fault->hang) std::this_thread::yield();
  return fault->status;
}

arrow::Result<int64_t> FaultyService::Meet(const std::string& kind) {
  Fault fault;
  ARROW_RETURN_NOT_OK(MeetFault(kind, &fault));
  return fault.max_bytes;
}

std::unique_ptr<ObjectClient> FaultyService::Connect(std::shared_ptr<FaultyService> service) {
  ++service->num_connections_;
  return std::make_unique<FaultyClient>(std::move(service));
}

arrow::Status Fails(Failure failure) {
  switch (failure) {
    case Failure::kFinal:
      return arrow::Status::IOError("refused for good");
    case Failure::kTransient:
      return arrow::Status::IOError("connection lost");
    case Failure::kThrottled:
      return arrow::Status::IOError("slow down");
  }
  return arrow::Status::OK();
}

std::shared_ptr<const ObjectStore> StoreOf(const std::shared_ptr<FaultyService>& service,
                                           RetryPolicy retry, const std::string& name) {
  RemoteStoreOptions options;
  options.location = name;
  options.store = name;
  options.root = "bucket";
  options.retry = retry;
  options.connect = [service]() -> arrow::Result<std::shared_ptr<ObjectClient>> {
    return FaultyService::Connect(service);
  };
  options.check_writable = &arrow::Status::OK;
  options.redact = [](std::string text) {
    const size_t at = text.find("hunter2");
    if (at != std::string::npos) text.replace(at, 7, "***");
    return text;
  };
  return MakeRemoteStore(std::move(options));
}

TestStore OpenTestStore(const char* variable) {
  static std::atomic<int> num_stores = 0;
  TestStore opened;
  const char* const text = std::getenv(variable);
  if (text == nullptr) return opened;
  std::istringstream words(text);
  words >> opened.uri;
  opened.uri += "/suite-" + std::to_string(getpid()) + "-" + std::to_string(num_stores++);
  for (std::string word; words >> word;) {
    opened.options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  opened.store = OpenObjectStore(opened.uri, opened.options).ValueOrDie();
  return opened;
}

}  // namespace croupier::storage::test
