#include "croupier/blob.h"

#include <memory>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <nanobind/stl/shared_ptr.h>

#include "croupier/table.h"
#include "integers.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

// A blob and its size, which its file was asked for if need be.
struct Blob {
  std::shared_ptr<const BlobFile> file;
  int64_t size_bytes = 0;
};

nb::bytes ReadBlob(const Blob& self, int64_t offset, int64_t size) {
  const auto buffer = RunReleased([&](const CancelToken& cancel) {
    ReadOptions options;
    options.cancel = &cancel;
    return self.file->ReadRange(offset, size, options);
  });
  return nb::bytes(reinterpret_cast<const char*>(buffer->data()),
                   static_cast<size_t>(buffer->size()));
}

}  // namespace

nb::list TakeBlobs(const TableHandle& table, const nb::object& row_ids, const std::string& column) {
  const auto ids = ReadRowIds(row_ids);
  auto blobs = RunReleased([&](const CancelToken& cancel) -> arrow::Result<std::vector<Blob>> {
    std::vector<Blob> opened;
    ReadOptions options;
    options.cancel = &cancel;
    ARROW_ASSIGN_OR_RAISE(auto files, table.source->TakeBlobs(ids, column, options));
    for (auto& file : files) {
      Blob blob{std::move(file), 0};
      if (blob.file != nullptr) {
        ARROW_RETURN_NOT_OK(cancel.Check());
        ARROW_ASSIGN_OR_RAISE(blob.size_bytes, blob.file->SizeBytes());
      }
      opened.push_back(std::move(blob));
    }
    return opened;
  });
  nb::list result;
  for (auto& blob : blobs) {
    result.append(blob.file != nullptr ? nb::cast(std::move(blob)) : nb::none());
  }
  return result;
}

void RegisterBlob(nb::module_& module) {
  nb::class_<Blob>(module, "Blob", "A value of a blob column, read in parts.")
      .def_prop_ro("size", [](const Blob& self) { return self.size_bytes; })
      .def("read", &ReadBlob, nb::arg("offset"), nb::arg("size"));
}

}  // namespace croupier::python
