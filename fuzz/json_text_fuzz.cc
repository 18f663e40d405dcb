#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "croupier/format/encoding/jsonb.h"
#include "croupier/format/encoding/jsonb_writer.h"

// The bytes are JSON text. What becomes JSONB becomes text again, and that the same JSONB.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string jsonb;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (!croupier::format::AppendJsonb(input, &jsonb).ok()) return 0;
  std::string text;
  const auto read = croupier::format::AppendJsonText(
      {reinterpret_cast<const uint8_t*>(jsonb.data()), jsonb.size()}, &text);
  std::string again;
  if (!read.ok() || !croupier::format::AppendJsonb(text, &again).ok() || again != jsonb) {
    std::cerr << "the text became another: " << text << std::endl;
    std::abort();
  }
  return 0;
}
