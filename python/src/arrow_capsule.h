#pragma once

#include <memory>
#include <utility>

#include <arrow/type_fwd.h>
#include <nanobind/nanobind.h>

namespace croupier::python {

namespace nb = nanobind;

/// A batch that any Arrow library takes over through `__arrow_c_array__`, without a copy.
struct ArrowBatch {
  std::shared_ptr<arrow::RecordBatch> batch;
};

/// A schema that any Arrow library takes over through `__arrow_c_schema__`.
struct ArrowSchemaExport {
  std::shared_ptr<arrow::Schema> schema;
};

/// Give Python a batch. The GIL is held.
nb::object GiveBatch(std::shared_ptr<arrow::RecordBatch> batch);

/// Make the capsules of the Arrow PyCapsule interface. The GIL is held.
nb::object SchemaCapsule(const arrow::Schema& schema);
std::pair<nb::object, nb::object> BatchCapsules(const arrow::RecordBatch& batch);
nb::object StreamCapsule(std::shared_ptr<arrow::RecordBatchReader> reader);

/// Take over the rows of an object with `__arrow_c_stream__`; TypeError if it has none.
///
/// The GIL is held; it is released while the stream is read.
std::shared_ptr<arrow::Table> ImportTable(const nb::object& stream);

/// The same, to be read batch by batch, without the GIL. The GIL is held.
std::shared_ptr<arrow::RecordBatchReader> ImportStream(const nb::object& stream);

/// Take over a schema from an object with `__arrow_c_schema__`; TypeError if it has none.
std::shared_ptr<arrow::Schema> ImportSchema(const nb::object& schema);

void RegisterArrow(nb::module_& module);

}  // namespace croupier::python
