// libcroupier_s3: what needs Arrow's client for S3, and nothing else. See s3_service.h.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <arrow/filesystem/s3fs.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/thread_pool.h>
#include <unistd.h>

#include "croupier/base/memory_pool.h"
#include "croupier/base/process_local.h"
#include "croupier/storage/s3_service.h"

namespace croupier::storage {

namespace {

// RemoteStore retries: it can count, be cancelled, and knows the whole deadline.
class NoRetries : public arrow::fs::S3RetryStrategy {
 public:
  bool ShouldRetry(const AWSErrorDetail& /*error*/, int64_t /*attempted*/) override {
    return false;
  }
  int64_t CalculateDelayBeforeNextRetry(const AWSErrorDetail& /*error*/,
                                        int64_t /*attempted*/) override {
    return 0;
  }
};

// The SDK in one process.
struct Runtime {
  arrow::Status started;
  bool is_ours = false;  // was started here, and not by others (pyarrow) or before a fork
  // As many connections at a time as the executor has threads; it starts them only to list.
  std::shared_ptr<arrow::internal::ThreadPool> executor;
};

ProcessLocal<Runtime>& RuntimeOfProcess() {
  static auto& runtime = *new ProcessLocal<Runtime>([] {
    auto runtime = std::make_unique<Runtime>();
    runtime->is_ours = !arrow::fs::IsS3Initialized();
    runtime->started = arrow::fs::EnsureS3Initialized();
    auto executor = arrow::internal::ThreadPool::MakeEternal(64);
    if (executor.ok()) {
      runtime->executor = *executor;
    } else if (runtime->started.ok()) {
      runtime->started = executor.status();
    }
    return runtime;
  });
  return runtime;
}

// How long a process that ends waits for requests under way.
constexpr auto kExitPatience = std::chrono::seconds(1);

// The SDK must be shut down before destructors of its libraries run, or the process crashes in
// them. A forked child cannot do so: what would have to end are threads and locks of its parent.
// It ends without those destructors, as the children of multiprocessing do anyway; and so does a
// process whose requests get no answer.
void OnExit(int status, void* /*nothing*/) {
  const Runtime* const runtime = RuntimeOfProcess().GetIfBuilt();
  if (runtime != nullptr && runtime->is_ours) {
    auto finalized = std::make_shared<std::promise<void>>();
    const auto done = finalized->get_future();
    std::thread([finalized] {
      static_cast<void>(arrow::fs::EnsureS3Finalized());
      finalized->set_value();
    }).detach();
    if (done.wait_for(kExitPatience) == std::future_status::ready) return;
  }
  std::fflush(nullptr);
  _exit(status);
}

// Register OnExit, once a client was made: handlers run in reverse order, and what the SDK's first
// use constructs must not be destroyed before.
void FinalizeAtExit(const Runtime& runtime) {
  static const bool registered = runtime.is_ours && on_exit(OnExit, nullptr) == 0;
  static_cast<void>(registered);
}

// Arrow asks the chain for each part anew, and may get one of newer credentials in between.
S3Credentials CredentialsOf(const arrow::fs::S3Options& options) {
  while (true) {
    S3Credentials credentials = {options.GetAccessKey(), options.GetSecretKey(),
                                 options.GetSessionToken()};
    if (options.GetAccessKey() == credentials.access_key_id) return credentials;
  }
}

arrow::Result<S3Service> Connect(const S3Settings& settings, const std::string& bucket) {
  Runtime& runtime = RuntimeOfProcess().Get();
  ARROW_RETURN_NOT_OK(runtime.started);
  auto options =
      settings.anonymous ? arrow::fs::S3Options::Anonymous()
      : settings.access_key_id.empty()
          ? arrow::fs::S3Options::Defaults()
          : arrow::fs::S3Options::FromAccessKey(settings.access_key_id, settings.secret_access_key,
                                                settings.session_token);
  options.region = settings.region;
  if (settings.region.empty()) {
    if (settings.endpoint.authority.empty()) {
      ARROW_ASSIGN_OR_RAISE(options.region, arrow::fs::ResolveS3BucketRegion(bucket));
    } else {
      options.region = "us-east-1";  // what services with S3's protocol expect in a signature
    }
  }
  options.scheme = settings.endpoint.scheme;
  options.endpoint_override = settings.endpoint.authority;
  options.force_virtual_addressing = settings.virtual_hosted;
  options.connect_timeout = settings.client.connect_timeout_seconds;
  options.request_timeout = settings.client.request_timeout_seconds;
  options.tls_verify_certificates = settings.client.verify_certificates;
  options.retry_strategy = std::make_shared<NoRetries>();
  auto made = arrow::fs::S3FileSystem::Make(
      options, arrow::io::IOContext(DefaultMemoryPool(), runtime.executor.get()));
  FinalizeAtExit(runtime);
  S3Service service;
  service.region = options.region;
  service.credentials = [options, anonymous = settings.anonymous] {
    return anonymous ? S3Credentials() : CredentialsOf(options);
  };
  ARROW_ASSIGN_OR_RAISE(service.file_system, std::move(made));
  return service;
}

}  // namespace

}  // namespace croupier::storage

extern "C" __attribute__((visibility("default"))) void croupier_connect_to_s3(
    const croupier::storage::S3Settings* settings, const std::string* bucket,
    arrow::Result<croupier::storage::S3Service>* service) {
  *service = croupier::storage::Connect(*settings, *bucket);
}
