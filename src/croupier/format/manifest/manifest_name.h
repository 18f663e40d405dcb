#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace croupier::format {

/// How the manifests of a table are named. Source: lance-table.md, section 3.
enum class ManifestNaming : uint8_t {
  kV1,  ///< "14.manifest"
  kV2,  ///< 2^64 - 1 - version, 20 digits: newest first in a sorted listing
};

/// What the name of an entry of `_versions` says.
struct ManifestName {
  ManifestNaming naming = ManifestNaming::kV2;
  uint64_t version = 0;

  /// Read a name; nothing if it is no manifest, or a detached one, which is never the newest.
  static std::optional<ManifestName> Parse(std::string_view name);

  std::string ToString() const;
};

}  // namespace croupier::format
