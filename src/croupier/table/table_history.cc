#include "croupier/table_history.h"

#include <memory>

namespace croupier {

namespace {

constexpr char kDetailType[] = "croupier::VersionNotFound";
// A table may have thousands of versions; a message names the newest of them.
constexpr size_t kMaxNamedVersions = 20;

class VersionNotFoundDetail : public arrow::StatusDetail {
 public:
  const char* type_id() const override { return kDetailType; }
  std::string ToString() const override { return "version not found"; }
};

std::string ListOf(const std::vector<uint64_t>& versions) {
  if (versions.empty()) return "none";
  std::string list;
  size_t first = 0;
  if (versions.size() > kMaxNamedVersions) {
    first = versions.size() - kMaxNamedVersions;
    list = std::to_string(versions.size()) + " from " + std::to_string(versions.front()) + " on: …";
  }
  for (size_t i = first; i < versions.size(); ++i) {
    if (!list.empty()) list += ", ";
    list += std::to_string(versions[i]);
  }
  return list;
}

}  // namespace

arrow::Status VersionNotFound(const std::string& location, const std::string& branch,
                              uint64_t version, const std::vector<uint64_t>& existing) {
  const std::string on_branch = branch.empty() ? "" : " (branch " + branch + ")";
  return arrow::Status::Invalid(
             location, on_branch, ": version ", version,
             " does not exist, or was removed by a clean-up; the versions are: ", ListOf(existing),
             ". Open one of these, and tag a version to keep it from clean-ups")
      .WithDetail(std::make_shared<VersionNotFoundDetail>());
}

bool IsVersionNotFound(const arrow::Status& status) {
  return status.detail() != nullptr && std::string(status.detail()->type_id()) == kDetailType;
}

}  // namespace croupier
