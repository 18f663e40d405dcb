#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <arrow/result.h>

namespace croupier::format {

/// A tag: a name for one version of a table. Source: lance-table.md, section 13.
struct TagFile {
  std::string branch;  ///< empty: the main branch
  uint64_t version = 0;
  uint64_t manifest_size_bytes = 0;             ///< 0: not known
  std::string created_at;                       ///< RFC 3339; empty: not known
  std::string updated_at;                       ///< RFC 3339; empty: not known
  std::map<std::string, std::string> metadata;  ///< of its users

  /// Parse the JSON of `_refs/tags/<name>.json`; SerializationError if it is malformed.
  static arrow::Result<TagFile> Parse(std::string_view json);
  std::string Write() const;
};

/// A branch: where it left its parent. Source: lance-table.md, section 13.
struct BranchFile {
  std::string parent_branch;  ///< empty: the main branch
  uint64_t parent_version = 0;
  int64_t created_at_s = 0;  ///< since the epoch; 0: not known
  uint64_t manifest_size_bytes = 0;
  std::map<std::string, std::string> metadata;

  /// Parse the JSON of `_refs/branches/<name>.json`; SerializationError if it is malformed.
  static arrow::Result<BranchFile> Parse(std::string_view json);
};

/// Tell whether a branch can have this name: parts of letters, digits, '.', '-' and '_' between
/// slashes, none of them "..", and not "main".
bool IsBranchName(std::string_view name);

/// Tell whether a tag can have this name: letters, digits, '.', '-' and '_', and no "..".
bool IsTagName(std::string_view name);

/// The name of the branch whose file in `_refs/branches` has this name; empty if none has.
std::string BranchOfFileName(std::string_view file_name);

/// The name of the tag whose file in `_refs/tags` has this name; empty if none has.
std::string TagOfFileName(std::string_view file_name);

}  // namespace croupier::format
