#pragma once

#include <string>

#include <nanobind/nanobind.h>

#include "register.h"

namespace croupier::python {

namespace nb = nanobind;

/// A TableDescription as dicts and lists, with the names of its members.
///
/// `detail` is "table", "columns", "files" or "pages"; ValueError for another.
nb::dict Describe(const TableHandle& self, const std::string& detail);

}  // namespace croupier::python
