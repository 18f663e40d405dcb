#include "croupier/format/manifest/table_refs.h"

#include <string>

#include <arrow/status.h>
#include <gtest/gtest.h>

#include "croupier/testing/golden.h"

namespace croupier::format {
namespace {

TEST(TagFileTest, ATagOfTheReferenceIsRead) {
  const auto tag = TagFile::Parse(R"({
    "branch": "exp/a", "version": 3, "createdAt": "2026-11-27T07:32:44.139760465Z",
    "updatedAt": "2026-11-27T07:33:00Z", "manifestSize": 669, "metadata": {"by": "me"}, "new": []})")
                       .ValueOrDie();
  EXPECT_EQ(tag.branch, "exp/a");
  EXPECT_EQ(tag.version, 3u);
  EXPECT_EQ(tag.created_at, "2026-11-27T07:32:44.139760465Z");
  EXPECT_EQ(tag.updated_at, "2026-11-27T07:33:00Z");
  EXPECT_EQ(tag.manifest_size_bytes, 669u);
  EXPECT_EQ(tag.metadata, (std::map<std::string, std::string>{{"by", "me"}}));
}

TEST(TagFileTest, AnOldTagHasFewerMembers) {
  const auto tag = TagFile::Parse(R"({"version": 1, "manifestSize": 5})").ValueOrDie();
  EXPECT_EQ(tag.branch, "");
  EXPECT_EQ(tag.version, 1u);
  EXPECT_EQ(tag.created_at, "");
}

TEST(TagFileTest, MainIsTheMainBranch) {
  EXPECT_EQ(TagFile::Parse(R"({"version": 1, "branch": "main"})").ValueOrDie().branch, "");
}

TEST(TagFileTest, MalformedTagsAreErrors) {
  for (const std::string text :
       {"", "{", "[]", "null", "3", "{}", R"({"version": null})", R"({"version": -1})",
        R"({"version": "1"})", R"({"version": 1.5})", R"({"version": 1e400})",
        R"({"version": 99999999999999999999})", R"({"version": 1, "branch": 7})",
        R"({"version": 1, "branch": "../up"})", R"({"version": 1, "branch": "/abs"})",
        R"({"version": 1, "branch": "a//b"})", R"({"version": 1, "metadata": []})",
        R"({"version": 1, "metadata": {"a": 1}})", "{\"version\": 1, \"branch\": \"\xff\"}"}) {
    EXPECT_TRUE(TagFile::Parse(text).status().IsSerializationError()) << text;
  }
  EXPECT_TRUE(TagFile::Parse(std::string(100000, '[')).status().IsSerializationError());
}

TEST(BranchFileTest, ABranchOfTheReferenceIsRead) {
  const auto branch = BranchFile::Parse(R"({
    "parentBranch": null, "identifier": {"version_mapping": [[2, "09914ca0c9ef4858af00c34c85104593"]]},
    "parentVersion": 2, "createAt": 1795764764, "manifestSize": 665, "metadata": {}})")
                          .ValueOrDie();
  EXPECT_EQ(branch.parent_branch, "");
  EXPECT_EQ(branch.parent_version, 2u);
  EXPECT_EQ(branch.created_at_s, 1795764764);
  EXPECT_EQ(branch.manifest_size_bytes, 665u);
}

TEST(BranchFileTest, MalformedBranchesAreErrors) {
  for (const std::string text :
       {"", "{}", R"({"parentVersion": "2"})", R"({"parentVersion": 2, "createAt": -1})",
        R"({"parentVersion": 2, "parentBranch": "a/../b"})"}) {
    EXPECT_TRUE(BranchFile::Parse(text).status().IsSerializationError()) << text;
  }
}

TEST(RefNameTest, NamesCannotLeadElsewhere) {
  for (const auto* name : {"a", "exp/a", "a/b/c", "v1.0-rc_2", "Main"}) {
    EXPECT_TRUE(IsBranchName(name)) << name;
  }
  for (const auto* name : {"", "main", "/", "a/", "/a", "a//b", "..", "a/..", "a/../b", ".",
                           "a/./b", "a b", "a\\b", "a%2Fb", "a..b", "ä"}) {
    EXPECT_FALSE(IsBranchName(name)) << name;
  }
  EXPECT_TRUE(IsTagName("v1.0"));
  EXPECT_FALSE(IsTagName("a/b"));
  EXPECT_FALSE(IsTagName(".."));
}

TEST(RefNameTest, FilesAreNamedAfterTheirBranchesAndTags) {
  EXPECT_EQ(BranchOfFileName("exp%2Fa.json"), "exp/a");
  EXPECT_EQ(BranchOfFileName("plain.json"), "plain");
  EXPECT_EQ(TagOfFileName("v1.0.json"), "v1.0");
  for (const auto* name : {"exp%2Fa", "%2F.json", "..%2Fa.json", ".json", "a%2fb.json", "json"}) {
    EXPECT_EQ(BranchOfFileName(name), "") << name;
  }
  EXPECT_EQ(TagOfFileName("a%2Fb.json"), "");
}

TEST(TagFileTest, WhatIsWrittenIsReadAgain) {
  const auto text = testing::ReadGolden("tables/history_v1_names.lance/_refs/tags/first.json");
  const std::string json(text.begin(), text.end());
  const auto tag = TagFile::Parse(json).ValueOrDie();
  EXPECT_EQ(tag.Write(), json);
  TagFile other;
  other.branch = "b";
  other.version = 7;
  other.metadata = {{"a", "\"x\""}};
  const auto again = TagFile::Parse(other.Write()).ValueOrDie();
  EXPECT_EQ(again.branch, "b");
  EXPECT_EQ(again.version, 7);
  EXPECT_EQ(again.metadata, other.metadata);
  EXPECT_TRUE(again.created_at.empty());
}

}  // namespace
}  // namespace croupier::format
