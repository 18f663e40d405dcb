#include "croupier/storage/cloud_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <arrow/filesystem/azurefs.h>
#include <arrow/filesystem/filesystem.h>
#include <arrow/filesystem/gcsfs.h>
#include <unistd.h>

#include "croupier/base/process_local.h"
#include "croupier/storage/arrow_client.h"
#include "croupier/storage/aws_credential_chain.h"
#include "croupier/storage/http_client.h"
#include "croupier/storage/remote_store.h"
#include "croupier/storage/s3_client.h"

namespace croupier::storage {

namespace {

using FileSystemResult = arrow::Result<std::shared_ptr<arrow::fs::FileSystem>>;

FileSystemResult MakeGcsFileSystem(const GcsSettings& settings) {
  arrow::fs::GcsOptions options;
  if (settings.anonymous) {
    options = arrow::fs::GcsOptions::Anonymous();
  } else if (!settings.access_token.empty()) {
    // The service says when it has expired.
    options = arrow::fs::GcsOptions::FromAccessToken(
        settings.access_token, std::chrono::system_clock::now() + std::chrono::hours(24 * 365));
  } else if (!settings.key_json.empty()) {
    options = arrow::fs::GcsOptions::FromServiceAccountCredentials(settings.key_json);
  } else if (!settings.key_file.empty()) {
    std::ifstream file(settings.key_file);
    std::string key{std::istreambuf_iterator<char>(file), {}};
    if (!file) {
      return arrow::Status::IOError("cannot read the key of the service account: ",
                                    settings.key_file);
    }
    options = arrow::fs::GcsOptions::FromServiceAccountCredentials(key);
  } else {
    options = arrow::fs::GcsOptions::Defaults();
  }
  options.scheme = settings.endpoint.scheme;
  options.endpoint_override = settings.endpoint.authority;
  // The client cannot be kept from retrying; this is how long it may. RemoteStore goes on from
  // there.
  options.retry_limit_seconds =
      std::min(settings.client.request_timeout_seconds, settings.client.retry.total_seconds);
  return arrow::fs::GcsFileSystem::Make(options);
}

// The client of Azure keeps its connections, and a thread, in one pool of the process. A child of a
// process that has used it inherits them: it would share sockets with its parent, and hang when it
// exits.
struct AzureUse {};
auto& azure_use = *new ProcessLocal<AzureUse>();
std::atomic<bool> azure_was_used = false;  // by this process, or one that it was forked from
std::atomic<bool> azure_watches_exit = false;

bool HasInheritedAzure() { return azure_was_used && azure_use.GetIfBuilt() == nullptr; }

// A child ends without the destructors of libraries, as those of multiprocessing do anyway.
void EndWithoutAzure(int status, void* /*nothing*/) {
  if (!HasInheritedAzure()) return;
  std::fflush(nullptr);
  _exit(status);
}

FileSystemResult MakeAzureFileSystem(const AzureSettings& settings) {
  if (HasInheritedAzure()) {
    return arrow::Status::NotImplemented(
        "Azure cannot be read in a forked child of a process that has read it, with which it would "
        "share connections; start workers by spawn or forkserver");
  }
  azure_use.Get();
  azure_was_used = true;
  arrow::fs::AzureOptions options;
  options.account_name = settings.account_name;
  if (!settings.endpoint.authority.empty()) {
    options.blob_storage_authority = settings.endpoint.authority;
    options.dfs_storage_authority = settings.endpoint.authority;
    options.blob_storage_scheme = settings.endpoint.scheme;
    options.dfs_storage_scheme = settings.endpoint.scheme;
  }
  if (settings.anonymous) {
    ARROW_RETURN_NOT_OK(options.ConfigureAnonymousCredential());
  } else if (!settings.account_key.empty()) {
    ARROW_RETURN_NOT_OK(options.ConfigureAccountKeyCredential(settings.account_key));
  } else if (!settings.sas_token.empty()) {
    // Arrow puts it behind the URL of the account as it is.
    ARROW_RETURN_NOT_OK(options.ConfigureSASCredential("?" + settings.sas_token));
  } else if (!settings.client_secret.empty()) {
    ARROW_RETURN_NOT_OK(options.ConfigureClientSecretCredential(
        settings.tenant_id, settings.client_id, settings.client_secret));
  } else {
    ARROW_RETURN_NOT_OK(options.ConfigureDefaultCredential());
  }
  auto made = arrow::fs::AzureFileSystem::Make(options);
  // Handlers run in reverse order: what the client has constructed is destroyed later.
  if (!azure_watches_exit.exchange(true)) on_exit(EndWithoutAzure, nullptr);
  return made;
}

// What gives credentials is in the machine, or is not there.
constexpr double kMetadataConnectSeconds = 1;
constexpr double kMetadataIdleSeconds = 5;

std::shared_ptr<AwsCredentials> MakeCredentials(const S3Settings& settings,
                                                const std::shared_ptr<HttpClient>& http) {
  if (settings.anonymous) return FixedAwsCredentials(nullptr);
  if (!settings.access_key_id.empty()) {
    return FixedAwsCredentials(std::make_shared<const AwsKeys>(
        AwsKeys{settings.access_key_id, settings.secret_access_key, settings.session_token, {}}));
  }
  AwsChainContext context;
  context.lookup = settings.lookup;
  context.region = settings.region;
  context.allow_http = settings.client.allow_http;
  context.http = http;
  context.make_metadata_http = [] {
    HttpSettings near;
    near.connect_timeout_seconds = kMetadataConnectSeconds;
    near.idle_timeout_seconds = kMetadataIdleSeconds;
    return MakeHttpClient(near);
  };
  return MakeAwsCredentialChain(std::move(context));
}

arrow::Result<std::shared_ptr<ObjectClient>> MakeS3ClientOf(const S3Settings& settings) {
  HttpSettings http;
  http.connect_timeout_seconds = settings.client.connect_timeout_seconds;
  http.idle_timeout_seconds = settings.client.request_timeout_seconds;
  http.verify_certificates = settings.client.verify_certificates;
  http.ca_file = settings.client.ca_file;
  S3Access access;
  access.endpoint = settings.endpoint;
  access.virtual_hosted = settings.virtual_hosted;
  access.region = settings.region;
  access.object_headers = settings.object_headers;
  ARROW_ASSIGN_OR_RAISE(access.http, MakeHttpClient(http));
  access.credentials = MakeCredentials(settings, access.http);
  return MakeS3Client(std::move(access));
}

// Clients that were used last, with their open connections: a database and its tables, opened one
// after another, need no new ones.
class RecentClients {
 public:
  using Make = std::function<arrow::Result<std::shared_ptr<ObjectClient>>()>;

