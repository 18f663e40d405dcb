#include "croupier/storage/s3_listing.h"

#include <string>

#include <gtest/gtest.h>

namespace croupier::storage {
namespace {

std::string List(const std::string& inner) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
         inner + "</ListBucketResult>";
}

std::string Names(const S3Listing& listing) {
  std::string names;
  for (const auto& entry : listing.entries) {
    names += "[" + entry.name + (entry.is_directory ? "/]" : "]");
  }
  return names;
}

TEST(S3ListingTest, ReadsObjectsAndDirectoriesInTheOrderOfTheirNames) {
  const auto listing =
      S3Listing::Parse(
          List("<Name>bucket</Name><Prefix>d%2F</Prefix><EncodingType>url</EncodingType>"
               "<IsTruncated>false</IsTruncated>"
               "<Contents><Key>d/</Key><Size>0</Size></Contents>"
               "<Contents><Key>d/a+b%2B%C3%A9</Key><Owner><ID>Key</ID></Owner></Contents>"
               "<Contents><Key>d/z</Key></Contents>"
               "<CommonPrefixes><Prefix>d/m%26/</Prefix></CommonPrefixes>"),
          "d/")
          .ValueOrDie();
  EXPECT_EQ(Names(listing), "[][a b+é][m&/][z]");
  EXPECT_EQ(listing.next, "");
}

TEST(S3ListingTest, KeysAreDecodedIfTheServerSaysSo) {
  const auto listing =
      S3Listing::Parse(List("<Contents><Key>a+%2B&amp;</Key></Contents>"), "").ValueOrDie();
  EXPECT_EQ(Names(listing), "[a+%2B&]");
}

TEST(S3ListingTest, AServerWithoutDelimitersGivesDirectoriesToo) {
  const auto listing = S3Listing::Parse(List("<Contents><Key>d/a/1</Key></Contents>"
                                             "<Contents><Key>d/a/2</Key></Contents>"
                                             "<Contents><Key>d/b</Key></Contents>"),
                                        "d/")
                           .ValueOrDie();
  EXPECT_EQ(Names(listing), "[a/][b]");
}

TEST(S3ListingTest, ATruncatedListTellsHowToGoOn) {
  const std::string some = "<Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated>";
  EXPECT_EQ(
      S3Listing::Parse(List(some + "<NextContinuationToken>t=</NextContinuationToken>"), "")->next,
      "t=");
  EXPECT_TRUE(S3Listing::Parse(List(some), "").status().IsSerializationError());
  EXPECT_TRUE(S3Listing::Parse(List("<IsTruncated>true</IsTruncated>"
                                    "<NextContinuationToken>t</NextContinuationToken>"),
                               "")
                  .status()
                  .IsSerializationError());
}

TEST(S3ListingTest, WhatIsNoListOrOfAnotherPlaceIsAnError) {
  for (const std::string& body :
       {std::string(), std::string("<Error><Code>x</Code></Error>"), std::string("{}"),
        List("<Contents><Key>e/a</Key></Contents>"), List("<Contents><Key>a</Contents>")}) {
    EXPECT_TRUE(S3Listing::Parse(body, "d/").status().IsSerializationError()) << body;
  }
}

TEST(S3ListingTest, EveryTruncationIsAnErrorNotACrash) {
  const std::string body = List(
      "<EncodingType>url</EncodingType><Contents><Key>d/%C3%A9</Key></Contents>"
      "<CommonPrefixes><Prefix>d/m%26/</Prefix></CommonPrefixes>");
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_TRUE(S3Listing::Parse(std::string_view(body).substr(0, size), "d/")
                    .status()
                    .IsSerializationError())
        << size;
  }
}

}  // namespace
}  // namespace croupier::storage
