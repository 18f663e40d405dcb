#include "table_history.h"

#include <map>
#include <utility>

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include "croupier/table.h"
#include "signal_cancel.h"

namespace croupier::python {

namespace {

nb::object TextOrNone(const std::string& text) {
  return text.empty() ? nb::none() : nb::cast(text);
}

ReadOptions OptionsOf(const CancelToken& cancel) {
  ReadOptions options;
  options.cancel = &cancel;
  return options;
}

}  // namespace

TableHandle Checkout(const TableHandle& self, std::optional<uint64_t> version, std::string tag,
                     std::optional<std::string> branch) {
  const VersionRef ref{version, std::move(tag), std::move(branch)};
  return {RunReleased(
      [&](const CancelToken& cancel) { return self.source->Checkout(ref, OptionsOf(cancel)); })};
}

nb::list ListVersions(const TableHandle& self) {
  const auto versions = RunReleased(
      [&](const CancelToken& cancel) { return self.source->ListVersions(OptionsOf(cancel)); });
  nb::list list;
  for (const auto& each : versions) {
    nb::dict version;
    version["version"] = each.version;
    version["timestamp_us"] = each.timestamp_us;
    version["metadata"] = nb::cast(each.metadata);
    list.append(version);
  }
  return list;
}

nb::dict ListTags(const TableHandle& self) {
  const auto tags = RunReleased(
      [&](const CancelToken& cancel) { return self.source->ListTags(OptionsOf(cancel)); });
  nb::dict dict;
  for (const auto& each : tags) {
    nb::dict tag;
    tag["branch"] = TextOrNone(each.branch);
    tag["version"] = each.version;
    tag["created_at"] = TextOrNone(each.created_at);
    tag["updated_at"] = TextOrNone(each.updated_at);
    tag["manifest_size"] = each.manifest_size_bytes;
    tag["metadata"] = nb::cast(each.metadata);
    dict[each.name.c_str()] = tag;
  }
  return dict;
}

nb::dict ListBranches(const TableHandle& self) {
  const auto branches = RunReleased(
      [&](const CancelToken& cancel) { return self.source->ListBranches(OptionsOf(cancel)); });
  nb::dict dict;
  for (const auto& each : branches) {
    nb::dict branch;
    branch["parent_branch"] = TextOrNone(each.parent_branch);
    branch["parent_version"] = each.parent_version;
    branch["create_at"] = each.created_at_s;
    branch["manifest_size"] = each.manifest_size_bytes;
    branch["metadata"] = nb::cast(each.metadata);
    dict[each.name.c_str()] = branch;
  }
  return dict;
}

}  // namespace croupier::python
