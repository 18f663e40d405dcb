#include "integers.h"

#include <concepts>
#include <string>
#include <type_traits>

#include <nanobind/ndarray.h>

namespace croupier::python {

namespace {

template <std::integral T>
T ConvertOne(const nb::handle& value) {
  const nb::object integer = nb::steal(PyNumber_Index(value.ptr()));
  if (!integer.is_valid()) throw nb::python_error();
  T converted;
  if constexpr (std::is_signed_v<T>) {
    converted = PyLong_AsLongLong(integer.ptr());
  } else {
    converted = PyLong_AsUnsignedLongLong(integer.ptr());
  }
  if (converted == static_cast<T>(-1) && PyErr_Occurred() != nullptr) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw nb::python_error();
    PyErr_Clear();
    const std::string text = nb::str(integer).c_str();
    throw nb::index_error(
        ((std::is_signed_v<T> ? "position out of range: " : "no row has the row id ") + text)
            .c_str());
  }
  return converted;
}

template <std::integral T>
std::vector<T> ReadIntegers(const nb::object& values) {
  using Array = nb::ndarray<const T, nb::ndim<1>, nb::device::cpu>;
  // Lists are the usual case and have no buffer to ask for.
  if (!nb::isinstance<nb::list>(values)) {
    if (Array array; nb::try_cast<Array>(values, array, false)) {
      std::vector<T> integers(array.shape(0));
      for (size_t i = 0; i < integers.size(); ++i) {
        integers[i] = array.data()[static_cast<int64_t>(i) * array.stride(0)];
      }
      return integers;
    }
  }
  std::vector<T> integers;
  integers.reserve(nb::len_hint(values));
  for (const nb::handle value : values) integers.push_back(ConvertOne<T>(value));
  return integers;
}

}  // namespace

std::vector<int64_t> ReadPositions(const nb::object& values) {
  return ReadIntegers<int64_t>(values);
}

std::vector<uint64_t> ReadRowIds(const nb::object& values) {
  return ReadIntegers<uint64_t>(values);
}

}  // namespace croupier::python
