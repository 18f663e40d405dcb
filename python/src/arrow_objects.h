#pragma once

#include <memory>

#include <arrow/type_fwd.h>
#include <nanobind/nanobind.h>

namespace croupier::python {

namespace nb = nanobind;

/// What crosses between Arrow's C++ objects and pyarrow's is the object itself: copied is nothing,
/// and nothing comes from Arrow's own memory pool. Its C data interface takes each struct from
/// there, and the locks of that pool may be held by another thread at a fork (memory_pool.h).

/// Give Python a pyarrow.RecordBatch, with the extension types that pyarrow knows. The GIL is held.
nb::object GiveBatch(std::shared_ptr<arrow::RecordBatch> batch);

/// Give Python a pyarrow.Schema, with the extension types that pyarrow knows. The GIL is held.
nb::object GiveSchema(const std::shared_ptr<arrow::Schema>& schema);

/// Give any Arrow library a stream, as the capsule of the Arrow PyCapsule interface, by which that
/// reads without the GIL. The GIL is held.
nb::object StreamCapsule(std::shared_ptr<arrow::RecordBatchReader> reader);

/// Take over a pyarrow object; TypeError if it is another. The GIL is held.
std::shared_ptr<arrow::RecordBatch> TakeOverBatch(const nb::object& batch);
std::shared_ptr<arrow::Schema> TakeOverSchema(const nb::object& schema);
std::shared_ptr<arrow::Table> TakeOverTable(const nb::object& table);

/// Load what this needs of pyarrow.
void RegisterArrow();

}  // namespace croupier::python
