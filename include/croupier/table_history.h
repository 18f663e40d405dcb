#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <arrow/status.h>

namespace croupier {

/// Which version of a table is meant; nothing set: the newest one of the same branch.
struct VersionRef {
  std::optional<uint64_t> version = std::nullopt;
  /// A tag instead of a version; it says which branch it is on.
  std::string tag = "";
  /// A branch by name, or "main"; absent: that of the tag, else the same one.
  std::optional<std::string> branch = std::nullopt;
};

/// A retained version of a table.
struct TableVersion {
  uint64_t version = 0;
  int64_t timestamp_us = 0;                     ///< of its commit, since the epoch, UTC
  std::map<std::string, std::string> metadata;  ///< counts, as Lance names them: "total_rows" …
};

/// A name for a version; a version with one survives clean-up.
struct TableTag {
  std::string name;
  std::string branch;  ///< empty: the main branch
  uint64_t version = 0;
  uint64_t manifest_size_bytes = 0;  ///< 0: not known
  std::string created_at;            ///< RFC 3339; empty: not known
  std::string updated_at;            ///< RFC 3339; empty: not known
  std::map<std::string, std::string> metadata;
};

/// A line of versions that left another one.
struct TableBranch {
  std::string name;
  std::string parent_branch;  ///< empty: the main branch
  uint64_t parent_version = 0;
  int64_t created_at_s = 0;  ///< since the epoch, UTC; 0: not known
  uint64_t manifest_size_bytes = 0;
  std::map<std::string, std::string> metadata;
};

/// Make the error of a version that does not exist, or no longer.
///
/// \param existing the versions that can be read instead, ascending
/// \return Invalid, with a detail by which IsVersionNotFound knows it; the message names the
///         version, those there are, and the remedy
arrow::Status VersionNotFound(const std::string& location, const std::string& branch,
                              uint64_t version, const std::vector<uint64_t>& existing);

/// Tell whether a status means that a version of a table does not exist, or no longer.
bool IsVersionNotFound(const arrow::Status& status);

}  // namespace croupier
