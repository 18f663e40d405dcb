#include <cstdint>
#include <string_view>

#include "croupier/storage/object_store.h"
#include "croupier/storage/s3_client.h"
#include "require.h"

// The bytes are the body of an answer of S3. A refusal with it is an error of bounded length.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using croupier::fuzz::Require;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto upload = croupier::storage::XmlText(body, "UploadId");
  Require(upload.size() <= body.size(), "a text is a part of the answer");
  const auto status = croupier::storage::S3Refusal(400, body);
  Require(!status.ok() && status.message().size() < 3000, status.ToString());
  return 0;
}
