#include "croupier/storage/aws_credential_chain.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/status.h>
#include <unistd.h>

#include "croupier/storage/aws_credential_answers.h"
#include "croupier/storage/aws_profiles.h"
#include "croupier/storage/failure.h"
#include "croupier/storage/percent_encoding.h"
#include "croupier/storage/process_output.h"
#include "croupier/storage/xml_elements.h"

namespace croupier::storage {

namespace {

using Header = std::pair<std::string, std::string>;
using MaybeKeys = std::optional<AwsKeys>;

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxReasonBytes = 300;
constexpr int kMaxRoles = 8;  // of profiles that name each other
constexpr auto kCommandPatience = std::chrono::seconds(60);
constexpr char kMetadata[] = "http://169.254.169.254";
constexpr char kContainer[] = "http://169.254.170.2";

// A machine without such a service waits for as many time-outs.
constexpr int kMetadataAttempts = 2;

arrow::Status Fails(std::string message) {
  return MakeFailure(Failure::kFinal, std::move(message));
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Read a small file; nothing if there is none.
std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kMaxFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

arrow::Result<std::string> ReadToken(const std::string& path) {
  const auto text = ReadFile(path);
  if (!text.has_value()) return Fails("cannot read the token in " + path);
  const auto token = Trim(*text);
  if (token.empty() || token.find_first_of("\r\n") != token.npos) {
    return Fails("there is no token in " + path);
  }
  return std::string(token);
}

std::string InHome(const std::string& given, const char* name) {
  if (!given.empty() && !given.starts_with("~/")) return given;
  const char* const home = std::getenv("HOME");
  const std::string directory = home == nullptr ? "" : home;
  return directory + "/" + (given.empty() ? ".aws/" + std::string(name) : given.substr(2));
}

std::string_view Setting(const AwsProfile& profile, std::string_view name) {
  const auto found = profile.find(name);
  return found == profile.end() ? "" : std::string_view(found->second);
}

std::string Listed(const AwsProfiles& profiles) {
  std::string names;
  for (const auto& [name, profile] : profiles) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

// A failure to be tried again, if the status says so.
arrow::Status Refused(const std::string& who, const HttpResponse& response) {
  const bool is_transient = response.status >= 500 || response.status == 429;
  return MakeFailure(is_transient ? Failure::kTransient : Failure::kFinal,
                     who + ": HTTP status " + std::to_string(response.status));
}

// Where a token for the service of a container may be sent in the clear: to this machine alone.
bool IsInMachine(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) return true;
  if (!url.starts_with(kScheme)) return false;
  const auto authority =
      url.substr(kScheme.size(), url.find_first_of("/?#", kScheme.size()) - kScheme.size());
  if (authority.find('@') != authority.npos) return false;
  constexpr std::array<std::string_view, 6> kHosts = {
      "localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
  return std::ranges::any_of(kHosts, [&](std::string_view host) {
    return authority.starts_with(host) &&
           (authority.size() == host.size() || authority[host.size()] == ':');
  });
}

class Chain {
 public:
  explicit Chain(AwsChainContext context) : context_(std::move(context)) {}

  arrow::Result<AwsKeys> Fetch(const CancelToken& cancel) {
    const auto& lookup = context_.lookup;
    AwsProfiles profiles;
    for (const auto& [path, file] : {std::pair(ConfigFile(), AwsFile::kConfig),
                                     std::pair(CredentialsFile(), AwsFile::kCredentials)}) {
      if (const auto text = ReadFile(path)) AddAwsProfiles(*text, file, &profiles);
    }
    const std::string name = lookup.profile.empty() ? "default" : lookup.profile;
    if (profiles.contains(name)) {
      ARROW_ASSIGN_OR_RAISE(auto keys, OfProfile(profiles, name, 0, cancel));
      if (keys.has_value()) return *std::move(keys);
    } else if (!lookup.profile.empty()) {
      return Fails("no profile '" + name + "' of AWS in " + CredentialsFile() + " or " +
                   ConfigFile() + "; there are: " + Listed(profiles));
    }
    if (!lookup.role_arn.empty() && !lookup.web_identity_token_file.empty()) {
      return OfWebIdentity({lookup.role_arn, lookup.role_session_name, "", ""},
                           lookup.web_identity_token_file, context_.region, cancel);
    }
    if (!lookup.container_relative_uri.empty() || !lookup.container_full_uri.empty()) {
      return OfContainer(cancel);
    }
    std::string reason = "is disabled";
    if (!lookup.is_metadata_disabled) {
      ARROW_ASSIGN_OR_RAISE(auto keys, OfMachine(&reason, cancel));
      if (keys.has_value()) return *std::move(keys);
    }
    return Fails(
        "there are no credentials for S3: none in storage_options or AWS_ACCESS_KEY_ID, in the "
        "profile '" +
        name + "' of " + CredentialsFile() + " or " + ConfigFile() +
        ", of a web identity or a container, and the metadata service of the machine " + reason +
        "; for a public bucket set aws_skip_signature to true");
  }

 private:
  struct Role {
    std::string arn;
    std::string session_name;
    std::string external_id;
    std::string duration_seconds;
  };

  std::string ConfigFile() const { return InHome(context_.lookup.config_file, "config"); }
  std::string CredentialsFile() const {
    return InHome(context_.lookup.credentials_file, "credentials");
  }

  // Nothing if the profile does not say who it is.
  arrow::Result<MaybeKeys> OfProfile(const AwsProfiles& profiles, const std::string& name,
                                     int depth, const CancelToken& cancel) {
    const std::string place = "the profile '" + name + "' of AWS";
    const auto found = profiles.find(name);
    if (found == profiles.end()) {
      return Fails(
          "no profile '" + name +
          "' of AWS, which another one names as its source; there are: " + Listed(profiles));
    }
    const AwsProfile& profile = found->second;
    const auto text = [&](std::string_view setting) {
      return std::string(Setting(profile, setting));
    };
    const std::string region = context_.region.empty() ? text("region") : context_.region;
    const Role role = {text("role_arn"), text("role_session_name"), text("external_id"),
                       text("duration_seconds")};
    const auto source = text("source_profile");
    const auto source_kind = text("credential_source");
    const auto token_file = text("web_identity_token_file");
    if (!role.arn.empty() && !token_file.empty()) {
      return OfWebIdentity(role, token_file, region, cancel);
    }
    if (!role.arn.empty() && (!source.empty() || !source_kind.empty())) {
      if (depth == kMaxRoles) return Fails(place + " is its own source");
      if (profile.contains("mfa_serial")) {
        return arrow::Status::NotImplemented(
            place,
            " asks for a second factor (mfa_serial), which cannot be entered here: ", kRemedy);
      }
      ARROW_ASSIGN_OR_RAISE(const auto keys,
                            source.empty()   ? OfSource(place, source_kind, cancel)
                            : source == name ? OfOwnKeys(profile, place)  // which it has as well
                                             : OfProfile(profiles, source, depth + 1, cancel));
      if (!keys.has_value()) return Fails(place + " has a source without credentials");
      return OfRole(role, *keys, region, cancel);
    }
    ARROW_ASSIGN_OR_RAISE(auto keys, OfOwnKeys(profile, place));
    if (keys.has_value()) return keys;
    if (const auto command = text("credential_process"); !command.empty()) {
      return OfCommand(command, place, cancel);
    }
    for (const char* setting : {"sso_session", "sso_start_url", "login_session"}) {
      if (profile.contains(setting)) {
        return arrow::Status::NotImplemented(place, " needs a single sign-on (", setting,
                                             "), which is not done here: ", kRemedy);
      }
    }
    return std::nullopt;
  }

  static constexpr char kRemedy[] =
      "put `credential_process = aws configure export-credentials --profile NAME` into a profile, "
      "or set the variables that `aws configure export-credentials --format env` prints";

  static arrow::Result<MaybeKeys> OfOwnKeys(const AwsProfile& profile, const std::string& place) {
    AwsKeys keys;
    keys.access_key_id = Setting(profile, "aws_access_key_id");
    keys.secret_access_key = Setting(profile, "aws_secret_access_key");
    keys.session_token = Setting(profile, "aws_session_token");
    if (keys.access_key_id.empty() && keys.secret_access_key.empty()) return std::nullopt;
    if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
      return Fails(place + " has only one of aws_access_key_id and aws_secret_access_key");
    }
    return keys;
  }

  arrow::Result<MaybeKeys> OfSource(const std::string& place, const std::string& kind,
                                    const CancelToken& cancel) {
    if (kind == "Environment") {
      const auto text = [](const char* name) {
        const char* const value = std::getenv(name);
        return std::string(value == nullptr ? "" : value);
      };
      return OfOwnKeys({{"aws_access_key_id", text("AWS_ACCESS_KEY_ID")},
                        {"aws_secret_access_key", text("AWS_SECRET_ACCESS_KEY")},
                        {"aws_session_token", text("AWS_SESSION_TOKEN")}},
                       place);
    }
    if (kind == "EcsContainer") return OfContainer(cancel);
    if (kind == "Ec2InstanceMetadata") {
      std::string reason;
      return OfMachine(&reason, cancel);
    }
    return Fails(place +
                 " has a credential_source that is not one of Environment, "
                 "Ec2InstanceMetadata, EcsContainer: " +
                 kind);
  }

  static arrow::Result<AwsKeys> OfCommand(const std::string& command, const std::string& place,
                                          const CancelToken& cancel) {
    const auto named = [&](const arrow::Status& status) {
      return status.WithMessage("credential_process of ", place, ": ", status.message());
    };
    const auto output = ReadProcessOutput(command, kCommandPatience, cancel);
    if (!output.ok()) return named(output.status());
    auto keys = ParseAwsKeys(*output);
    if (!keys.ok()) return named(Fails(keys.status().message()));
    return keys;
  }

  arrow::Result<AwsKeys> OfWebIdentity(const Role& role, const std::string& token_file,
                                       const std::string& region, const CancelToken& cancel) {
    ARROW_ASSIGN_OR_RAISE(const auto token, ReadToken(InHome(token_file, "")));
    return AskTokenService("AssumeRoleWithWebIdentity", role, {{"WebIdentityToken", token}},
                           nullptr, region, cancel);
  }

  arrow::Result<AwsKeys> OfRole(const Role& role, const AwsKeys& keys, const std::string& region,
                                const CancelToken& cancel) {
    AwsSigner signer;
    signer.service = "sts";
    signer.region = region.empty() ? "us-east-1" : region;
    signer.access_key_id = keys.access_key_id;
    signer.secret_access_key = keys.secret_access_key;
    signer.session_token = keys.session_token;
    std::vector<Header> parameters;
    if (!role.external_id.empty()) parameters.emplace_back("ExternalId", role.external_id);
    return AskTokenService("AssumeRole", role, parameters, &signer, region, cancel);
  }

  // Source: AWS Security Token Service API Reference.
  arrow::Result<AwsKeys> AskTokenService(const std::string& action, const Role& role,
                                         const std::vector<Header>& parameters,
                                         const AwsSigner* signer, const std::string& region,
                                         const CancelToken& cancel) {
    std::string body = "Action=" + action +
                       "&Version=2011-06-15&RoleArn=" + PercentEncode(role.arn) +
                       "&RoleSessionName=";
    body += role.session_name.empty() ? "croupier-" + std::to_string(getpid())
                                      : PercentEncode(role.session_name);
    if (!role.duration_seconds.empty()) {
      body += "&DurationSeconds=" + PercentEncode(role.duration_seconds);
    }
    for (const auto& [name, value] : parameters) body += "&" + name + "=" + PercentEncode(value);
    HttpRequest request;
    request.method = "POST";
    request.url = context_.lookup.sts_endpoint;
    if (request.url.empty()) {
      request.url = "https://sts." + (region.empty() ? "" : region + ".") + "amazonaws.com" +
                    (region.starts_with("cn-") ? ".cn" : "");
    } else if (!request.url.starts_with("https://") && !context_.allow_http) {
      return Fails(
          "AWS_ENDPOINT_URL_STS names an http:// endpoint, which sends tokens in the "
          "clear; set allow_http to true to permit that");
    }
    if (!request.url.ends_with('/')) request.url += "/";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = {reinterpret_cast<const uint8_t*>(body.data()), body.size()};
    request.signer = signer;
    const std::string who = action + " of " + role.arn;
    const auto response = context_.http->Send(request, cancel);
    if (!response.ok()) {
      return response.status().WithMessage(who, ": ", response.status().message());
    }
    if (response->status != 200) {
      const auto refused = Refused(who, *response);
      std::string reason;
      for (const char* part : {"Code", "Message"}) {
        const auto text = XmlText(response->body, part);
        if (!text.empty()) reason += ", " + text.substr(0, kMaxReasonBytes);
      }
      return refused.WithMessage(refused.message(), reason);
    }
    auto keys = ParseAssumedRole(response->body);
    if (!keys.ok()) return Fails(who + ": " + keys.status().message());
    return keys;
  }

  arrow::Result<HttpResponse> AskMachine(const char* method, std::string url,
                                         std::vector<Header> headers, const CancelToken& cancel) {
    if (metadata_http_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(metadata_http_, context_.make_metadata_http());
    }
    HttpRequest request;
    request.method = method;
    request.url = std::move(url);
    request.headers = std::move(headers);
    auto response = metadata_http_->Send(request, cancel);
    for (int attempt = 1; attempt < kMetadataAttempts; ++attempt) {
      const bool is_transient = response.ok() ? response->status >= 500
                                              : FailureOf(response.status()) == Failure::kTransient;
      if (!is_transient) break;
      response = metadata_http_->Send(request, cancel);
    }
    return response;
  }

  // Source: Amazon ECS Developer Guide, "Task IAM role"; Amazon EKS User Guide, "Pod Identity".
  arrow::Result<AwsKeys> OfContainer(const CancelToken& cancel) {
    const auto& lookup = context_.lookup;
    std::string url = lookup.container_full_uri;
    if (!lookup.container_relative_uri.empty()) url = kContainer + lookup.container_relative_uri;
    if (!IsInMachine(url)) {
      return Fails("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https://, or of this machine");
    }
    std::vector<Header> headers;
    if (!lookup.container_token_file.empty()) {
      ARROW_ASSIGN_OR_RAISE(auto token, ReadToken(lookup.container_token_file));
      headers.emplace_back("Authorization", std::move(token));
    } else if (!lookup.container_token.empty()) {
      headers.emplace_back("Authorization", lookup.container_token);
    }
    const std::string who = "the credentials of the container";
    const auto response = AskMachine("GET", url, std::move(headers), cancel);
    if (!response.ok()) {
      return response.status().WithMessage(who, ": ", response.status().message());
    }
    if (response->status != 200) return Refused(who, *response);
    auto keys = ParseAwsKeys(response->body);
    if (!keys.ok()) return Fails(who + ": " + keys.status().message());
    return keys;
  }

  // Nothing, and the reason, if the machine has no such service, or no role.
  // Source: Amazon EC2 User Guide, "Retrieve security credentials from instance metadata".
  arrow::Result<MaybeKeys> OfMachine(std::string* reason, const CancelToken& cancel) {
    std::string base = context_.lookup.metadata_endpoint;
    if (base.empty()) base = kMetadata;
    while (base.ends_with('/')) base.pop_back();
    const std::string who = "the metadata of the machine";
    const auto token = AskMachine("PUT", base + "/latest/api/token",
                                  {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}, cancel);
    if (!token.ok()) {
      if (FailureOf(token.status()) != Failure::kTransient) return token.status();
      *reason = "does not answer";
      return std::nullopt;
    }
    if (token->status != 200) {
      if (token->status >= 500) return Refused(who, *token);
      *reason = "has none (HTTP status " + std::to_string(token->status) + ")";
      return std::nullopt;
    }
    const std::vector<Header> headers = {
        {"X-aws-ec2-metadata-token", std::string(Trim(token->body))}};
    const std::string roles = base + "/latest/meta-data/iam/security-credentials/";
    ARROW_ASSIGN_OR_RAISE(const auto listed, AskMachine("GET", roles, headers, cancel));
    const std::string role(Trim(listed.body.substr(0, listed.body.find('\n'))));
    if (listed.status == 404 || (listed.status == 200 && role.empty())) {
      *reason = "has no role";
      return std::nullopt;
    }
    if (listed.status != 200) return Refused(who, listed);
    ARROW_ASSIGN_OR_RAISE(const auto response,
                          AskMachine("GET", roles + PercentEncode(role), headers, cancel));
    if (response.status != 200) return Refused(who, response);
    auto keys = ParseAwsKeys(response.body);
    if (!keys.ok()) return Fails(who + ": " + keys.status().message());
    return *std::move(keys);
  }

  const AwsChainContext context_;
  std::shared_ptr<HttpClient> metadata_http_;
};

}  // namespace

std::shared_ptr<AwsCredentials> MakeAwsCredentialChain(AwsChainContext context) {
  // Renewing calls it under a lock.
  return RenewedAwsCredentials([chain = std::make_shared<Chain>(std::move(context))](
                                   const CancelToken& cancel) { return chain->Fetch(cancel); });
}

}  // namespace croupier::storage
