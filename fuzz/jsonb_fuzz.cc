#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <arrow/util/utf8.h>

#include "croupier/format/encoding/jsonb.h"

// The bytes are a JSONB value. Its text is valid UTF-8, of a size that the bytes bound.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text;
  if (!croupier::format::AppendJsonText({data, size}, &text).ok()) return 0;
  if (text.size() > 16 * size + 16) {
    std::cerr << size << " bytes gave " << text.size() << " of text" << std::endl;
    std::abort();
  }
  arrow::util::InitializeUTF8();
  if (!arrow::util::ValidateUTF8(text)) {
    std::cerr << "the text is not UTF-8" << std::endl;
    std::abort();
  }
  return 0;
}
