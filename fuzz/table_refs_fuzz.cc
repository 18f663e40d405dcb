#include <cstddef>
#include <cstdint>
#include <string_view>

#include <arrow/status.h>

#include "croupier/format/manifest/table_refs.h"
#include "require.h"

// The bytes are the JSON of a tag, that of a branch, and the name of a file of either. Parsing
// gives an error, or names that lead nowhere else.

namespace {

using croupier::fuzz::Require;
namespace format = croupier::format;

void CheckBranch(std::string_view name) {
  if (name.empty()) return;
  Require(format::IsBranchName(name), "a branch has a name that a branch can have");
  Require(name.front() != '/' && name.back() != '/' && name.find("..") == name.npos &&
              name.find('\0') == name.npos,
          "the name of a branch is a path that stays below its directory");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tag = format::TagFile::Parse(text);
  if (tag.ok()) {
    CheckBranch(tag->branch);
  } else {
    Require(tag.status().IsSerializationError(), tag.status().ToString());
  }
  const auto branch = format::BranchFile::Parse(text);
  if (branch.ok()) {
    CheckBranch(branch->parent_branch);
    Require(branch->created_at_s >= 0, "a branch was made after the epoch");
  } else {
    Require(branch.status().IsSerializationError(), branch.status().ToString());
  }
  CheckBranch(format::BranchOfFileName(text));
  const auto name = format::TagOfFileName(text);
  Require(name.empty() || (format::IsTagName(name) && name.find('/') == name.npos),
          "a tag has a name that a tag can have");
  return 0;
}
