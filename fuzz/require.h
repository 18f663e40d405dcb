#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace croupier::fuzz {

/// End the fuzzer, which keeps the input, unless `holds`.
inline void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << std::endl;
  std::abort();
}

}  // namespace croupier::fuzz
