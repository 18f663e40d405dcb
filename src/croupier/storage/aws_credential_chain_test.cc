#include "croupier/storage/aws_credential_chain.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/storage/failure.h"
#include "croupier/testing/golden.h"

namespace croupier::storage {
namespace {

// Gives the answers of a function.
class FakeHttp : public HttpClient {
 public:
  struct Sent {
    std::string line, body, signer;
    std::map<std::string, std::string> headers;
  };

  arrow::Result<HttpResponse> Send(const HttpRequest& request,
                                   const CancelToken& /*cancel*/) override {
    const auto* const signer = request.signer;
    sent.push_back({request.method + " " + request.url,
                    {request.body.begin(), request.body.end()},
                    signer == nullptr ? ""
                                      : signer->service + " " + signer->region + " " +
                                            signer->access_key_id + " " + signer->session_token,
                    {request.headers.begin(), request.headers.end()}});
    const auto found = answers.find(sent.back().line);
    if (found == answers.end()) return MakeFailure(Failure::kTransient, "nobody answers");
    return found->second;
  }

  void Answer(const std::string& line, int status, const std::string& body) {
    answers[line] = {status, {}, body};
  }

  std::vector<Sent> sent;
  std::map<std::string, HttpResponse> answers;
};

std::string Json(const std::string& key) {
  return R"({"AccessKeyId": ")" + key +
         R"(", "SecretAccessKey": "hunter2", "Token": "t", "Expiration": "2126-01-01T00:00:00Z"})";
}

std::string Xml(const std::string& key) {
  return "<R><Credentials><AccessKeyId>" + key +
         "</AccessKeyId><SecretAccessKey>hunter2</SecretAccessKey><SessionToken>t</SessionToken>"
         "</Credentials></R>";
}

class AwsCredentialChainTest : public ::testing::Test {
 protected:
  AwsCredentialChainTest() {
    context_.http = http_;
    context_.make_metadata_http = [this] { return metadata_; };
    context_.lookup.config_file = WriteFile("config", "");
    context_.lookup.credentials_file = WriteFile("credentials", "");
  }

  std::string WriteFile(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    testing::WriteFile(path, {text.begin(), text.end()});
    return path;
  }

  arrow::Result<std::shared_ptr<const AwsKeys>> Keys() const {
    return MakeAwsCredentialChain(context_)->Get(CancelToken::Never());
  }
  std::string Id() const {
    const auto keys = Keys();
    return keys.ok() ? (*keys)->access_key_id : keys.status().ToString();
  }

  const std::filesystem::path folder_ = testing::MakeTemporaryDirectory();
  const std::shared_ptr<FakeHttp> http_ = std::make_shared<FakeHttp>();
  const std::shared_ptr<FakeHttp> metadata_ = std::make_shared<FakeHttp>();
  AwsChainContext context_;
};

TEST_F(AwsCredentialChainTest, WithoutAnyTheErrorSaysWhereTheyWereLookedFor) {
  const auto status = Keys().status();
  EXPECT_EQ(FailureOf(status), Failure::kFinal);
  for (const char* word : {"storage_options", "AWS_ACCESS_KEY_ID", "'default'", "credentials",
                           "metadata service", "does not answer", "aws_skip_signature"}) {
    EXPECT_NE(status.message().find(word), std::string::npos) << word << ": " << status;
  }
  EXPECT_EQ(metadata_->sent.at(0).line, "PUT http://169.254.169.254/latest/api/token");
  const size_t num_sent = metadata_->sent.size();
  context_.lookup.is_metadata_disabled = true;
  EXPECT_NE(Keys().status().message().find("is disabled"), std::string::npos);
  EXPECT_EQ(metadata_->sent.size(), num_sent);
}

TEST_F(AwsCredentialChainTest, AProfileHasKeys) {
  WriteFile("credentials",
            "[default]\naws_access_key_id = a\naws_secret_access_key = s\n"
            "[dev]\naws_access_key_id = b\naws_secret_access_key = s\naws_session_token = t\n"
            "[half]\naws_access_key_id = b\n");
  EXPECT_EQ(Id(), "a");
  context_.lookup.profile = "dev";
  EXPECT_EQ(Id(), "b");
  EXPECT_EQ(Keys().ValueOrDie()->session_token, "t");
  context_.lookup.profile = "half";
  EXPECT_NE(Id().find("only one of aws_access_key_id"), std::string::npos) << Id();
  context_.lookup.profile = "prod";
  EXPECT_NE(Id().find("no profile 'prod'"), std::string::npos) << Id();
  EXPECT_NE(Id().find("there are: default, dev, half"), std::string::npos) << Id();
  EXPECT_TRUE(metadata_->sent.empty());
}

