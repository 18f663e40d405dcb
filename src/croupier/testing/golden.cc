#include "croupier/testing/golden.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace croupier::testing {

namespace {

// Directories are removed by the process that made them: a forked child must not pull them away.
class TemporaryDirectories {
 public:
  std::string Make() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "croupier-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      std::perror("mkdtemp");
      std::abort();
    }
    paths_.push_back(pattern);
    return pattern;
  }

  ~TemporaryDirectories() {
    if (getpid() != owner_) return;
    for (const auto& path : paths_) {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  }

 private:
  pid_t owner_ = getpid();
  std::vector<std::string> paths_;
};

}  // namespace

std::string GoldenPath(const std::string& relative_path) {
  return std::string(CROUPIER_GOLDEN_DIR) + "/" + relative_path;
}

std::vector<uint8_t> ReadGolden(const std::string& relative_path) {
  std::ifstream file(GoldenPath(relative_path), std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "golden file is missing: %s\n", GoldenPath(relative_path).c_str());
    std::abort();
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string MakeTemporaryDirectory() {
  static TemporaryDirectories directories;
  return directories.Make();
}

void WriteFile(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file) {
    std::fprintf(stderr, "cannot write %s\n", path.c_str());
    std::abort();
  }
}

}  // namespace croupier::testing
