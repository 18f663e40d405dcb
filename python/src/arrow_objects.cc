#include "arrow_objects.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/c/abi.h>
#include <arrow/c/bridge.h>
#include <arrow/extension_type.h>
#include <arrow/memory_pool.h>
#include <arrow/python/common.h>
#include <arrow/python/pyarrow.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "croupier/base/memory_pool.h"
#include "croupier/base/process_local.h"
#include "status.h"

namespace croupier::python {

namespace {

// As the Arrow PyCapsule interface prescribes.
constexpr const char* kStreamCapsule = "arrow_array_stream";

// Tables say by the metadata of a field that its values are of an extension type.
bool SaysExtension(const arrow::Field& field) {
  const auto& metadata = field.metadata();
  if (metadata != nullptr && metadata->Contains(arrow::kExtensionTypeKeyName)) return true;
  const auto& children = field.type()->fields();
  return std::any_of(children.begin(), children.end(),
                     [](const auto& child) { return SaysExtension(*child); });
}

bool SaysExtension(const arrow::Schema& schema) {
  const auto& fields = schema.fields();
  return std::any_of(fields.begin(), fields.end(),
                     [](const auto& field) { return SaysExtension(*field); });
}

std::shared_ptr<arrow::Field> WithExtensions(const std::shared_ptr<arrow::Field>& field);

std::shared_ptr<arrow::DataType> WithExtensions(const std::shared_ptr<arrow::DataType>& type) {
  arrow::FieldVector children;
  children.reserve(static_cast<size_t>(type->num_fields()));
  for (const auto& child : type->fields()) children.push_back(WithExtensions(child));
  switch (type->id()) {
    case arrow::Type::STRUCT:
      return arrow::struct_(std::move(children));
    case arrow::Type::LIST:
      return arrow::list(children[0]);
    case arrow::Type::LARGE_LIST:
      return arrow::large_list(children[0]);
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListType&>(*type);
      return arrow::fixed_size_list(children[0], list.list_size());
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      return std::make_shared<arrow::MapType>(children[0], map.keys_sorted());
    }
    default:
      return type;
  }
}

// Put an extension type that is registered in the place of what the metadata says of it, as readers
// of Arrow's own formats do.
std::shared_ptr<arrow::Field> WithExtensions(const std::shared_ptr<arrow::Field>& field) {
  if (!SaysExtension(*field)) return field;
  const auto storage = WithExtensions(field->type());
  const auto stored = field->WithType(storage);
  if (field->metadata() == nullptr) return stored;
  const auto name = field->metadata()->Get(arrow::kExtensionTypeKeyName);
  const auto extension = name.ok() ? arrow::GetExtensionType(*name) : nullptr;
  if (extension == nullptr) return stored;
  const auto parameters = field->metadata()->Get(arrow::kExtensionMetadataKeyName).ValueOr("");
  const auto type = extension->Deserialize(storage, parameters);
  if (!type.ok()) return stored;  // of another storage, or parameters: then it is that storage
  const auto metadata = field->metadata()->Copy();
  static_cast<void>(metadata->Delete(arrow::kExtensionTypeKeyName));
  static_cast<void>(metadata->Delete(arrow::kExtensionMetadataKeyName));
  return field->WithType(*type)->WithMetadata(metadata->size() == 0 ? nullptr : metadata);
}

std::shared_ptr<arrow::Schema> WithExtensions(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  fields.reserve(static_cast<size_t>(schema.num_fields()));
  for (const auto& field : schema.fields()) fields.push_back(WithExtensions(field));
  return arrow::schema(std::move(fields), schema.metadata());
}

// The same values under a type that differs by extension types alone.
std::shared_ptr<arrow::ArrayData> Retyped(const arrow::ArrayData& data,
                                          const std::shared_ptr<arrow::DataType>& type) {
  auto retyped = data.Copy();
  retyped->type = type;
  const arrow::DataType* storage = type.get();
  while (storage->id() == arrow::Type::EXTENSION) {
    storage = static_cast<const arrow::ExtensionType&>(*storage).storage_type().get();
  }
  if (storage->id() == arrow::Type::DICTIONARY) {
    const auto& values = static_cast<const arrow::DictionaryType&>(*storage).value_type();
    retyped->dictionary = Retyped(*data.dictionary, values);
  }
  for (size_t i = 0; i < data.child_data.size(); ++i) {
    const auto& child = storage->field(static_cast<int>(i))->type();
    retyped->child_data[i] = Retyped(*data.child_data[i], child);
  }
  return retyped;
}

std::shared_ptr<arrow::RecordBatch> WithExtensions(const arrow::RecordBatch& batch) {
  auto schema = WithExtensions(*batch.schema());
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  columns.reserve(static_cast<size_t>(batch.num_columns()));
  for (int i = 0; i < batch.num_columns(); ++i) {
    columns.push_back(Retyped(*batch.column_data(i), schema->field(i)->type()));
  }
  return arrow::RecordBatch::Make(std::move(schema), batch.num_rows(), std::move(columns));
}

// Of the process that loaded the library, or the one that has changed pyarrow's pool last.
std::atomic<uint64_t> epoch_of_pool = ForkEpoch();

// In a forked child pyarrow, by which Python makes what it wants of a batch, is to allocate from a
// pool that no thread of the parent can have left locked, unless it does already.
void MakePyarrowSafe() {
  const uint64_t epoch = ForkEpoch();
  if (epoch_of_pool.exchange(epoch) == epoch) return;
  if (arrow::py::get_memory_pool()->backend_name() == "system") return;
  arrow::py::set_default_memory_pool(DefaultMemoryPool());
}

nb::object Steal(PyObject* object) {
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

// A consumer moves the struct out and so clears `release`; else its content is still ours.
void DestroyStream(PyObject* capsule) {
  auto* stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, kStreamCapsule));
  if (stream == nullptr) return;
  if (stream->release != nullptr) stream->release(stream);
  delete stream;
}

}  // namespace

