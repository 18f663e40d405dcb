#include "croupier/storage/storage_settings.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace croupier {

namespace {

// One option: its spellings, the canonical one first. Those in the environment are the same in
// upper case, if they begin with the service's name or `general` is set.
struct Option {
  std::vector<std::string_view> spellings;
  bool is_secret = false;
  bool is_general = false;
};

// Source: lance's guide "Object Store Configuration" and the option names of the Rust crate
// object_store, which lance passes its options to.
const auto& known_options = *new std::vector<Option>{
    // Every service.
    {.spellings = {"allow_http"}, .is_general = true},
    {.spellings = {"allow_invalid_certificates"}, .is_general = true},
    {.spellings = {"connect_timeout"}, .is_general = true},
    {.spellings = {"request_timeout", "timeout"}, .is_general = true},
    {.spellings = {"client_max_retries"}, .is_general = true},
    {.spellings = {"client_retry_timeout"}, .is_general = true},
    // Amazon S3 and what speaks its protocol.
    {.spellings = {"aws_access_key_id", "access_key_id"}, .is_secret = true},
    {.spellings = {"aws_secret_access_key", "secret_access_key"}, .is_secret = true},
    {.spellings = {"aws_session_token", "session_token", "aws_token", "token"}, .is_secret = true},
    {.spellings = {"aws_region", "region", "aws_default_region", "default_region"}},
    {.spellings = {"aws_endpoint", "endpoint", "aws_endpoint_url", "endpoint_url",
                   "aws_endpoint_url_s3"}},
    {.spellings = {"aws_virtual_hosted_style_request", "virtual_hosted_style_request"}},
    {.spellings = {"aws_skip_signature", "skip_signature", "anonymous", "aws_anonymous"}},
    {.spellings = {"aws_profile", "aws_default_profile"}},
    {.spellings = {"aws_config_file"}},
    {.spellings = {"aws_shared_credentials_file"}},
    {.spellings = {"aws_role_arn"}},
    {.spellings = {"aws_role_session_name"}},
    {.spellings = {"aws_web_identity_token_file"}},
    {.spellings = {"aws_container_credentials_relative_uri"}},
    {.spellings = {"aws_container_credentials_full_uri"}},
    {.spellings = {"aws_container_authorization_token"}, .is_secret = true},
    {.spellings = {"aws_container_authorization_token_file"}},
    {.spellings = {"aws_ec2_metadata_disabled"}},
    {.spellings = {"aws_ec2_metadata_service_endpoint", "aws_metadata_endpoint"}},
    {.spellings = {"aws_endpoint_url_sts"}},
    {.spellings = {"aws_ca_bundle"}},
    {.spellings = {"aws_conditional_put", "conditional_put"}},
    {.spellings = {"aws_server_side_encryption", "server_side_encryption"}},
    {.spellings = {"aws_sse_kms_key_id", "sse_kms_key_id"}},
    {.spellings = {"aws_sse_bucket_key_enabled", "sse_bucket_key_enabled"}},
    // Google Cloud Storage.
    {.spellings = {"google_service_account", "service_account", "google_service_account_path",
                   "service_account_path", "google_application_credentials",
                   "application_credentials"}},
    {.spellings = {"google_service_account_key", "service_account_key"}, .is_secret = true},
    {.spellings = {"google_storage_token"}, .is_secret = true},
    {.spellings = {"google_skip_signature", "skip_signature", "anonymous"}},
    {.spellings = {"google_endpoint", "endpoint", "google_base_url", "base_url"}},
    // Azure Blob Storage.
    {.spellings = {"azure_storage_account_name", "account_name"}},
    {.spellings = {"azure_storage_account_key", "azure_storage_access_key",
                   "azure_storage_master_key", "account_key", "access_key", "master_key"},
     .is_secret = true},
    {.spellings = {"azure_storage_sas_token", "azure_storage_sas_key", "sas_token", "sas_key"},
     .is_secret = true},
    {.spellings = {"azure_storage_client_id", "azure_client_id", "client_id"}},
    {.spellings = {"azure_storage_client_secret", "azure_client_secret", "client_secret"},
     .is_secret = true},
    {.spellings = {"azure_storage_tenant_id", "azure_tenant_id", "tenant_id",
                   "azure_storage_authority_id", "azure_authority_id", "authority_id"}},
    {.spellings = {"azure_skip_signature", "skip_signature", "anonymous"}},
    {.spellings = {"azure_storage_endpoint", "azure_endpoint", "endpoint"}},
    {.spellings = {"azure_storage_use_emulator", "object_store_use_emulator", "use_emulator"}},
};

// Known to lance or lancedb, and without a meaning for Croupier.
constexpr std::string_view kIgnored[] = {
    "aws_bucket",
    "aws_bucket_name",
    "aws_checksum_algorithm",
    "aws_copy_if_not_exists",
    "aws_disable_bulk_delete",
    "aws_disable_tagging",
    "aws_imdsv1_fallback",
    "aws_s3_express",
    "aws_unsigned_payload",
    "azure_container_name",
    "azure_disable_tagging",
    "azure_use_azure_cli",
    "bucket",
    "bucket_name",
    "checksum_algorithm",
    "container_name",
    "copy_if_not_exists",
    "default_content_type",
    "disable_tagging",
    "download_retry_count",
    "expires_at_millis",
    "google_bucket",
    "google_bucket_name",
    "http1_only",
    "http2_keep_alive_interval",
    "http2_keep_alive_timeout",
    "http2_keep_alive_while_idle",
    "http2_max_frame_size",
    "http2_only",
    "imdsv1_fallback",
    "new_table_data_storage_version",
    "new_table_enable_stable_row_ids",
    "new_table_enable_v2_manifest_paths",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "randomize_addresses",
    "refresh_offset_millis",
    "s3_express",
    "unsigned_payload",
    "use_opendal",
    "user_agent",
};

// Known to lance, and not obeyed: to go on without them would reach another place, or none.
constexpr std::string_view kUnsupported[] = {
    "aws_request_payer",
    "aws_sse_customer_key_base64",
    "azure_federated_token_file",
    "azure_msi_endpoint",
    "azure_storage_token",
    "azure_use_fabric_endpoint",
    "bearer_token",
    "metadata_endpoint",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "request_payer",
    "use_fabric_endpoint",
};

std::string ToLower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return 'A' <= c && c <= 'Z' ? static_cast<char>(c | 32) : c;
  });
  return text;
}

