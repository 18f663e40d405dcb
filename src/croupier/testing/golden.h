#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace croupier::testing {

/// Name the place of a golden fixture: `relative_path` below tests/golden.
std::string GoldenPath(const std::string& relative_path);

/// Read a whole golden fixture. Aborts the test program if it is missing.
std::vector<uint8_t> ReadGolden(const std::string& relative_path);

/// Make a fresh directory for one test; it is removed at the end of the program.
std::string MakeTemporaryDirectory();

/// Write `bytes` as the whole content of a file.
void WriteFile(const std::string& path, const std::vector<uint8_t>& bytes);

}  // namespace croupier::testing
