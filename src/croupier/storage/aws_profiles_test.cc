#include "croupier/storage/aws_profiles.h"

#include <string>

#include <gtest/gtest.h>

namespace croupier::storage {
namespace {

AwsProfiles Read(std::string_view text, AwsFile file) {
  AwsProfiles profiles;
  AddAwsProfiles(text, file, &profiles);
  return profiles;
}

TEST(AddAwsProfilesTest, ReadsBothKindsOfFiles) {
  const auto credentials = Read(
      "# a comment\n[default]\naws_access_key_id = a\nAWS_Secret_Access_Key=s=1\n\n"
      "[ dev ]\naws_access_key_id=b ; of dev\r\n",
      AwsFile::kCredentials);
  EXPECT_EQ(credentials.at("default").at("aws_access_key_id"), "a");
  EXPECT_EQ(credentials.at("default").at("aws_secret_access_key"), "s=1");
  EXPECT_EQ(credentials.at("dev"), (AwsProfile{{"aws_access_key_id", "b"}}));
  const auto config = Read(
      "[default]\nregion = r\n[profile dev]\nrole_arn = x\ns3 =\n  max_queue_size = 3\n"
      "[profile \"a b\"]\nregion=q\n[sso-session "
      "dev]\nregion=p\n[dev]\nregion=o\n[profiles]\nx=1\n",
      AwsFile::kConfig);
  EXPECT_EQ(config.size(), 3);
  EXPECT_EQ(config.at("default"), (AwsProfile{{"region", "r"}}));
  EXPECT_EQ(config.at("dev"), (AwsProfile{{"role_arn", "x"}, {"s3", ""}}));
  EXPECT_EQ(config.at("a b"), (AwsProfile{{"region", "q"}}));
}

TEST(AddAwsProfilesTest, TheSecondFileAddsToTheFirst) {
  AwsProfiles profiles;
  AddAwsProfiles("[profile a]\nx=1\ny=1\n", AwsFile::kConfig, &profiles);
  AddAwsProfiles("[a]\nx=2", AwsFile::kCredentials, &profiles);
  EXPECT_EQ(profiles.at("a"), (AwsProfile{{"x", "2"}, {"y", "1"}}));
}

TEST(AddAwsProfilesTest, WhatIsNoSettingIsSkipped) {
  for (const char* text :
       {"", "\n", "x=1", "[", "[]", "[\nx=1", "[]\nx=1", "=", "[sso-session a]\nx=1", "\r\n\t"}) {
    for (const auto& [name, profile] : Read(text, AwsFile::kConfig)) {
      ADD_FAILURE() << text << ": " << name;
    }
  }
  EXPECT_TRUE(
      Read("[a]\nno setting\n = nameless\n  x = nested\n", AwsFile::kCredentials).at("a").empty());
  EXPECT_EQ(Read("[a]\n  x = 1\n    y = nested\n  z = 3\n", AwsFile::kCredentials).at("a"),
            (AwsProfile{{"x", "1"}, {"z", "3"}}));
}

}  // namespace
}  // namespace croupier::storage
