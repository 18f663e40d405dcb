#include <cstdint>
#include <string>
#include <string_view>

#include "croupier/storage/aws_credential_answers.h"
#include "croupier/storage/aws_profiles.h"
#include "require.h"

// The bytes are a file of profiles, or an answer with keys, as JSON or as XML: what is accepted can
// be sent in headers.

namespace {

bool IsPlain(const std::string& text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7F) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using croupier::fuzz::Require;
  namespace storage = croupier::storage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& answer : {storage::ParseAwsKeys(text), storage::ParseAssumedRole(text)}) {
    if (!answer.ok()) {
      Require(answer.status().IsInvalid(), answer.status().ToString());
      continue;
    }
    Require(!answer->access_key_id.empty() && IsPlain(answer->access_key_id), "a key is plain");
    Require(!answer->secret_access_key.empty() && IsPlain(answer->secret_access_key),
            "a secret is plain");
    Require(IsPlain(answer->session_token), "a token is plain");
  }
  for (const auto file : {storage::AwsFile::kConfig, storage::AwsFile::kCredentials}) {
    storage::AwsProfiles profiles;
    storage::AddAwsProfiles(text, file, &profiles);
    size_t num_bytes = 0;
    for (const auto& [name, profile] : profiles) {
      Require(!name.empty(), "a profile has a name");
      num_bytes += name.size();
      for (const auto& [setting, value] : profile) num_bytes += setting.size() + value.size();
    }
    Require(num_bytes <= size, "settings are parts of the file");
  }
  return 0;
}
