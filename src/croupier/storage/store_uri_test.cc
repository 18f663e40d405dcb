#include "croupier/storage/store_uri.h"

#include <string>

#include <gtest/gtest.h>

namespace croupier::storage {
namespace {

TEST(StoreUriTest, IsCutIntoItsParts) {
  const auto uri = StoreUri::Parse("S3://my_bucket/a/b%20c.lance/").ValueOrDie();
  EXPECT_EQ(uri.scheme, "s3");
  EXPECT_EQ(uri.bucket, "my_bucket");
  EXPECT_EQ(uri.prefix, "a/b c.lance");
  EXPECT_EQ(uri.location, "s3://my_bucket/a/b%20c.lance");
  EXPECT_EQ(uri.store(), "s3://my_bucket");
  EXPECT_EQ(StoreUri::Parse("gs://bucket").ValueOrDie().prefix, "");
}

TEST(StoreUriTest, OfAzureNamesAnAccountOrNone) {
  EXPECT_EQ(StoreUri::Parse("az://container/x").ValueOrDie().account, "");
  const auto uri =
      StoreUri::Parse("abfss://container@account.dfs.core.windows.net/x/y").ValueOrDie();
  EXPECT_EQ(uri.bucket, "container");
  EXPECT_EQ(uri.account, "account");
  EXPECT_EQ(uri.prefix, "x/y");
}

TEST(StoreUriTest, WithSecretsIsRefusedAndNotRepeated) {
  for (const char* uri :
       {"s3://key:hunter2@bucket/x", "s3://hunter2@bucket/x", "s3://bucket/x?secret=hunter2",
        "az://a:hunter2@account/x", "gs://bucket/x#hunter2", "s3://u:hunter2@b/x?y",
        "s3://key:hun/hunter2@bucket/x"}) {
    const auto status = StoreUri::Parse(uri).status();
    EXPECT_TRUE(status.IsInvalid()) << uri;
    EXPECT_EQ(status.message().find("hunter2"), std::string::npos) << status;
  }
}

TEST(StoreUriTest, WithAZeroByteIsRefused) {
  EXPECT_TRUE(StoreUri::Parse("s3://bucket/a%00b").status().IsInvalid());
  EXPECT_TRUE(StoreUri::Parse(std::string("s3://buc\0ket/a", 15)).status().IsInvalid());
}

TEST(StoreUriTest, WithoutABucketIsRefused) {
  for (const char* uri : {"s3://", "s3:///x", "gs://host:80/x", "bucket/x"}) {
    EXPECT_TRUE(StoreUri::Parse(uri).status().IsInvalid()) << uri;
  }
}

}  // namespace
}  // namespace croupier::storage