TEST_F(AwsCredentialChainTest, AProfileHasACommand) {
  const auto answer = WriteFile("answer", Json("c"));
  WriteFile("config", "[profile dev]\ncredential_process = cat " + answer +
                          "\n[profile bad]\ncredential_process = echo hunter2\n"
                          "[profile fails]\ncredential_process = exit 1\n");
  context_.lookup.profile = "dev";
  EXPECT_EQ(Id(), "c");
  for (const char* profile : {"bad", "fails"}) {
    context_.lookup.profile = profile;
    EXPECT_NE(Id().find("credential_process of the profile"), std::string::npos) << Id();
    EXPECT_EQ(Id().find("hunter2"), std::string::npos) << Id();
  }
}

TEST_F(AwsCredentialChainTest, AProfileAssumesARoleOfAnotherOne) {
  WriteFile("config",
            "[default]\naws_access_key_id = a\naws_secret_access_key = s\n"
            "[profile role]\nrole_arn = arn:r\nsource_profile = default\nexternal_id = e\n"
            "region = eu-west-1\nrole_session_name = n\nduration_seconds = 900\n"
            "[profile second]\nrole_arn = arn:2\nsource_profile = role\n");
  http_->Answer("POST https://sts.eu-west-1.amazonaws.com/", 200, Xml("assumed"));
  http_->Answer("POST https://sts.amazonaws.com/", 200, Xml("twice"));
  context_.lookup.profile = "role";
  EXPECT_EQ(Id(), "assumed");
  EXPECT_EQ(http_->sent.at(0).body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Ar&RoleSessionName=n&"
            "DurationSeconds=900&ExternalId=e");
  EXPECT_EQ(http_->sent.at(0).signer, "sts eu-west-1 a ");
  context_.lookup.profile = "second";
  EXPECT_EQ(Id(), "twice");
  EXPECT_EQ(http_->sent.back().signer, "sts us-east-1 assumed t");
}

TEST_F(AwsCredentialChainTest, AProfileMayBeItsOwnSourceOrThatOfTheMachine) {
  WriteFile("config",
            "[profile self]\naws_access_key_id = a\naws_secret_access_key = s\nrole_arn = arn:r\n"
            "source_profile = self\n"
            "[profile box]\nrole_arn = arn:r\ncredential_source = EcsContainer\n"
            "[profile odd]\nrole_arn = arn:r\ncredential_source = Elsewhere\n");
  http_->Answer("POST https://sts.amazonaws.com/", 200, Xml("assumed"));
  metadata_->Answer("GET http://169.254.170.2/v2/x", 200, Json("container"));
  context_.lookup.container_relative_uri = "/v2/x";
  for (const char* profile : {"self", "box"}) {
    context_.lookup.profile = profile;
    EXPECT_EQ(Id(), "assumed");
  }
  EXPECT_EQ(http_->sent.at(0).signer, "sts us-east-1 a ");
  EXPECT_EQ(http_->sent.at(1).signer, "sts us-east-1 container t");
  context_.lookup.profile = "odd";
  EXPECT_NE(Id().find("credential_source that is not one of"), std::string::npos) << Id();
}

TEST_F(AwsCredentialChainTest, ProfilesThatNameEachOtherOrNobodyAreErrors) {
  WriteFile("config",
            "[profile a]\nrole_arn = x\nsource_profile = b\n"
            "[profile b]\nrole_arn = x\nsource_profile = a\n"
            "[profile c]\nrole_arn = x\nsource_profile = none\n");
  context_.lookup.profile = "a";
  EXPECT_NE(Id().find("is its own source"), std::string::npos) << Id();
  context_.lookup.profile = "c";
  EXPECT_NE(Id().find("no profile 'none'"), std::string::npos) << Id();
}

TEST_F(AwsCredentialChainTest, WhatNeedsAPersonIsRefusedWithTheRemedy) {
  WriteFile("config",
            "[profile sso]\nsso_session = x\n[profile old]\nsso_start_url = x\n"
            "[profile mfa]\nrole_arn = x\nsource_profile = sso\nmfa_serial = y\n");
  for (const char* profile : {"sso", "old", "mfa"}) {
    context_.lookup.profile = profile;
    EXPECT_TRUE(Keys().status().IsNotImplemented()) << Id();
    EXPECT_NE(Id().find("aws configure export-credentials"), std::string::npos) << Id();
  }
}

