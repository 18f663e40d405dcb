#pragma once

#include <cstdint>
#include <vector>

#include <nanobind/nanobind.h>

namespace croupier::python {

namespace nb = nanobind;

/// Read 64-bit integers from any Python sequence or buffer of them: a list, a tuple, a range, a
/// NumPy array, a torch or an Arrow array.
///
/// Buffers of int64 or uint64 are copied whole, other objects item by item. Raises TypeError for
/// what is no integer, and IndexError for one that does not fit: no row has it.
std::vector<int64_t> ReadPositions(const nb::object& values);
std::vector<uint64_t> ReadRowIds(const nb::object& values);

}  // namespace croupier::python
