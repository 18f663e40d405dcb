#include "croupier/format/manifest/manifest_name.h"

#include <charconv>

namespace croupier::format {

namespace {

constexpr std::string_view kSuffix = "manifest";
constexpr size_t kV2NameSize = 29;

}  // namespace

std::optional<ManifestName> ManifestName::Parse(std::string_view name) {
  if (name.starts_with('d') || !name.ends_with(kSuffix)) return std::nullopt;
  const auto digits = name.substr(0, name.find('.'));
  uint64_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return std::nullopt;
  if (name.size() == kV2NameSize) return ManifestName{ManifestNaming::kV2, UINT64_MAX - number};
  return ManifestName{ManifestNaming::kV1, number};
}

std::string ManifestName::ToString() const {
  const bool is_v2 = naming == ManifestNaming::kV2;
  std::string digits = std::to_string(is_v2 ? UINT64_MAX - version : version);
  if (is_v2) digits.insert(0, 20 - digits.size(), '0');
  digits += ".manifest";
  return digits;
}

}  // namespace croupier::format
