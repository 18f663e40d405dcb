#include <cstddef>
#include <cstdint>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/storage/object_store.h"
#include "croupier/storage/store_uri.h"
#include "require.h"

// The bytes are a URI, as a manifest may name one for files elsewhere, and a path in a store.

using croupier::fuzz::Require;
using croupier::storage::StoreUri;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = StoreUri::Parse(text);
  if (parsed.ok()) {
    Require(!parsed->bucket.empty(), "there is a bucket");
    Require(parsed->bucket.find_first_of("/:@?#") == std::string::npos, "a bucket is a name");
    Require(parsed->prefix.find('\0') == std::string::npos, "there is no zero byte");
    const auto again = StoreUri::Parse(parsed->location);
    Require(again.ok(), "a location is a URI");
    Require(again->bucket == parsed->bucket && again->prefix == parsed->prefix &&
                again->account == parsed->account && again->location == parsed->location,
            "a location names the same place");
  }
  if (croupier::storage::CheckInside("store", text).ok()) {
    Require(!text.starts_with('/'), "a path is relative");
    Require(("/" + text + "/").find("/../") == std::string::npos, "a path leads not up");
  }
  return 0;
}
