#include "arrow_capsule.h"

#include <arrow/c/abi.h>
#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <nanobind/stl/pair.h>

#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

// Names that the Arrow PyCapsule interface prescribes.
template <typename T>
constexpr const char* kCapsuleName = nullptr;
template <>
constexpr const char* kCapsuleName<ArrowSchema> = "arrow_schema";
template <>
constexpr const char* kCapsuleName<ArrowArray> = "arrow_array";
template <>
constexpr const char* kCapsuleName<ArrowArrayStream> = "arrow_array_stream";

// A consumer moves the struct out and so clears `release`; else its content is still ours.
template <typename T>
void DestroyCapsule(PyObject* capsule) {
  auto* exported = static_cast<T*>(PyCapsule_GetPointer(capsule, kCapsuleName<T>));
  if (exported == nullptr) return;
  if (exported->release != nullptr) exported->release(exported);
  delete exported;
}

template <typename T>
nb::object MakeCapsule(std::unique_ptr<T> exported) {
  PyObject* capsule = PyCapsule_New(exported.get(), kCapsuleName<T>, DestroyCapsule<T>);
  if (capsule == nullptr) {
    exported->release(exported.get());
    throw nb::python_error();
  }
  exported.release();
  return nb::steal(capsule);
}

// Ask an object of another library for what it exports.
nb::object CapsuleOf(const nb::object& object, const char* method) {
  if (nb::hasattr(object, method)) return object.attr(method)();
  throw nb::type_error((std::string("expected an object with ") + method).c_str());
}

template <typename T>
T* PointerOf(const nb::object& capsule) {
  auto* pointer = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), kCapsuleName<T>));
  if (pointer == nullptr) throw nb::python_error();
  return pointer;
}

}  // namespace

nb::object SchemaCapsule(const arrow::Schema& schema) {
  auto exported = std::make_unique<ArrowSchema>();
  OkOrRaise(arrow::ExportSchema(schema, exported.get()));
  return MakeCapsule(std::move(exported));
}

std::pair<nb::object, nb::object> BatchCapsules(const arrow::RecordBatch& batch) {
  auto schema = std::make_unique<ArrowSchema>();
  auto array = std::make_unique<ArrowArray>();
  OkOrRaise(arrow::ExportRecordBatch(batch, array.get(), schema.get()));
  nb::object array_capsule = MakeCapsule(std::move(array));
  return {MakeCapsule(std::move(schema)), std::move(array_capsule)};
}

nb::object StreamCapsule(std::shared_ptr<arrow::RecordBatchReader> reader) {
  auto exported = std::make_unique<ArrowArrayStream>();
  OkOrRaise(arrow::ExportRecordBatchReader(std::move(reader), exported.get()));
  return MakeCapsule(std::move(exported));
}

std::shared_ptr<arrow::Table> ImportTable(const nb::object& stream) {
  const nb::object capsule = CapsuleOf(stream, "__arrow_c_stream__");
  auto* exported = PointerOf<ArrowArrayStream>(capsule);
  return RunReleased([&](const CancelToken&) -> arrow::Result<std::shared_ptr<arrow::Table>> {
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ImportRecordBatchReader(exported));
    return reader->ToTable();
  });
}

std::shared_ptr<arrow::RecordBatchReader> ImportStream(const nb::object& stream) {
  const nb::object capsule = CapsuleOf(stream, "__arrow_c_stream__");
  return ValueOrRaise(arrow::ImportRecordBatchReader(PointerOf<ArrowArrayStream>(capsule)));
}

std::shared_ptr<arrow::Schema> ImportSchema(const nb::object& schema) {
  const nb::object capsule = CapsuleOf(schema, "__arrow_c_schema__");
  return ValueOrRaise(arrow::ImportSchema(PointerOf<ArrowSchema>(capsule)));
}

nb::object GiveBatch(std::shared_ptr<arrow::RecordBatch> batch) {
  return nb::cast(ArrowBatch{std::move(batch)});
}

void RegisterArrow(nb::module_& module) {
  nb::class_<ArrowBatch>(module, "ArrowBatch", "Rows that any Arrow library takes over.")
      .def(
          "__arrow_c_array__",
          [](const ArrowBatch& self, const nb::object& /*requested_schema*/) {
            return BatchCapsules(*self.batch);
          },
          nb::arg("requested_schema") = nb::none());
  nb::class_<ArrowSchemaExport>(module, "ArrowSchema",
                                "A schema that any Arrow library takes over.")
      .def("__arrow_c_schema__",
           [](const ArrowSchemaExport& self) { return SchemaCapsule(*self.schema); });
}

}  // namespace croupier::python
