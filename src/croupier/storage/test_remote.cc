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

arrow::Status NotFound(const std::string& path) {
  return arrow::internal::StatusFromErrno(ENOENT, arrow::StatusCode::IOError, path, " is missing");
}

}  // namespace

class FaultyObject : public ClientObject {
 public:
  FaultyObject(std::shared_ptr<FaultyService> service, std::string bytes)
      : service_(std::move(service)), bytes_(std::move(bytes)) {}

  int64_t size_bytes() const override { return std::ssize(bytes_); }

  arrow::Result<int64_t> ReadAt(int64_t offset_bytes, std::span<uint8_t> destination) override {
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

class FaultyClient : public ObjectClient {
 public:
  explicit FaultyClient(std::shared_ptr<FaultyService> service) : service_(std::move(service)) {}

  arrow::Result<std::shared_ptr<ClientObject>> Open(
      const std::string& path, std::optional<int64_t> known_size_bytes) override {
    if (!known_size_bytes.has_value()) ARROW_RETURN_NOT_OK(service_->Meet("open"));
    const auto found = service_->objects_.find(path);
    if (found == service_->objects_.end()) return NotFound(path);
    return std::make_shared<FaultyObject>(service_, found->second);
  }

  arrow::Status List(const std::string& directory,
                     const std::function<bool(std::string_view, bool)>& visit) override {
    ARROW_RETURN_NOT_OK(service_->Meet("list"));
    std::map<std::string, bool> entries;
    for (const auto& [path, bytes] : service_->objects_) {
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

  arrow::Result<int64_t> ModifiedAt(const std::string& path) override {
    return service_->objects_.contains(path) ? arrow::Result<int64_t>(0) : NotFound(path);
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
};

void FaultyService::SetFaults(std::function<Fault(int, const std::string&)> faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
  num_requests_ = 0;
}

arrow::Result<int64_t> FaultyService::Meet(const std::string& kind) {
  const int number = num_requests_++;
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    if (faults_) fault = faults_(number, kind);
  }
  while (fault.hang != nullptr && *fault.hang) std::this_thread::yield();
  ARROW_RETURN_NOT_OK(fault.status);
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
