#include "croupier/storage/aws_credentials.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "croupier/storage/aws_credential_answers.h"
#include "croupier/storage/failure.h"

namespace croupier::storage {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

const CancelFlag kNever;

TEST(FixedAwsCredentialsTest, GivesTheSameAlways) {
  const auto keys = std::make_shared<const AwsKeys>(AwsKeys{"a", "b", "", {}});
  const auto credentials = FixedAwsCredentials(keys);
  EXPECT_EQ(credentials->Get(kNever).ValueOrDie(), keys);
  EXPECT_FALSE(credentials->Renew(*keys));
  EXPECT_EQ(FixedAwsCredentials(nullptr)->Get(kNever).ValueOrDie(), nullptr);
}

class RenewedAwsCredentialsTest : public ::testing::Test {
 protected:
  AwsKeys KeysFor(const std::string& name, system_clock::duration lifetime) const {
    return {name, "secret", "", now_ + lifetime};
  }
  // What the next fetch gives; then the network fails.
  void Answer(arrow::Result<AwsKeys> answer) { answer_ = std::move(answer); }
  std::string Get() {
    const auto keys = credentials_->Get(kNever);
    return keys.ok() ? (*keys)->access_key_id : keys.status().message();
  }

  system_clock::time_point now_ = system_clock::time_point(seconds(1000000));
  arrow::Result<AwsKeys> answer_ = MakeFailure(Failure::kTransient, "no network");
  std::atomic<int> num_fetches_{0};
  const std::shared_ptr<AwsCredentials> credentials_ = RenewedAwsCredentials(
      [this](const CancelToken&) {
        ++num_fetches_;
        return std::exchange(answer_, MakeFailure(Failure::kTransient, "no network"));
      },
      [this] { return now_; });
};

TEST_F(RenewedAwsCredentialsTest, KeysAreFetchedOnceWhileTheyHold) {
  Answer(KeysFor("first", seconds(3600)));
  EXPECT_EQ(num_fetches_, 0);
  EXPECT_EQ(Get(), "first");
  now_ += seconds(3299);
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(num_fetches_, 1);
}

TEST_F(RenewedAwsCredentialsTest, KeysWithoutAnEndAreNotRenewed) {
  Answer(AwsKeys{"first", "secret", "", {}});
  EXPECT_EQ(Get(), "first");
  now_ += std::chrono::hours(10000);
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(num_fetches_, 1);
}

TEST_F(RenewedAwsCredentialsTest, KeysAreRenewedBeforeTheyEnd) {
  Answer(KeysFor("first", seconds(3600)));
  EXPECT_EQ(Get(), "first");
  now_ += seconds(3301);
  Answer(KeysFor("second", seconds(4)));
  EXPECT_EQ(Get(), "second");
  // Those that live shortly, in their last quarter.
  now_ += seconds(2);
  EXPECT_EQ(Get(), "second");
  Answer(KeysFor("third", seconds(3600)));
  now_ += seconds(1);
  EXPECT_EQ(Get(), "third");
}

TEST_F(RenewedAwsCredentialsTest, WhereRenewingFailsTheKeysThereAreGoOnToTheirEnd) {
  Answer(KeysFor("first", seconds(3600)));
  EXPECT_EQ(Get(), "first");
  now_ += seconds(3400);
  Answer(MakeFailure(Failure::kFinal, "refused"));
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(num_fetches_, 2);
  now_ += seconds(6);
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(num_fetches_, 3);
  now_ += seconds(300);
  EXPECT_EQ(Get(), "no network");
  Answer(KeysFor("second", seconds(3600)));
  EXPECT_EQ(Get(), "second");
}

TEST_F(RenewedAwsCredentialsTest, AServiceThatIsBehindIsAskedAgainLater) {
  Answer(KeysFor("first", -seconds(1)));
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(Get(), "first");
  EXPECT_EQ(num_fetches_, 1);
  now_ += seconds(6);
  Answer(KeysFor("second", seconds(3600)));
  EXPECT_EQ(Get(), "second");
}

TEST_F(RenewedAwsCredentialsTest, AFailureOfTheNetworkIsTriedAgainARefusalIsRemembered) {
  EXPECT_EQ(Get(), "no network");
  Answer(MakeFailure(Failure::kFinal, "refused"));
  EXPECT_EQ(Get(), "refused");
  Answer(KeysFor("first", seconds(3600)));
  EXPECT_EQ(Get(), "refused");
  now_ += seconds(6);
  EXPECT_EQ(Get(), "first");
}

TEST_F(RenewedAwsCredentialsTest, KeysThatExpiredForTheServerAreRenewed) {
  Answer(KeysFor("first", seconds(3600)));
  const auto keys = credentials_->Get(kNever).ValueOrDie();
  // What is refused just after it came would be refused again.
  EXPECT_FALSE(credentials_->Renew(*keys));
  now_ += seconds(10);
  EXPECT_TRUE(credentials_->Renew(*keys));
  Answer(KeysFor("second", seconds(3600)));
  EXPECT_EQ(Get(), "second");
  // Others are there already.
  EXPECT_TRUE(credentials_->Renew(*keys));
  EXPECT_EQ(Get(), "second");
  EXPECT_EQ(num_fetches_, 2);
}

TEST_F(RenewedAwsCredentialsTest, ManyThreadsFetchOnce) {
  Answer(KeysFor("first", seconds(3600)));
  std::atomic<int> num_right = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        if (Get() == "first") ++num_right;
      });
    }
  }
  EXPECT_EQ(num_right, 8);
  EXPECT_EQ(num_fetches_, 1);
}