TEST_F(AwsCredentialChainTest, AWebIdentityIsExchangedForARole) {
  context_.region = "cn-north-1";
  context_.lookup.role_arn = "arn:aws:iam::1:role/r";
  context_.lookup.web_identity_token_file = WriteFile("token", "tok+en\n");
  const std::string line = "POST https://sts.cn-north-1.amazonaws.com.cn/";
  http_->Answer(line, 200, Xml("web"));
  EXPECT_EQ(Id(), "web");
  EXPECT_EQ(http_->sent.at(0).signer, "");
  EXPECT_NE(http_->sent.at(0).body.find("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"),
            std::string::npos);
  EXPECT_TRUE(http_->sent.at(0).body.ends_with("&WebIdentityToken=tok%2Ben"));
  http_->Answer(line, 403, "<E><Code>AccessDenied</Code><Message>no</Message></E>");
  EXPECT_EQ(FailureOf(Keys().status()), Failure::kFinal);
  EXPECT_NE(Id().find("role/r: HTTP status 403, AccessDenied, no"), std::string::npos) << Id();
  http_->Answer(line, 503, "");
  EXPECT_EQ(FailureOf(Keys().status()), Failure::kTransient);
  context_.lookup.web_identity_token_file = "/none";
  EXPECT_NE(Id().find("cannot read the token in /none"), std::string::npos) << Id();
}

TEST_F(AwsCredentialChainTest, TheTokenServiceCanBeElsewhere) {
  context_.lookup.role_arn = "r";
  context_.lookup.web_identity_token_file = WriteFile("token", "t");
  context_.lookup.sts_endpoint = "http://localhost:1";
  EXPECT_NE(Id().find("allow_http"), std::string::npos) << Id();
  context_.allow_http = true;
  http_->Answer("POST http://localhost:1/", 200, Xml("here"));
  EXPECT_EQ(Id(), "here");
}

TEST_F(AwsCredentialChainTest, AContainerIsAskedWithItsToken) {
  context_.lookup.container_full_uri = "http://169.254.170.23/v1/credentials";
  context_.lookup.container_token = "plain";
  metadata_->Answer("GET http://169.254.170.23/v1/credentials", 200, Json("pod"));
  EXPECT_EQ(Id(), "pod");
  EXPECT_EQ(metadata_->sent.back().headers.at("Authorization"), "plain");
  context_.lookup.container_token_file = WriteFile("token", "from file\n");
  EXPECT_EQ(Id(), "pod");
  EXPECT_EQ(metadata_->sent.back().headers.at("Authorization"), "from file");
  metadata_->Answer("GET http://169.254.170.23/v1/credentials", 403, Json("hidden"));
  EXPECT_EQ(FailureOf(Keys().status()), Failure::kFinal);
  EXPECT_EQ(Id().find("hidden"), std::string::npos) << Id();
}

TEST_F(AwsCredentialChainTest, ATokenForAContainerStaysInTheMachine) {
  context_.lookup.container_token = "secret";
  for (const char* uri :
       {"http://example.com/x", "http://127.0.0.1.example.com/", "ftp://localhost/",
        "http://localhost@example.com/", "//localhost/", "http://localhostile/", "http://"}) {
    context_.lookup.container_full_uri = uri;
    EXPECT_NE(Id().find("AWS_CONTAINER_CREDENTIALS_FULL_URI must be"), std::string::npos) << uri;
  }
  EXPECT_TRUE(metadata_->sent.empty());
  for (const char* uri : {"https://example.com/x", "http://localhost:80/x", "http://[::1]/x"}) {
    context_.lookup.container_full_uri = uri;
    metadata_->Answer(std::string("GET ") + uri, 200, Json("there"));
    EXPECT_EQ(Id(), "there") << uri;
  }
}

TEST_F(AwsCredentialChainTest, AMachineGivesTheKeysOfItsRole) {
  context_.lookup.metadata_endpoint = "http://localhost:2/";
  const std::string roles = "http://localhost:2/latest/meta-data/iam/security-credentials/";
  metadata_->Answer("PUT http://localhost:2/latest/api/token", 200, "metadata token");
  metadata_->Answer("GET " + roles, 200, "a role\nanother\n");
  metadata_->Answer("GET " + roles + "a%20role", 200, Json("machine"));
  EXPECT_EQ(Id(), "machine");
  EXPECT_EQ(metadata_->sent.at(0).headers.at("X-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(metadata_->sent.at(2).headers.at("X-aws-ec2-metadata-token"), "metadata token");
  metadata_->Answer("GET " + roles, 404, "");
  EXPECT_NE(Id().find("has no role"), std::string::npos) << Id();
  metadata_->Answer("GET " + roles, 503, "");
  EXPECT_EQ(FailureOf(Keys().status()), Failure::kTransient);
  metadata_->Answer("PUT http://localhost:2/latest/api/token", 403, "");
  EXPECT_NE(Id().find("has none (HTTP status 403)"), std::string::npos) << Id();
}

}  // namespace
}  // namespace croupier::storage
