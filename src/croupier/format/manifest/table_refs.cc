#include "croupier/format/manifest/table_refs.h"

#include <algorithm>

#include <arrow/status.h>
#include <nlohmann/json.hpp>

namespace croupier::format {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kJsonSuffix = ".json";
constexpr std::string_view kMainBranch = "main";

arrow::Status Malformed(const char* what, const char* key, const char* wanted) {
  return arrow::Status::SerializationError(what, ": '", key, "' is not ", wanted);
}

arrow::Result<Json> ParseObject(std::string_view text, const char* what) {
  auto json = Json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return arrow::Status::SerializationError(what, ": not a JSON object");
  return json;
}

// The members of one object. Absent and null are the same: older files have fewer members.
class Members {
 public:
  Members(const Json& object, const char* what) : object_(object), what_(what) {}

  const Json* Find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  arrow::Result<uint64_t> Number(const char* key) const {
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned()) return Malformed(what_, key, "a number");
    return value->get<uint64_t>();
  }

  arrow::Result<std::string> Text(const char* key) const {
    const Json* value = Find(key);
    if (value == nullptr) return std::string();
    if (!value->is_string()) return Malformed(what_, key, "a string");
    return value->get<std::string>();
  }

  // A branch by name; the main branch has none.
  arrow::Result<std::string> Branch(const char* key) const {
    ARROW_ASSIGN_OR_RAISE(auto name, Text(key));
    if (name == kMainBranch) name.clear();
    if (!name.empty() && !IsBranchName(name)) return Malformed(what_, key, "a name of a branch");
    return name;
  }

  arrow::Result<std::map<std::string, std::string>> Texts(const char* key) const {
    std::map<std::string, std::string> texts;
    const Json* value = Find(key);
    if (value == nullptr) return texts;
    if (!value->is_object()) return Malformed(what_, key, "an object");
    for (const auto& [name, text] : value->items()) {
      if (!text.is_string()) return Malformed(what_, key, "an object of strings");
      texts.emplace(name, text.get<std::string>());
    }
    return texts;
  }

 private:
  const Json& object_;
  const char* const what_;
};

// Names become names of files and directories, so nothing else may be in them.
bool IsNamePart(std::string_view part) {
  const auto is_fine = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  };
  return !part.empty() && part != "." && part.find("..") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), is_fine);
}

}  // namespace

arrow::Result<TagFile> TagFile::Parse(std::string_view json) {
  ARROW_ASSIGN_OR_RAISE(const Json object, ParseObject(json, "tag"));
  const Members members(object, "tag");
  TagFile tag;
  if (members.Find("version") == nullptr) return Malformed("tag", "version", "there");
  ARROW_ASSIGN_OR_RAISE(tag.version, members.Number("version"));
  ARROW_ASSIGN_OR_RAISE(tag.branch, members.Branch("branch"));
  ARROW_ASSIGN_OR_RAISE(tag.manifest_size_bytes, members.Number("manifestSize"));
  ARROW_ASSIGN_OR_RAISE(tag.created_at, members.Text("createdAt"));
  ARROW_ASSIGN_OR_RAISE(tag.updated_at, members.Text("updatedAt"));
  ARROW_ASSIGN_OR_RAISE(tag.metadata, members.Texts("metadata"));
  return tag;
}

std::string TagFile::Write() const {
  // In the order of the reference writer.
  nlohmann::ordered_json json;
  json["branch"] = branch.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(branch);
  json["version"] = version;
  if (!created_at.empty()) json["createdAt"] = created_at;
  if (!updated_at.empty()) json["updatedAt"] = updated_at;
  json["manifestSize"] = manifest_size_bytes;
  json["metadata"] = metadata;
  return json.dump(2);
}

arrow::Result<BranchFile> BranchFile::Parse(std::string_view json) {
  ARROW_ASSIGN_OR_RAISE(const Json object, ParseObject(json, "branch"));
  const Members members(object, "branch");
  BranchFile branch;
  if (members.Find("parentVersion") == nullptr)
    return Malformed("branch", "parentVersion", "there");
  ARROW_ASSIGN_OR_RAISE(branch.parent_version, members.Number("parentVersion"));
  ARROW_ASSIGN_OR_RAISE(branch.parent_branch, members.Branch("parentBranch"));
  ARROW_ASSIGN_OR_RAISE(const uint64_t created_at_s, members.Number("createAt"));
  if (created_at_s > INT64_MAX) return Malformed("branch", "createAt", "a time");
  branch.created_at_s = static_cast<int64_t>(created_at_s);
  ARROW_ASSIGN_OR_RAISE(branch.manifest_size_bytes, members.Number("manifestSize"));
  ARROW_ASSIGN_OR_RAISE(branch.metadata, members.Texts("metadata"));
  return branch;
}

bool IsBranchName(std::string_view name) {
  if (name == kMainBranch) return false;
  while (true) {
    const size_t slash = name.find('/');
    if (!IsNamePart(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

bool IsTagName(std::string_view name) { return IsNamePart(name); }

std::string BranchOfFileName(std::string_view file_name) {
  if (!file_name.ends_with(kJsonSuffix)) return {};
  file_name.remove_suffix(kJsonSuffix.size());
  constexpr std::string_view kSlash = "%2F";
  std::string name;
  for (size_t at = 0; at < file_name.size();) {
    if (file_name.substr(at).starts_with(kSlash)) {
      name += '/';
      at += kSlash.size();
    } else {
      name += file_name[at++];
    }
  }
  return IsBranchName(name) ? name : std::string();
}

std::string TagOfFileName(std::string_view file_name) {
  if (!file_name.ends_with(kJsonSuffix)) return {};
  file_name.remove_suffix(kJsonSuffix.size());
  return IsTagName(file_name) ? std::string(file_name) : std::string();
}

}  // namespace croupier::format