  // Making one may wait for the network, and does so without the lock.
  arrow::Result<std::shared_ptr<ObjectClient>> FindOrMake(const std::string& key,
                                                          const Make& make) {
    if (auto found = Find(key)) return found;
    ARROW_ASSIGN_OR_RAISE(auto made, make());
    const std::lock_guard lock(mutex_);
    clients_.emplace_front(key, made);
    if (clients_.size() > kMaxClients) clients_.pop_back();
    return made;
  }

 private:
  static constexpr size_t kMaxClients = 8;

  std::shared_ptr<ObjectClient> Find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::ranges::find(clients_, key, [](const auto& each) { return each.first; });
    if (found == clients_.end()) return nullptr;
    clients_.splice(clients_.begin(), clients_, found);
    return found->second;
  }

  std::mutex mutex_;  // guards clients_; lives in a ProcessLocal
  std::list<std::pair<std::string, std::shared_ptr<ObjectClient>>>
      clients_;  // by key, newest first
};

auto& recent_clients = *new ProcessLocal<RecentClients>();

}  // namespace

bool IsCloudScheme(std::string_view scheme) {
  return scheme == "s3" || scheme == "gs" || scheme == "az" || scheme == "abfs" ||
         scheme == "abfss";
}

arrow::Result<std::shared_ptr<arrow::fs::FileSystem>> MakeCloudFileSystem(
    const StoreUri& uri, const StorageSettings& settings) {
  if (uri.scheme == "gs") {
    ARROW_ASSIGN_OR_RAISE(const auto gcs, settings.ForGcs());
    return MakeGcsFileSystem(gcs);
  }
  ARROW_ASSIGN_OR_RAISE(const auto azure, settings.ForAzure(uri.account));
  return MakeAzureFileSystem(azure);
}

arrow::Result<std::shared_ptr<const ObjectStore>> OpenCloudStore(StoreUri uri,
                                                                 StorageSettings settings) {
  settings.AddEnvironment();
  RemoteStoreOptions options;
  // What is wrong with the settings should be known now, not at the first read.
  if (uri.scheme == "s3") {
    ARROW_RETURN_NOT_OK(LoadHttpLibrary());
    ARROW_ASSIGN_OR_RAISE(const auto s3, settings.ForS3());
    options.check_writable = [writable = s3.writable] { return writable; };
  } else if (uri.scheme == "gs") {
    ARROW_RETURN_NOT_OK(settings.ForGcs().status());
  } else {
    ARROW_RETURN_NOT_OK(settings.ForAzure(uri.account).status());
  }
  ARROW_ASSIGN_OR_RAISE(const auto client, settings.ForClient());
  options.retry = client.retry;
  options.location = uri.location;
  options.store = uri.store();
  options.root = uri.bucket + (uri.prefix.empty() ? "" : "/" + uri.prefix);
  options.redact = [settings](std::string text) { return settings.Redact(std::move(text)); };
  const std::string key = uri.account + "@" + uri.store() + ";" + settings.Key();
  RecentClients::Make make =
      [uri = std::move(uri),
       settings = std::move(settings)]() -> arrow::Result<std::shared_ptr<ObjectClient>> {
    if (uri.scheme == "s3") {
      ARROW_ASSIGN_OR_RAISE(const auto s3, settings.ForS3());
      return MakeS3ClientOf(s3);
    }
    ARROW_ASSIGN_OR_RAISE(auto file_system, MakeCloudFileSystem(uri, settings));
    return MakeArrowClient(std::move(file_system));
  };
  options.connect = [key, make = std::move(make)] {
    return recent_clients.Get().FindOrMake(key, make);
  };
  return MakeRemoteStore(std::move(options));
}

}  // namespace croupier::storage
