#include "croupier/table/external_paths.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include <arrow/status.h>
#include <arrow/util/io_util.h>
#include <gtest/gtest.h>

namespace croupier::table {
namespace {

arrow::Result<ExternalPaths::Place> Resolve(const std::string& root, const std::string& place,
                                            const std::vector<std::string>& allowed = {}) {
  ARROW_ASSIGN_OR_RAISE(const auto paths, ExternalPaths::Make(root, allowed));
  return paths.Resolve(place);
}

bool IsRefused(const arrow::Status& status) {
  return status.IsIOError() && arrow::internal::ErrnoFromStatus(status) == EACCES &&
         status.message().find("allow_external") != std::string::npos;
}

TEST(ExternalPathsTest, ALocalDatasetMayReadItsFileSystemAndNoOther) {
  for (const auto* place : {"/data/other.lance", "file:///data/other.lance",
                            "file://localhost/data", "/data/t.lance", "/a//b/./c", "/"}) {
    EXPECT_TRUE(Resolve("/data/t.lance", place).ok()) << place;
  }
  for (const auto* place : {"s3://bucket/x", "gs://bucket/x", "memory://x", "https://host/x"}) {
    const auto status = Resolve("/data/t.lance", place).status();
    EXPECT_TRUE(IsRefused(status)) << status;
    EXPECT_NE(status.message().find(place), std::string::npos) << status;
  }
}

TEST(ExternalPathsTest, ADatasetInABucketMayReadThatBucketAndNoOther) {
  for (const auto* place :
       {"s3://bucket/x", "s3://bucket/a/b%20c", "S3://bucket", "s3a://bucket/x"}) {
    const auto resolved = Resolve("s3://bucket/t.lance", place);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    EXPECT_TRUE(resolved->with_credentials);
    EXPECT_EQ(resolved->uri, place);
  }
  for (const auto* place : {"s3://bucket2/x", "s3://Bucket/x", "gs://bucket/x", "/etc/passwd",
                            "file:///etc/passwd", "s3://other@bucket/x", "az://bucket/x"}) {
    EXPECT_TRUE(IsRefused(Resolve("s3://bucket/t.lance", place).status())) << place;
  }
}

TEST(ExternalPathsTest, WhatTheUserAllowsIsAllowedWithAllBelowIt) {
  const std::vector<std::string> allowed = {"s3://other/shared/", "/mnt/blobs", "gs://b"};
  for (const auto* place : {"s3://other/shared", "s3://other/shared/x", "s3://other/sh%61red/x/y",
                            "/mnt/blobs/x", "file:///mnt/blobs/x", "/mnt//blobs/./x", "gs://b/x"}) {
    EXPECT_TRUE(Resolve("s3://bucket/t.lance", place, allowed).ok()) << place;
  }
  for (const auto* place : {"s3://other/shared2/x", "s3://other", "s3://other/Shared/x",
                            "/mnt/blobs2", "/mnt", "gs://b2/x"}) {
    EXPECT_TRUE(IsRefused(Resolve("s3://bucket/t.lance", place, allowed).status())) << place;
  }
}

TEST(ExternalPathsTest, CredentialsGoToNoOtherService) {
  const std::vector<std::string> allowed = {"s3://other", "gs://other", "/mnt",
                                            "az://c@evil.example.net", "az://c2"};
  EXPECT_TRUE(Resolve("s3://bucket/t", "s3://other/x", allowed)->with_credentials);
  EXPECT_FALSE(Resolve("s3://bucket/t", "gs://other/x", allowed)->with_credentials);
  EXPECT_FALSE(Resolve("s3://bucket/t", "/mnt/x", allowed)->with_credentials);
  EXPECT_FALSE(Resolve("az://c/t", "az://c@evil.example.net/x", allowed)->with_credentials);
  EXPECT_FALSE(Resolve("az://c@mine.example.net/t", "az://c2/x", allowed)->with_credentials);
}

TEST(ExternalPathsTest, PlacesThatLeadElsewhereAreMalformed) {
  for (const std::string place : {"",
                                  "relative",
                                  "../up",
                                  "./here",
                                  "/a/../etc",
                                  "/a/..",
                                  "file:///a/../b",
                                  "file:///a/%2e%2e/b",
                                  "file:///a/%2E./b",
                                  "file:///a%2f..%2fb",
                                  "file://host/a",
                                  "file://a",
                                  "s3://bucket/a/../b",
                                  "s3://bucket/a//b",
                                  "s3://bucket/a/./b",
                                  "s3://bucket/%2e%2e/b",
                                  "s3://bucket/x?endpoint_override=evil.example",
                                  "s3://bucket/x#y",
                                  "s3://bucket:9000/x",
                                  "s3://user:secret@bucket/x",
                                  "s3://bu%63ket/x",
                                  "s3://bucket/%zz",
                                  "s3://bucket/%4",
                                  "s3://bucket/%00",
                                  "s3://bucket/a\\b",
                                  "/a\\b"}) {
    const auto status = Resolve("s3://bucket/t.lance", place, {"/"}).status();
    EXPECT_TRUE(status.IsSerializationError()) << place << ": " << status;
  }
  EXPECT_TRUE(Resolve("/t", std::string("/a\0b", 4)).status().IsSerializationError());
  EXPECT_TRUE(Resolve("/t", "here/../b").status().IsSerializationError());
}

TEST(ExternalPathsTest, ARelativePathIsThatOfTheCurrentDirectory) {
  const auto here = std::filesystem::current_path().string();
  EXPECT_EQ(Resolve("/t", "tables/t.lance")->uri, here + "/tables/t.lance");
}

TEST(ExternalPathsTest, AMalformedAllowanceIsTheFaultOfTheCaller) {
  for (const auto* allowed : {"relative", "s3://b/../c", ""}) {
    EXPECT_TRUE(ExternalPaths::Make("/t", {allowed}).status().IsInvalid()) << allowed;
  }
}

TEST(DirectoryAndNameTest, TheNameIsWhatFollowsTheLastSlash) {
  const auto split = [](const std::string& place) {
    const auto result = DirectoryAndName::Split(place);
    return result.ok() ? result->directory + " | " + result->name : "malformed";
  };
  EXPECT_EQ(split("/a/b.bin"), "/a | b.bin");
  EXPECT_EQ(split("/b.bin"), "/ | b.bin");
  EXPECT_EQ(split("/a%20b"), "/ | a%20b");
  EXPECT_EQ(split("file:///a/b%20c"), "file:///a | b c");
  EXPECT_EQ(split("file:///b"), "file:/// | b");
  EXPECT_EQ(split("s3://bucket/b"), "s3://bucket | b");
  EXPECT_EQ(split("s3://bucket/a/b"), "s3://bucket/a | b");
  for (const auto* place : {"b", "/a/", "s3://bucket", "s3://"}) {
    EXPECT_EQ(split(place), "malformed") << place;
  }
}

}  // namespace
}  // namespace croupier::table
