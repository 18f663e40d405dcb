#pragma once

#include <memory>

#include <nanobind/nanobind.h>

#include "croupier/table.h"

namespace croupier {
class Permutation;
}

namespace croupier::python {

namespace nb = nanobind;

/// A table as Python holds it.
struct TableHandle {
  std::shared_ptr<const TableSource> source;
};

/// A permutation as Python holds it.
struct PermutationHandle {
  std::shared_ptr<const Permutation> permutation;
};

void RegisterConfig(nb::module_& module);
void RegisterLoader(nb::module_& module);
void RegisterPermutation(nb::module_& module);
void RegisterTable(nb::module_& module);

}  // namespace croupier::python