bool Contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Insertions, deletions and replacements of characters that make one text of the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t k = 0; k < b.size(); ++k) {
      const size_t above = row[k + 1];
      row[k + 1] = std::min({above + 1, row[k] + 1, diagonal + (a[i] == b[k] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

arrow::Status UnknownOption(const std::string& name) {
  std::string near;
  for (const Option& option : known_options) {
    for (const auto spelling : option.spellings) {
      if (EditDistance(ToLower(name), spelling) > 1 + name.size() / 6) continue;
      near += (near.empty() ? "" : ", ") + std::string(spelling);
    }
  }
  return arrow::Status::Invalid(
      "unknown storage option '", name, "'",
      near.empty() ? "; docs/guides/object-stores.md lists them" : "; did you mean: " + near + "?");
}

const Option& OptionNamed(std::string_view name) {
  return *std::ranges::find(known_options, name,
                            [](const Option& option) { return option.spellings.front(); });
}

bool IsSecret(const std::string& name) {
  return std::ranges::any_of(known_options, [&](const Option& option) {
    return option.is_secret && Contains(option.spellings, name);
  });
}

// Only names that say whose they are: TOKEN or REGION alone may be anybody's.
bool IsInEnvironment(const Option& option, std::string_view spelling) {
  return option.is_general || spelling.starts_with("aws_") || spelling.starts_with("google_") ||
         spelling.starts_with("azure_");
}

bool IsBase64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const bool is_whole = text.size() % 4 == 0;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return is_whole && text.find_first_not_of(kDigits) == text.npos;
}

// A URL in a message of Azure's SDK has the parameters of a token in an order and spelling of its
// own: what is secret of them is the signature.
void HideSignatures(std::string* text) {
  constexpr std::string_view kParameter = "sig=";
  for (size_t at = text->find(kParameter); at != text->npos; at = text->find(kParameter, at)) {
    at += kParameter.size();
    const size_t end = std::min(text->find_first_of("&'\"; \n", at), text->size());
    text->replace(at, end - at, "***");
  }
}

}  // namespace

StorageOptions WithoutCredentials(const StorageOptions& options) {
  StorageOptions rest;
  for (const auto& [name, value] : options) {
    if (!IsSecret(ToLower(name))) rest[name] = value;
  }
  return rest;
}

namespace storage {

arrow::Result<StorageSettings> StorageSettings::Make(const StorageOptions& options) {
  StorageSettings settings;
  for (const auto& [given_name, value] : options) {
    const std::string name = ToLower(given_name);
    if (Contains(kUnsupported, name)) {
      return arrow::Status::NotImplemented("the storage option '", given_name,
                                           "' is not supported");
    }
    const bool is_known = std::ranges::any_of(known_options,
                                              [&](const Option& option) {
                                                return Contains(option.spellings, name);
                                              }) ||
                          Contains(kIgnored, name) || name.starts_with("headers.");
    if (!is_known) return UnknownOption(given_name);
    if (!settings.options_.emplace(name, value).second) {
      return arrow::Status::Invalid("the storage option '", given_name, "' is given twice");
    }
  }
  return settings;
}

void StorageSettings::AddEnvironment() {
  for (const Option& option : known_options) {
    for (const auto spelling : option.spellings) {
      if (!IsInEnvironment(option, spelling)) continue;
      std::string name(spelling);
      for (char& c : name) c = 'a' <= c && c <= 'z' ? static_cast<char>(c - 32) : c;
      const char* const value = std::getenv(name.c_str());
      if (value != nullptr && *value != '\0') environment_[std::string(spelling)] = value;
    }
  }
}

std::optional<StorageSettings::Found> StorageSettings::FindIn(const StorageOptions& values,
                                                              const char* option) const {
  for (const auto spelling : OptionNamed(option).spellings) {
    const auto found = values.find(std::string(spelling));
    if (found != values.end()) return Found{found->first, found->second};
  }
  return std::nullopt;
}

std::optional<StorageSettings::Found> StorageSettings::Find(const char* option) const {
  auto found = FindIn(options_, option);
  return found.has_value() ? found : FindIn(environment_, option);
}

std::string StorageSettings::Text(const char* option) const {
  const auto found = Find(option);
  return found.has_value() ? found->value : "";
}

arrow::Status StorageSettings::ReadFlag(const char* option, bool* value) const {
  const auto found = Find(option);
  if (!found.has_value()) return arrow::Status::OK();
  const std::string text = ToLower(found->value);
  constexpr std::string_view kTrue[] = {"true", "1", "yes", "on", "y"};
  constexpr std::string_view kFalse[] = {"false", "0", "no", "off", "n"};
  if (!Contains(kTrue, text) && !Contains(kFalse, text)) {
    return arrow::Status::Invalid("storage option '", found->name,
                                  "': expected true or false, not '", found->value, "'");
  }
  *value = Contains(kTrue, text);
  return arrow::Status::OK();
}

arrow::Status StorageSettings::ReadSeconds(const char* option, double* value) const {
  const auto found = Find(option);
  if (!found.has_value()) return arrow::Status::OK();
  const char* const end = found->value.data() + found->value.size();
  double number = 0;
  const auto parsed = std::from_chars(found->value.data(), end, number);
  const std::string unit(parsed.ptr, end);
  double scale = 1;
  bool is_right = parsed.ec == std::errc() && number >= 0 && number < 1e9;
  if (unit == "ms") {
    scale = 1e-3;
  } else if (unit == "m" || unit == "min") {
    scale = 60;
  } else if (!unit.empty() && unit != "s") {
    is_right = false;
  }
  if (!is_right) {
    return arrow::Status::Invalid("storage option '", found->name,
                                  "': expected a time like 30s, 500ms or 2m, not '", found->value,
                                  "'");
  }
  *value = number * scale;
  return arrow::Status::OK();
}

arrow::Result<ClientSettings> StorageSettings::ForClient() const {
  ClientSettings client;
  ARROW_RETURN_NOT_OK(ReadFlag("allow_http", &client.allow_http));
  bool allow_invalid = false;
  ARROW_RETURN_NOT_OK(ReadFlag("allow_invalid_certificates", &allow_invalid));
  client.verify_certificates = !allow_invalid;
  ARROW_RETURN_NOT_OK(ReadSeconds("connect_timeout", &client.connect_timeout_seconds));
  ARROW_RETURN_NOT_OK(ReadSeconds("request_timeout", &client.request_timeout_seconds));
  ARROW_RETURN_NOT_OK(ReadSeconds("client_retry_timeout", &client.retry.total_seconds));
  if (const auto found = Find("client_max_retries")) {
    const char* const end = found->value.data() + found->value.size();
    const auto parsed = std::from_chars(found->value.data(), end, client.retry.max_retries);
    if (parsed.ec != std::errc() || parsed.ptr != end || client.retry.max_retries < 0) {
      return arrow::Status::Invalid("storage option '", found->name,
                                    "': expected a number of retries, not '", found->value, "'");
    }
  }
  return client;
}

arrow::Result<Endpoint> StorageSettings::EndpointOf(const char* option,
                                                    const ClientSettings& client) const {
  Endpoint endpoint;
  const auto found = Find(option);
  if (!found.has_value() || found->value.empty()) return endpoint;
  std::string_view text = found->value;
  if (const size_t scheme_end = text.find("://"); scheme_end != text.npos) {
    endpoint.scheme = ToLower(std::string(text.substr(0, scheme_end)));
    text.remove_prefix(scheme_end + 3);
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  if ((endpoint.scheme != "https" && endpoint.scheme != "http") || text.empty() ||
      text.find_first_of("@?#") != text.npos) {
    return arrow::Status::Invalid("storage option '", found->name,
                                  "': expected http(s)://host[:port]");
  }
  if (endpoint.scheme == "http" && !client.allow_http) {
    return arrow::Status::Invalid("storage option '", found->name,
                                  "' names an http:// endpoint, which sends data in the clear; set "
                                  "allow_http to true to permit that");
  }
  endpoint.authority = text;
  return endpoint;
}

arrow::Status StorageSettings::ReadForWrites(S3Settings* settings) const {
  // Whoever commits in another way would not see our versions in time, nor we theirs.
  const auto condition = Find("aws_conditional_put");
  if (condition.has_value() && condition->value != "etag") {
    settings->writable =
        arrow::Status::NotImplemented("cannot write by the storage option '", condition->name,
                                      "': it must be 'etag', not '", condition->value, "'");
  }
  const auto kind = Find("aws_server_side_encryption");
  if (!kind.has_value()) return arrow::Status::OK();
  constexpr std::string_view kKinds[] = {"AES256", "aws:kms", "aws:kms:dsse"};
  if (!Contains(kKinds, kind->value)) {
    settings->writable = arrow::Status::NotImplemented(
        "cannot write by the storage option '", kind->name,
        "': it must be AES256, aws:kms or aws:kms:dsse, not '", kind->value, "'");
  }
  settings->object_headers.emplace_back("x-amz-server-side-encryption", kind->value);
  if (const auto key = Find("aws_sse_kms_key_id")) {
    settings->object_headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id",
                                          key->value);
  }
  bool has_bucket_key = false;
  ARROW_RETURN_NOT_OK(ReadFlag("aws_sse_bucket_key_enabled", &has_bucket_key));
  if (has_bucket_key) {
    settings->object_headers.emplace_back("x-amz-server-side-encryption-bucket-key-enabled",
                                          "true");
  }
  return arrow::Status::OK();
}

arrow::Status StorageSettings::ReadLookup(AwsLookup* lookup) const {
  lookup->profile = Text("aws_profile");
  lookup->config_file = Text("aws_config_file");
  lookup->credentials_file = Text("aws_shared_credentials_file");
  lookup->role_arn = Text("aws_role_arn");
  lookup->role_session_name = Text("aws_role_session_name");
  lookup->web_identity_token_file = Text("aws_web_identity_token_file");
  lookup->container_relative_uri = Text("aws_container_credentials_relative_uri");
  lookup->container_full_uri = Text("aws_container_credentials_full_uri");
  lookup->container_token = Text("aws_container_authorization_token");
  lookup->container_token_file = Text("aws_container_authorization_token_file");
  lookup->metadata_endpoint = Text("aws_ec2_metadata_service_endpoint");
  lookup->sts_endpoint = Text("aws_endpoint_url_sts");
  return ReadFlag("aws_ec2_metadata_disabled", &lookup->is_metadata_disabled);
}

arrow::Result<S3Settings> StorageSettings::ForS3() const {
  S3Settings settings;
  ARROW_ASSIGN_OR_RAISE(settings.client, ForClient());
  // What is given says whose keys these are: parts of others' do not belong to them.
  const bool is_given = FindIn(options_, "aws_access_key_id").has_value() ||
                        FindIn(options_, "aws_secret_access_key").has_value();
  if (is_given || !FindIn(options_, "aws_profile").has_value()) {
    const auto text = [&](const char* option) {
      const auto found = FindIn(is_given ? options_ : environment_, option);
      return found.has_value() ? found->value : "";
    };
    settings.access_key_id = text("aws_access_key_id");
    settings.secret_access_key = text("aws_secret_access_key");
    settings.session_token = text("aws_session_token");
  }
  if (settings.access_key_id.empty() != settings.secret_access_key.empty()) {
    return arrow::Status::Invalid(
        "the storage options aws_access_key_id and aws_secret_access_key go together; only ",
        settings.access_key_id.empty() ? "the second" : "the first", " is given");
  }
  ARROW_RETURN_NOT_OK(ReadLookup(&settings.lookup));
  settings.client.ca_file = Text("aws_ca_bundle");
  ARROW_RETURN_NOT_OK(ReadFlag("aws_skip_signature", &settings.anonymous));
  settings.region = Text("aws_region");
  ARROW_ASSIGN_OR_RAISE(settings.endpoint, EndpointOf("aws_endpoint", settings.client));
  ARROW_RETURN_NOT_OK(ReadFlag("aws_virtual_hosted_style_request", &settings.virtual_hosted));
  ARROW_RETURN_NOT_OK(ReadForWrites(&settings));
  return settings;
}

arrow::Result<GcsSettings> StorageSettings::ForGcs() const {
  GcsSettings settings;
  ARROW_ASSIGN_OR_RAISE(settings.client, ForClient());
  settings.key_file = Text("google_service_account");
  settings.key_json = Text("google_service_account_key");
  settings.access_token = Text("google_storage_token");
  ARROW_RETURN_NOT_OK(ReadFlag("google_skip_signature", &settings.anonymous));
  ARROW_ASSIGN_OR_RAISE(settings.endpoint, EndpointOf("google_endpoint", settings.client));
  return settings;
}

arrow::Result<AzureSettings> StorageSettings::ForAzure(const std::string& account_of_uri) const {
  AzureSettings settings;
  ARROW_ASSIGN_OR_RAISE(settings.client, ForClient());
  settings.account_name = Text("azure_storage_account_name");
  settings.account_key = Text("azure_storage_account_key");
  if (!IsBase64(settings.account_key)) {
    return arrow::Status::Invalid(
        "the storage option account_key (or AZURE_STORAGE_ACCOUNT_KEY) is no key of Azure's, which "
        "is written in base64");
  }
  settings.sas_token = Text("azure_storage_sas_token");
  if (settings.sas_token.starts_with('?')) settings.sas_token.erase(0, 1);
  settings.tenant_id = Text("azure_storage_tenant_id");
  settings.client_id = Text("azure_storage_client_id");
  settings.client_secret = Text("azure_storage_client_secret");
  ARROW_RETURN_NOT_OK(ReadFlag("azure_skip_signature", &settings.anonymous));
  ARROW_ASSIGN_OR_RAISE(settings.endpoint, EndpointOf("azure_storage_endpoint", settings.client));
  bool use_emulator = false;
  ARROW_RETURN_NOT_OK(ReadFlag("azure_storage_use_emulator", &use_emulator));
  if (use_emulator) {
    // The account that every emulator has, published in Azurite's documentation.
    if (settings.account_name.empty()) settings.account_name = "devstoreaccount1";
    if (settings.account_key.empty()) {
      settings.account_key =
          "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/"
          "KBHBeksoGMGw==";
    }
    if (settings.endpoint.authority.empty()) settings.endpoint = {"http", "127.0.0.1:10000"};
  }
  if (!account_of_uri.empty()) {
    // The key of one account must not be sent to another.
    if (!settings.account_name.empty() && settings.account_name != account_of_uri) {
      return arrow::Status::Invalid("the URI is of the account '", account_of_uri,
                                    "', the storage options are of '", settings.account_name, "'");
    }
    settings.account_name = account_of_uri;
  }
  if (settings.account_name.empty()) {
    return arrow::Status::Invalid(
        "the storage option account_name (or AZURE_STORAGE_ACCOUNT_NAME) is needed for az://");
  }
  return settings;
}

std::string StorageSettings::Key() const {
  std::string key;
  for (const auto* values : {&options_, &environment_}) {
    for (const auto& [name, value] : *values) {
      key.append(std::to_string(name.size())).append(":").append(name);
      key.append(std::to_string(value.size())).append(":").append(value);
    }
    key += ";";
  }
  return key;
}

std::string StorageSettings::Redact(std::string text) const {
  for (const Option& option : known_options) {
    if (!option.is_secret) continue;
    const std::string secret = Text(std::string(option.spellings.front()).c_str());
    if (secret.size() < 4) continue;  // would hide words of the message and be no secret
    for (size_t at = text.find(secret); at != text.npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  HideSignatures(&text);
  return text;
}

}  // namespace storage

}  // namespace croupier