TEST(ParseAwsKeysTest, ReadsTheAnswersOfServicesAndOfCommands) {
  auto keys = ParseAwsKeys(R"({"Code": "Success", "AccessKeyId": "a", "SecretAccessKey": "s",
                               "Token": "t", "Expiration": "2026-11-27T18:20:00Z", "Other": [1]})")
                  .ValueOrDie();
  EXPECT_EQ(keys.access_key_id, "a");
  EXPECT_EQ(keys.secret_access_key, "s");
  EXPECT_EQ(keys.session_token, "t");
  EXPECT_EQ(keys.expires_at->time_since_epoch(), seconds(1795803600));
  keys = ParseAwsKeys(R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s",
                          "SessionToken": "t", "Expiration": "2026-11-27T19:20:00.5+01:00"})")
             .ValueOrDie();
  EXPECT_EQ(keys.session_token, "t");
  EXPECT_EQ(keys.expires_at->time_since_epoch(), std::chrono::milliseconds(1795803600500));
  keys = ParseAwsKeys(R"({"AccessKeyId": "a", "SecretAccessKey": "s"})").ValueOrDie();
  EXPECT_FALSE(keys.expires_at.has_value());
}

TEST(ParseAwsKeysTest, WhatIsMalformedIsAnErrorThatRepeatsNothing) {
  for (const char* json :
       {"", "{", "[]", "hunter2", R"({"AccessKeyId": "hunter2"})",
        R"({"AccessKeyId": "a", "SecretAccessKey": 7})",
        R"({"AccessKeyId": "a", "SecretAccessKey": "hunter2\r\nx: y"})",
        R"({"AccessKeyId": "a", "SecretAccessKey": "hunter2", "Expiration": "hunter2"})"}) {
    const auto status = ParseAwsKeys(json).status();
    EXPECT_TRUE(status.IsInvalid()) << json;
    EXPECT_EQ(status.message().find("hunter2"), std::string::npos) << status;
  }
}

TEST(ParseAssumedRoleTest, ReadsTheAnswerOfTheTokenService) {
  const std::string xml =
      "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
      "<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials><AccessKeyId>a</AccessKeyId>"
      "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
      "<Expiration>2026-11-27T18:20:00Z</Expiration></Credentials></AssumeRoleResult>"
      "</AssumeRoleResponse>";
  const auto keys = ParseAssumedRole(xml).ValueOrDie();
  EXPECT_EQ(keys.access_key_id, "a");
  EXPECT_EQ(keys.secret_access_key, "s");
  EXPECT_EQ(keys.session_token, "t");
  EXPECT_TRUE(keys.expires_at.has_value());
  EXPECT_TRUE(ParseAssumedRole("<Error/>").status().IsInvalid());
}

}  // namespace
}  // namespace croupier::storage
