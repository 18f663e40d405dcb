#include "status.h"

#include <string>

#include <arrow/util/io_util.h>
#include <nanobind/stl/string.h>

#include "croupier/table_history.h"

namespace croupier::python {

namespace {

nb::object BuiltinError(PyObject* type) { return nb::borrow(type); }

nb::object OurError(const char* name) { return nb::module_::import_("croupier.errors").attr(name); }

nb::object MakeIoError(const std::string& message, int error_number) {
  nb::object type = BuiltinError(PyExc_OSError);
  // With a number OSError picks its own subclass: FileNotFoundError, PermissionError …
  return error_number == 0 ? type(message) : type(error_number, message);
}

nb::object MakeError(const arrow::Status& status) {
  const std::string& message = status.message();
  if (IsVersionNotFound(status)) return OurError("VersionNotFoundError")(message);
  switch (status.code()) {
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::AlreadyExists:
    case arrow::StatusCode::CapacityError:
      return BuiltinError(PyExc_ValueError)(message);
    case arrow::StatusCode::KeyError:
      return OurError("NameNotFoundError")(message);
    case arrow::StatusCode::IndexError:
      return BuiltinError(PyExc_IndexError)(message);
    case arrow::StatusCode::TypeError:
      return BuiltinError(PyExc_TypeError)(message);
    case arrow::StatusCode::IOError:
      return MakeIoError(message, arrow::internal::ErrnoFromStatus(status));
    case arrow::StatusCode::SerializationError:
      return OurError("CorruptFileError")(message);
    case arrow::StatusCode::NotImplemented:
      return BuiltinError(PyExc_NotImplementedError)(message);
    case arrow::StatusCode::OutOfMemory:
      return BuiltinError(PyExc_MemoryError)(message);
    default:
      return BuiltinError(PyExc_RuntimeError)(message);
  }
}

}  // namespace

void RaiseStatus(const arrow::Status& status) {
  const nb::object error = MakeError(status);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
  throw nb::python_error();
}

}  // namespace croupier::python
