#include "croupier/format/manifest/manifest_name.h"

#include <string_view>

#include <gtest/gtest.h>

namespace croupier::format {
namespace {

struct Named {
  std::string_view name;
  ManifestNaming naming;
  uint64_t version;
};

constexpr Named kNames[] = {
    {"18446744073709551614.manifest", ManifestNaming::kV2, 1},
    {"18446744073709551601.manifest", ManifestNaming::kV2, 14},
    {"00000000000000000000.manifest", ManifestNaming::kV2, UINT64_MAX},
    {"1.manifest", ManifestNaming::kV1, 1},
    {"14.manifest", ManifestNaming::kV1, 14},
    {"9223372036854775807.manifest", ManifestNaming::kV1, (uint64_t{1} << 63) - 1},
};

TEST(ManifestNameTest, NamesOfBothSchemesGiveTheirVersions) {
  for (const auto& [name, naming, version] : kNames) {
    const auto parsed = ManifestName::Parse(name);
    ASSERT_TRUE(parsed.has_value()) << name;
    EXPECT_EQ(parsed->naming, naming) << name;
    EXPECT_EQ(parsed->version, version) << name;
  }
}

TEST(ManifestNameTest, VersionsGiveTheirNames) {
  for (const auto& [name, naming, version] : kNames) {
    EXPECT_EQ((ManifestName{naming, version}).ToString(), name);
  }
}

TEST(ManifestNameTest, OtherNamesAreNoManifests) {
  for (const auto* name :
       {"", ".", "manifest", ".manifest", "1manifest", "latest_version_hint.json", "1.manifest#2",
        ".tmp_1.manifest", "x.manifest", "-1.manifest", "+1.manifest", " 1.manifest",
        "0x1.manifest", "99999999999999999999.manifest", "18446744073709551616.manifest"}) {
    EXPECT_FALSE(ManifestName::Parse(name).has_value()) << name;
  }
}

TEST(ManifestNameTest, DetachedManifestsArePassedOver) {
  EXPECT_FALSE(ManifestName::Parse("d9223372036854775809.manifest").has_value());
}

TEST(ManifestNameTest, NewerVersionsSortFirstInTheSecondScheme) {
  for (const uint64_t version : {uint64_t{1}, uint64_t{9}, uint64_t{99}, uint64_t{1} << 40}) {
    EXPECT_LT((ManifestName{ManifestNaming::kV2, version + 1}).ToString(),
              (ManifestName{ManifestNaming::kV2, version}).ToString());
  }
}

}  // namespace
}  // namespace croupier::format
