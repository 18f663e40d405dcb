#include "croupier/storage/aws_credential_answers.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <arrow/status.h>
#include <arrow/type_fwd.h>
#include <arrow/util/value_parsing.h>
#include <nlohmann/json.hpp>

#include "croupier/storage/xml_elements.h"

namespace croupier::storage {

namespace {

// They become parts of headers.
bool IsPlain(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

arrow::Result<AwsKeys> Checked(AwsKeys keys, const std::string& expiration) {
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) {
    return arrow::Status::Invalid("the answer has no access key and secret");
  }
  if (!IsPlain(keys.access_key_id) || !IsPlain(keys.secret_access_key) ||
      !IsPlain(keys.session_token)) {
    return arrow::Status::Invalid("the answer has keys with blanks or line ends");
  }
  if (!expiration.empty()) {
    const auto parse = [&](arrow::TimeUnit::type unit, int64_t* count) {
      return arrow::internal::ParseTimestampISO8601(expiration.data(), expiration.size(), unit,
                                                    count);
    };
    int64_t nanoseconds = 0;
    int64_t seconds = 0;
    if (parse(arrow::TimeUnit::NANO, &nanoseconds)) {
      keys.expires_at =
          std::chrono::system_clock::time_point(std::chrono::nanoseconds(nanoseconds));
    } else if (!parse(arrow::TimeUnit::SECOND, &seconds)) {  // after 2262: never
      return arrow::Status::Invalid("the answer has an Expiration that is no time of ISO 8601");
    }
  }
  return keys;
}

}  // namespace

arrow::Result<AwsKeys> ParseAwsKeys(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return arrow::Status::Invalid("the answer is no object of JSON");
  const auto text = [&](const char* name) {
    const auto found = parsed.find(name);
    return found != parsed.end() && found->is_string() ? found->get<std::string>() : "";
  };
  AwsKeys keys;
  keys.access_key_id = text("AccessKeyId");
  keys.secret_access_key = text("SecretAccessKey");
  // Services call it so, commands by its longer name.
  keys.session_token = text("Token");
  if (keys.session_token.empty()) keys.session_token = text("SessionToken");
  return Checked(std::move(keys), text("Expiration"));
}

arrow::Result<AwsKeys> ParseAssumedRole(std::string_view xml) {
  AwsKeys keys;
  keys.access_key_id = XmlText(xml, "AccessKeyId");
  keys.secret_access_key = XmlText(xml, "SecretAccessKey");
  keys.session_token = XmlText(xml, "SessionToken");
  return Checked(std::move(keys), XmlText(xml, "Expiration"));
}

}  // namespace croupier::storage
