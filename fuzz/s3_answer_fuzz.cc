#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "croupier/storage/object_store.h"
#include "croupier/storage/s3_listing.h"
#include "croupier/storage/s3_request.h"
#include "croupier/storage/xml_elements.h"
#include "require.h"

// The bytes are the body of an answer of S3: of a refusal, which is an error of bounded length, or
// a list.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using croupier::fuzz::Require;
  namespace storage = croupier::storage;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  size_t num_text_bytes = 0;
  const auto visited = storage::VisitXml(body, [&](auto path, const std::string& text) {
    num_text_bytes += text.size();
    Require(!path.empty() && path.size() <= 16, "depth is bounded");
    return arrow::Status::OK();
  });
  // An entity is longer than what it stands for.
  Require(num_text_bytes <= size, "texts are parts of the answer");
  Require(visited.ok() || visited.IsSerializationError(), visited.ToString());
  Require(storage::XmlText(body, "UploadId").size() <= size, "a text is a part of the answer");
  const auto status = storage::S3Refusal(400, body);
  Require(!status.ok() && status.message().size() < 3000, status.ToString());
  for (const std::string_view prefix : {"", "d/"}) {
    const auto listing = storage::S3Listing::Parse(body, prefix);
    if (!listing.ok()) {
      Require(listing.status().IsSerializationError(), listing.status().ToString());
      continue;
    }
    Require(listing->next.empty() || !listing->entries.empty(), "a list goes on");
    for (const auto& entry : listing->entries) {
      Require(entry.name.find('/') == std::string::npos, "a name has no slash");
    }
  }
  return 0;
}