nb::object GiveBatch(std::shared_ptr<arrow::RecordBatch> batch) {
  MakePyarrowSafe();
  if (SaysExtension(*batch->schema())) batch = WithExtensions(*batch);
  return Steal(arrow::py::wrap_batch(batch));
}

nb::object GiveSchema(const std::shared_ptr<arrow::Schema>& schema) {
  MakePyarrowSafe();
  if (!SaysExtension(*schema)) return Steal(arrow::py::wrap_schema(schema));
  return Steal(arrow::py::wrap_schema(WithExtensions(*schema)));
}

nb::object StreamCapsule(std::shared_ptr<arrow::RecordBatchReader> reader) {
  auto stream = std::make_unique<ArrowArrayStream>();
  OkOrRaise(arrow::ExportRecordBatchReader(std::move(reader), stream.get()));
  PyObject* capsule = PyCapsule_New(stream.get(), kStreamCapsule, DestroyStream);
  if (capsule == nullptr) {
    stream->release(stream.get());
    throw nb::python_error();
  }
  static_cast<void>(stream.release());
  return nb::steal(capsule);
}

std::shared_ptr<arrow::RecordBatch> TakeOverBatch(const nb::object& batch) {
  return ValueOrRaise(arrow::py::unwrap_batch(batch.ptr()));
}

std::shared_ptr<arrow::Schema> TakeOverSchema(const nb::object& schema) {
  MakePyarrowSafe();
  return ValueOrRaise(arrow::py::unwrap_schema(schema.ptr()));
}

std::shared_ptr<arrow::Table> TakeOverTable(const nb::object& table) {
  return ValueOrRaise(arrow::py::unwrap_table(table.ptr()));
}

void RegisterArrow() {
  if (arrow::py::import_pyarrow() != 0) throw nb::python_error();
}

}  // namespace croupier::python
