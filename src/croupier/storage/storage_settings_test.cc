#include "croupier/storage/storage_settings.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/storage/object_store.h"

namespace croupier::storage {
namespace {

StorageSettings Make(const StorageOptions& options) {
  return StorageSettings::Make(options).ValueOrDie();
}

// A variable of the environment for one test.
class WithVariable {
 public:
  WithVariable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~WithVariable() { unsetenv(name_); }
  WithVariable(const WithVariable&) = delete;
  WithVariable& operator=(const WithVariable&) = delete;

 private:
  const char* const name_;
};

TEST(StorageSettingsTest, ReadsHowObjectsAreEncrypted) {
  const auto s3 = Make({{"aws_server_side_encryption", "aws:kms"},
                        {"aws_sse_kms_key_id", "id"},
                        {"aws_sse_bucket_key_enabled", "true"}})
                      .ForS3()
                      .ValueOrDie();
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"x-amz-server-side-encryption", "aws:kms"},
      {"x-amz-server-side-encryption-aws-kms-key-id", "id"},
      {"x-amz-server-side-encryption-bucket-key-enabled", "true"}};
  EXPECT_EQ(s3.object_headers, expected);
  EXPECT_TRUE(s3.writable.ok());
  EXPECT_TRUE(Make({}).ForS3().ValueOrDie().object_headers.empty());
}

TEST(StorageSettingsTest, WhatWritesDoNotDoIsRefusedByThemAlone) {
  for (const auto& [name, value] : StorageOptions{{"aws_server_side_encryption", "sse-c"},
                                                  {"conditional_put", "dynamo:table"}}) {
    const auto s3 = Make({{name, value}}).ForS3().ValueOrDie();
    EXPECT_TRUE(s3.writable.IsNotImplemented());
    EXPECT_NE(s3.writable.message().find(name), std::string::npos) << s3.writable;
    const auto store = OpenObjectStore("s3://bucket/d", {{name, value}}).ValueOrDie();
    EXPECT_EQ(store->CheckWritable(), s3.writable);
  }
  EXPECT_TRUE(Make({{"aws_conditional_put", "etag"}}).ForS3().ValueOrDie().writable.ok());
}

TEST(StorageSettingsTest, ReadsTheSpellingsOfLanceInAnyCase) {
  const auto s3 = Make({{"AWS_Access_Key_Id", "key"},
                        {"secret_access_key", "secret"},
                        {"aws_token", "token"},
                        {"region", "eu-west-1"},
                        {"endpoint_url", "http://localhost:9000/"},
                        {"allow_http", "True"},
                        {"virtual_hosted_style_request", "1"}})
                      .ForS3()
                      .ValueOrDie();
  EXPECT_EQ(s3.access_key_id, "key");
  EXPECT_EQ(s3.secret_access_key, "secret");
  EXPECT_EQ(s3.session_token, "token");
  EXPECT_EQ(s3.region, "eu-west-1");
  EXPECT_EQ(s3.endpoint.scheme, "http");
  EXPECT_EQ(s3.endpoint.authority, "localhost:9000");
  EXPECT_TRUE(s3.virtual_hosted);
}

TEST(StorageSettingsTest, ReadsTimesAndRetries) {
  const auto client = Make({{"connect_timeout", "500ms"},
                            {"timeout", "2m"},
                            {"client_max_retries", "0"},
                            {"client_retry_timeout", "60"}})
                          .ForS3()
                          .ValueOrDie()
                          .client;
  EXPECT_DOUBLE_EQ(client.connect_timeout_seconds, 0.5);
  EXPECT_DOUBLE_EQ(client.request_timeout_seconds, 120);
  EXPECT_EQ(client.retry.max_retries, 0);
  EXPECT_DOUBLE_EQ(client.retry.total_seconds, 60);
}

