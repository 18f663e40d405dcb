#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/storage.h"

namespace croupier::storage {

/// When a request that failed is sent again.
struct RetryPolicy {
  int max_retries = 10;
  double total_seconds = 180;  ///< from the first request on; no retry begins after that
  double first_delay_seconds = 0.1;
  double max_delay_seconds = 15;
};

/// What holds for clients of every service.
struct ClientSettings {
  RetryPolicy retry;
  double connect_timeout_seconds = 5;
  double request_timeout_seconds = 30;
  bool allow_http = false;
  bool verify_certificates = true;
  std::string ca_file;  ///< for S3; empty: the certificates of the system
};

/// Where an endpoint is: "http://localhost:9000" is {"http", "localhost:9000"}.
struct Endpoint {
  std::string scheme = "https";
  std::string authority;  ///< host, perhaps with a port; empty for the service's own
};

/// Where keys for AWS are looked for, by the variables that its SDKs know. What is empty has the
/// SDKs' default.
struct AwsLookup {
  std::string profile;
  std::string config_file;
  std::string credentials_file;
  std::string role_arn;  ///< with a file of a web identity
  std::string role_session_name;
  std::string web_identity_token_file;
  std::string container_relative_uri;
  std::string container_full_uri;
  std::string container_token;
  std::string container_token_file;
  bool is_metadata_disabled = false;
  std::string metadata_endpoint;
  std::string sts_endpoint;
};

struct S3Settings {
  ClientSettings client;
  std::string access_key_id;  ///< empty: as `lookup` says
  std::string secret_access_key;
  std::string session_token;
  AwsLookup lookup;
  bool anonymous = false;
  std::string region;  ///< empty: that of the bucket
  Endpoint endpoint;
  bool virtual_hosted = false;
  /// Headers of requests that make objects: how the service encrypts them.
  std::vector<std::pair<std::string, std::string>> object_headers;
  /// NotImplemented, naming the option, where one asks for what writes do not do.
  arrow::Status writable;
};

struct GcsSettings {
  ClientSettings client;
  std::string key_file;      ///< path of a service account's key; empty: the default chain
  std::string key_json;      ///< or the key itself
  std::string access_token;  ///< or a token that was fetched elsewhere
  bool anonymous = false;
  Endpoint endpoint;
};

struct AzureSettings {
  ClientSettings client;
  std::string account_name;
  std::string account_key;                          ///< or:
  std::string sas_token;                            ///< without its question mark; or:
  std::string tenant_id, client_id, client_secret;  ///< none: the default chain
  bool anonymous = false;
  Endpoint endpoint;
};

/// Options and environment of one process, checked and looked up by any of their spellings.
///
/// A name of no known option is an error that shows near spellings: an ignored misspelling of, say,
/// a key would read by other credentials. Options of other services are ignored, as lance does.
class StorageSettings {
 public:
  /// Check names; Invalid for an unknown one.
  static arrow::Result<StorageSettings> Make(const StorageOptions& options);

  /// Remember what the environment says now about options that are not given.
  void AddEnvironment();

  /// Read the values for a service; Invalid, naming the option, for one that does not parse or
  /// contradicts another.
  arrow::Result<ClientSettings> ForClient() const;
  arrow::Result<S3Settings> ForS3() const;
  arrow::Result<GcsSettings> ForGcs() const;
  arrow::Result<AzureSettings> ForAzure(const std::string& account_of_uri) const;

  /// Two settings with the same key reach the same service by the same credentials. A secret
  /// itself.
  std::string Key() const;

  /// Put "***" in place of every credential in a text: errors of services may repeat parts of
  /// requests.
  std::string Redact(std::string text) const;

 private:
  struct Found {
    std::string name;  // as it was spelled
    std::string value;
  };
  std::optional<Found> Find(const char* option) const;
  std::optional<Found> FindIn(const StorageOptions& values, const char* option) const;
  std::string Text(const char* option) const;
  arrow::Status ReadFlag(const char* option, bool* value) const;
  arrow::Status ReadForWrites(S3Settings* settings) const;
  arrow::Status ReadLookup(AwsLookup* lookup) const;
  arrow::Status ReadSeconds(const char* option, double* value) const;
  arrow::Result<Endpoint> EndpointOf(const char* option, const ClientSettings& client) const;

  StorageOptions options_;      // names in lower case
  StorageOptions environment_;  // by the same names
};

}  // namespace croupier::storage
