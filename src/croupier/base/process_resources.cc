#include "croupier/base/process_resources.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include <arrow/status.h>
#include <sched.h>
#include <unistd.h>

namespace croupier {

namespace {

std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<int64_t> ReadNumber(const std::string& path) {
  const auto text = ReadText(path);
  if (!text.has_value()) return std::nullopt;
  int64_t value = 0;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), value);
  if (result.ec != std::errc()) return std::nullopt;  // "max" is no limit
  return value;
}

// The directories of this process's control group and its ancestors for a v1 controller, or for v2
// if `controller` is empty. A limit of any of them binds.
std::vector<std::string> GroupDirectories(const std::string& root, const std::string& controller) {
  const auto groups = ReadText(root + "/proc/self/cgroup");
  if (!groups.has_value()) return {};
  const std::string mount = root + "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controller);
  std::istringstream lines(*groups);
  std::string line;
  while (std::getline(lines, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    bool matches = false;
    std::istringstream controllers(line.substr(first + 1, second - first - 1));
    std::string name;
    while (std::getline(controllers, name, ',')) matches = matches || name == controller;
    matches = matches || (controller.empty() && second == first + 1);
    if (!matches) continue;
    std::vector<std::string> directories;
    std::string path = line.substr(second + 1);
    while (path.size() > 1) {
      directories.push_back(mount + path);
      path.resize(path.rfind('/'));
    }
    directories.push_back(mount);  // inside a container the own group is mounted here
    return directories;
  }
  return {};
}

int DetectCpus(const std::string& root) {
  int num_cpus = 1;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    num_cpus = std::max(1, CPU_COUNT(&set));
  } else {
    num_cpus = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  }
  const auto limit = [&](int64_t quota, int64_t period) {
    if (quota <= 0 || period <= 0) return;
    num_cpus = static_cast<int>(std::min<int64_t>(num_cpus, (quota + period - 1) / period));
  };
  for (const auto& directory : GroupDirectories(root, "")) {
    const auto text = ReadText(directory + "/cpu.max");
    if (!text.has_value()) continue;
    std::istringstream words(*text);
    int64_t quota = 0;
    int64_t period = 0;
    if (words >> quota >> period) limit(quota, period);
  }
  for (const auto& directory : GroupDirectories(root, "cpu")) {
    limit(ReadNumber(directory + "/cpu.cfs_quota_us").value_or(0),
          ReadNumber(directory + "/cpu.cfs_period_us").value_or(0));
  }
  return std::max(1, num_cpus);
}

int64_t DetectMemory(const std::string& root) {
  int64_t memory_bytes =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const auto limit = [&](const std::string& path) {
    const auto value = ReadNumber(path);
    if (value.has_value() && *value > 0) memory_bytes = std::min(memory_bytes, *value);
  };
  for (const auto& directory : GroupDirectories(root, "")) limit(directory + "/memory.max");
  for (const auto& directory : GroupDirectories(root, "memory")) {
    limit(directory + "/memory.limit_in_bytes");
  }
  return memory_bytes;
}

// Put the value of an environment variable, if it is set, in place of a default.
template <typename T>
arrow::Status Override(const char* variable, int64_t limit, Setting<T>* setting) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return arrow::Status::OK();
  const auto value = ParseBytes(text);
  if (!value.ok() || *value > limit) {
    return arrow::Status::Invalid("the environment variable ", variable,
                                  " must be a number from 1 to ", limit, ": '", text, "'");
  }
  setting->value = static_cast<T>(*value);
  setting->source = std::string("environment ") + variable;
  return arrow::Status::OK();
}

}  // namespace

ProcessResources ProcessResources::Detect(const std::string& root) {
  return {DetectCpus(root), DetectMemory(root)};
}

arrow::Result<Config> Config::FromProcess() {
  const auto resources = ProcessResources::Detect();
  Config config;
  config.num_threads = {std::min(resources.num_cpus, 16), "default"};
  config.prefetch_bytes = {std::min<int64_t>(256 << 20, resources.memory_bytes / 16), "default"};
  config.cache_bytes = {std::min<int64_t>(1 << 30, resources.memory_bytes / 8), "default"};
  config.metadata_bytes = {std::min<int64_t>(512 << 20, resources.memory_bytes / 16), "default"};
  config.order_bytes = {std::min<int64_t>(int64_t{2} << 30, resources.memory_bytes / 8), "default"};
  config.io_threads = {16, "default"};
  ARROW_RETURN_NOT_OK(Override("CROUPIER_NUM_THREADS", 1024, &config.num_threads));
  ARROW_RETURN_NOT_OK(Override("CROUPIER_PREFETCH_BYTES", INT64_MAX, &config.prefetch_bytes));
  ARROW_RETURN_NOT_OK(Override("CROUPIER_CACHE_BYTES", INT64_MAX, &config.cache_bytes));
  ARROW_RETURN_NOT_OK(Override("CROUPIER_METADATA_BYTES", INT64_MAX, &config.metadata_bytes));
  ARROW_RETURN_NOT_OK(Override("CROUPIER_ORDER_BYTES", INT64_MAX, &config.order_bytes));
  ARROW_RETURN_NOT_OK(Override("CROUPIER_IO_THREADS", 1024, &config.io_threads));
  return config;
}

arrow::Result<int64_t> ParseBytes(const std::string& text) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  int shift = 0;
  if (result.ec == std::errc() && result.ptr + 1 == end) {
    constexpr std::string_view kSuffixes = "KMGT";
    const size_t power = kSuffixes.find(*result.ptr);
    if (power == std::string_view::npos) return arrow::Status::Invalid("not a size: '", text, "'");
    shift = 10 * static_cast<int>(power + 1);
  } else if (result.ec != std::errc() || result.ptr != end) {
    return arrow::Status::Invalid("not a size: '", text, "'");
  }
  if (number <= 0 || number > (INT64_MAX >> shift)) {
    return arrow::Status::Invalid("a size must be positive and below 2^63 bytes: '", text, "'");
  }
  return number << shift;
}

}  // namespace croupier