TEST(StorageSettingsTest, AnUnknownNameIsAnErrorThatShowsNearOnes) {
  const auto status = StorageSettings::Make({{"aws_acces_key_id", "key"}}).status();
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_NE(status.message().find("did you mean: aws_access_key_id"), std::string::npos) << status;
  EXPECT_TRUE(StorageSettings::Make({{"colour", "red"}}).status().IsInvalid());
}

TEST(StorageSettingsTest, NamesOfOtherServicesAndOfWritersAreIgnored) {
  EXPECT_TRUE(Make({{"account_key", "x"}, {"new_table_data_storage_version", "2.1"}}).ForS3().ok());
  EXPECT_TRUE(StorageSettings::Make({{"proxy_url", "http://x"}}).status().IsNotImplemented());
}

TEST(StorageSettingsTest, ValuesThatMakeNoSenseNameTheirOption) {
  for (const auto& [name, value] : StorageOptions{{"allow_http", "maybe"},
                                                  {"timeout", "soon"},
                                                  {"timeout", "-3s"},
                                                  {"client_max_retries", "many"},
                                                  {"aws_endpoint", "ftp://host"},
                                                  {"aws_access_key_id", "without its secret"}}) {
    const auto status = Make({{name, value}}).ForS3().status();
    EXPECT_TRUE(status.IsInvalid()) << name;
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
  }
}

TEST(StorageSettingsTest, AnEndpointInTheClearMustBeAllowed) {
  EXPECT_TRUE(Make({{"aws_endpoint", "http://host"}}).ForS3().status().IsInvalid());
  EXPECT_TRUE(Make({{"aws_endpoint", "https://host"}}).ForS3().ok());
}

TEST(StorageSettingsTest, TheEnvironmentGivesWhatIsNotGiven) {
  const WithVariable region("AWS_REGION", "from-environment");
  const WithVariable anybody("DEFAULT_REGION", "anybody's");
  auto settings = Make({});
  EXPECT_EQ(settings.ForS3().ValueOrDie().region, "");
  settings.AddEnvironment();
  EXPECT_EQ(settings.ForS3().ValueOrDie().region, "from-environment");
  settings = Make({{"region", "given"}});
  settings.AddEnvironment();
  EXPECT_EQ(settings.ForS3().ValueOrDie().region, "given");
}

TEST(StorageSettingsTest, KeysAreOfOnePlace) {
  const WithVariable key("AWS_ACCESS_KEY_ID", "theirs");
  const WithVariable secret("AWS_SECRET_ACCESS_KEY", "their secret");
  const WithVariable token("AWS_SESSION_TOKEN", "their token");
  const auto read = [](const StorageOptions& options) {
    auto settings = Make(options);
    settings.AddEnvironment();
    return settings.ForS3();
  };
  EXPECT_EQ(read({}).ValueOrDie().session_token, "their token");
  const auto given = read({{"access_key_id", "a"}, {"secret_access_key", "b"}}).ValueOrDie();
  EXPECT_EQ(given.access_key_id, "a");
  EXPECT_EQ(given.session_token, "");
  EXPECT_TRUE(read({{"access_key_id", "a"}}).status().IsInvalid());
  // A profile that is given comes before the environment, but not before keys that are given.
  EXPECT_EQ(read({{"aws_profile", "p"}}).ValueOrDie().access_key_id, "");
  EXPECT_EQ(read({{"aws_profile", "p"}, {"access_key_id", "a"}, {"secret_access_key", "b"}})
                .ValueOrDie()
                .access_key_id,
            "a");
  const WithVariable profile("AWS_PROFILE", "p");
  EXPECT_EQ(read({}).ValueOrDie().access_key_id, "theirs");
  EXPECT_EQ(read({}).ValueOrDie().lookup.profile, "p");
}

