#pragma once

#include <memory>
#include <string>

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

/// Open the blobs of rows: a Blob for each, None for a null.
nb::list TakeBlobs(const TableHandle& table, const nb::object& row_ids, const std::string& column);

void RegisterBlob(nb::module_& module);
void RegisterConfig(nb::module_& module);
void RegisterExpression(nb::module_& module);
void RegisterLoader(nb::module_& module);
void RegisterPermutation(nb::module_& module);
void RegisterStorage(nb::module_& module);
void RegisterTable(nb::module_& module);
void RegisterTableWriter(nb::module_& module);

}  // namespace croupier::python
