#pragma once

#include <utility>

#include <arrow/result.h>
#include <arrow/status.h>
#include <nanobind/nanobind.h>

namespace croupier::python {

namespace nb = nanobind;

/// Raise the Python exception for a status that is not OK. The GIL is held.
///
/// The one place that maps codes to exceptions: a version that does not exist →
/// croupier.errors.VersionNotFoundError; Invalid, CapacityError → ValueError; KeyError →
/// croupier.errors.NameNotFoundError; IndexError, TypeError, NotImplemented → their namesakes;
/// IOError → OSError (by errno where it is known: FileNotFoundError, PermissionError …);
/// SerializationError → croupier.errors.CorruptFileError; OutOfMemory → MemoryError; else
/// RuntimeError.
[[noreturn]] void RaiseStatus(const arrow::Status& status);

/// Raise unless OK. The GIL is held.
inline void OkOrRaise(const arrow::Status& status) {
  if (!status.ok()) RaiseStatus(status);
}

/// A status as a result, for RunReleased.
inline arrow::Result<bool> ResultOf(const arrow::Status& status) {
  ARROW_RETURN_NOT_OK(status);
  return true;
}

/// Take the value or raise. The GIL is held.
template <typename T>
T ValueOrRaise(arrow::Result<T> result) {
  if (!result.ok()) RaiseStatus(result.status());
  return std::move(result).ValueUnsafe();
}

}  // namespace croupier::python
