#include <cstddef>
#include <cstdint>

#include <arrow/status.h>

#include "croupier/format/encoding/page_layout.h"
#include "require.h"

// The bytes are a PageLayout message. Parsing gives an error, or a layout that can be described.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using croupier::fuzz::Require;
  const auto layout = croupier::format::PageLayout::Parse({data, size});
  if (layout.ok()) {
    Require(!Describe(*layout).empty(), "a layout has a description");
  } else {
    Require(layout.status().IsSerializationError() || layout.status().IsNotImplemented(),
            layout.status().ToString());
  }
  return 0;
}
