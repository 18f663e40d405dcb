#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nanobind/nanobind.h>

#include "register.h"

namespace croupier::python {

namespace nb = nanobind;

TableHandle Checkout(const TableHandle& self, std::optional<uint64_t> version, std::string tag,
                     std::optional<std::string> branch);

/// A list of dicts, as pylance and LanceDB have them; times are microseconds since the epoch.
nb::list ListVersions(const TableHandle& self);
/// A dict of dicts by name, with the keys of pylance; times are RFC 3339 texts, or None.
nb::dict ListTags(const TableHandle& self);
/// A dict of dicts by name, with the keys of pylance.
nb::dict ListBranches(const TableHandle& self);

}  // namespace croupier::python
