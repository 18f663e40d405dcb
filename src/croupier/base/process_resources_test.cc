#include "croupier/base/process_resources.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "croupier/testing/golden.h"

namespace croupier {
namespace {

void WriteText(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  testing::WriteFile(path, {text.begin(), text.end()});
}

TEST(ProcessResourcesTest, TheTightestLimitOfAVersion2GroupAndItsAncestorsBinds) {
  const auto root = testing::MakeTemporaryDirectory();
  WriteText(root + "/proc/self/cgroup", "0::/user/job\n");
  WriteText(root + "/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  WriteText(root + "/sys/fs/cgroup/user/cpu.max", "50000 100000\n");
  WriteText(root + "/sys/fs/cgroup/user/job/memory.max", "67108864\n");
  WriteText(root + "/sys/fs/cgroup/user/memory.max", "max\n");
  const auto resources = ProcessResources::Detect(root);
  EXPECT_EQ(resources.num_cpus, 1);  // half a CPU, rounded up
  EXPECT_EQ(resources.memory_bytes, 64 << 20);
}

TEST(ProcessResourcesTest, Version1GroupsAreReadToo) {
  const auto root = testing::MakeTemporaryDirectory();
  WriteText(root + "/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/b\n");
  WriteText(root + "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
  WriteText(root + "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  WriteText(root + "/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "33554432\n");
  const auto resources = ProcessResources::Detect(root);
  EXPECT_EQ(resources.num_cpus, 1);
  EXPECT_EQ(resources.memory_bytes, 32 << 20);
}

TEST(ProcessResourcesTest, WithoutGroupsTheMachineIsTheLimit) {
  const auto resources = ProcessResources::Detect(testing::MakeTemporaryDirectory());
  EXPECT_GE(resources.num_cpus, 1);
  EXPECT_GT(resources.memory_bytes, 1 << 20);
}

TEST(ParseBytesTest, TakesPowersOf1024) {
  EXPECT_EQ(ParseBytes("17").ValueOrDie(), 17);
  EXPECT_EQ(ParseBytes("3K").ValueOrDie(), 3 << 10);
  EXPECT_EQ(ParseBytes("2G").ValueOrDie(), int64_t{2} << 30);
  for (const char* text :
       {"", "0", "-1", "1.5G", "G", "1GB", "x", "9000000T", "99999999999999999999"}) {
    EXPECT_TRUE(ParseBytes(text).status().IsInvalid()) << text;
  }
}

TEST(ConfigTest, AnEnvironmentVariableOverridesAndIsNamed) {
  setenv("CROUPIER_CACHE_BYTES", "5M", 1);
  const auto config = Config::FromProcess().ValueOrDie();
  EXPECT_EQ(config.cache_bytes.value, 5 << 20);
  EXPECT_EQ(config.cache_bytes.source, "environment CROUPIER_CACHE_BYTES");
  EXPECT_EQ(config.io_threads.source, "default");
  setenv("CROUPIER_CACHE_BYTES", "many", 1);
  const auto status = Config::FromProcess().status();
  unsetenv("CROUPIER_CACHE_BYTES");
  EXPECT_TRUE(status.IsInvalid());
  EXPECT_NE(status.message().find("CROUPIER_CACHE_BYTES"), std::string::npos);
}

}  // namespace
}  // namespace croupier