TEST(StorageSettingsTest, WhereKeysAreLookedForIsSetByTheVariablesOfTheSdks) {
  const auto lookup = Make({{"AWS_ROLE_ARN", "r"},
                            {"aws_web_identity_token_file", "f"},
                            {"aws_metadata_endpoint", "m"},
                            {"aws_ec2_metadata_disabled", "true"},
                            {"aws_container_authorization_token", "hunter2"}})
                          .ForS3()
                          .ValueOrDie()
                          .lookup;
  EXPECT_EQ(lookup.role_arn, "r");
  EXPECT_EQ(lookup.web_identity_token_file, "f");
  EXPECT_EQ(lookup.metadata_endpoint, "m");
  EXPECT_TRUE(lookup.is_metadata_disabled);
  EXPECT_EQ(WithoutCredentials({{"aws_container_authorization_token", "hunter2"}}),
            StorageOptions());
}

TEST(StorageSettingsTest, OfAzureNeedAnAccountAndKeepItsKeyToIt) {
  EXPECT_TRUE(Make({}).ForAzure("").status().IsInvalid());
  EXPECT_EQ(Make({{"account_name", "a"}}).ForAzure("").ValueOrDie().account_name, "a");
  EXPECT_EQ(Make({}).ForAzure("b").ValueOrDie().account_name, "b");
  const auto settings = Make({{"account_name", "a"}, {"account_key", "a2V5"}});
  EXPECT_TRUE(settings.ForAzure("b").status().IsInvalid());
  const auto emulator = Make({{"use_emulator", "true"}}).ForAzure("").ValueOrDie();
  EXPECT_EQ(emulator.account_name, "devstoreaccount1");
  EXPECT_EQ(emulator.endpoint.scheme, "http");
  for (const char* token : {"sv=1&sig=s", "?sv=1&sig=s"}) {
    const auto signed_url = Make({{"account_name", "a"}, {"sas_token", token}});
    EXPECT_EQ(signed_url.ForAzure("").ValueOrDie().sas_token, "sv=1&sig=s");
  }
}

TEST(StorageSettingsTest, AKeyOfAzureIsBase64) {
  for (const char* key : {"a2V5", "a2U=", "aw==", "+/+/"}) {
    const auto settings = Make({{"account_name", "a"}, {"account_key", key}});
    EXPECT_EQ(settings.ForAzure("").ValueOrDie().account_key, key);
  }
  for (const char* key : {"a2V", "a2V5a", "a2V-", "a===", "a=V5", "a2V5\n", "my secret key"}) {
    const auto status = Make({{"account_name", "a"}, {"account_key", key}}).ForAzure("").status();
    EXPECT_TRUE(status.IsInvalid()) << key;
    EXPECT_EQ(status.message().find(key), std::string::npos);
  }
}

TEST(StorageSettingsTest, KeysDifferWhereSettingsDo) {
  EXPECT_EQ(Make({{"region", "r"}}).Key(), Make({{"REGION", "r"}}).Key());
  EXPECT_NE(Make({{"region", "r"}}).Key(), Make({{"region", "q"}}).Key());
  EXPECT_NE(Make({{"region", "r"}}).Key(), Make({{"region", "r"}, {"token", ""}}).Key());
}

TEST(StorageSettingsTest, CredentialsAreTakenOutOfTextsAndOptions) {
  const StorageOptions options = {{"AWS_SECRET_ACCESS_KEY", "hunter2"},
                                  {"aws_access_key_id", "AKIA77"},
                                  {"sas_token", "sv=1&sig=abc"},
                                  {"region", "r"}};
  EXPECT_EQ(Make(options).Redact("key AKIA77, https://x?sv=1&sig=abc; hunter2hunter2"),
            "key ***, https://x?***; ******");
  EXPECT_EQ(Make(options).Redact("https://x/t?sig=abc%3D&sv=1 and 'y?sig=abc': failed"),
            "https://x/t?sig=***&sv=1 and 'y?sig=***': failed");
  EXPECT_EQ(WithoutCredentials(options), (StorageOptions{{"region", "r"}}));
}

}  // namespace
}  // namespace croupier::storage
