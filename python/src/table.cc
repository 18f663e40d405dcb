#include "croupier/table.h"

#include <string>
#include <utility>
#include <vector>

#include <arrow/table.h>
#include <arrow/type.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "arrow_capsule.h"
#include "batch_stream.h"
#include "croupier/database.h"
#include "integers.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

std::shared_ptr<BatchStream> StartScan(const TableHandle& self, std::vector<std::string> columns,
                                       int64_t batch_rows) {
  return BatchStream::Start([&](const CancelToken* cancel) {
    ScanOptions options;
    options.columns = std::move(columns);
    options.batch_rows = batch_rows;
    options.cancel = cancel;
    return self.source->Scan(options);
  });
}

TableHandle OpenDataset(const std::string& uri) {
  return {RunReleased([&](const CancelToken&) { return OpenLanceTable(uri); })};
}

TableHandle MakeTable(const std::string& name, const nb::object& rows) {
  auto table = ImportTable(rows);
  return {RunReleased([&](const CancelToken&) { return MakeMemoryTable(name, std::move(table)); })};
}

}  // namespace

void RegisterTable(nb::module_& module) {
  nb::class_<TableHandle>(module, "TableSource", "Rows with a schema at one version.")
      .def("schema",
           [](const TableHandle& self) { return ArrowSchemaExport{self.source->schema()}; })
      .def_prop_ro("version", [](const TableHandle& self) { return self.source->version(); })
      .def_prop_ro("location", [](const TableHandle& self) { return self.source->location(); })
      .def("count_rows",
           [](const TableHandle& self) {
             return RunReleased([&](const CancelToken&) { return self.source->CountRows(); });
           })
      .def(
          "project_schema",
          [](const TableHandle& self, const std::vector<std::string>& columns) {
            return ArrowSchemaExport{ValueOrRaise(ProjectSchema(*self.source->schema(), columns))};
          },
          nb::arg("columns"))
      .def("scan", &StartScan, nb::arg("columns"), nb::arg("batch_rows"))
      .def(
          "take",
          [](const TableHandle& self, const nb::object& row_ids,
             const std::vector<std::string>& columns) {
            const auto ids = ReadRowIds(row_ids);
            return ArrowBatch{RunReleased([&](const CancelToken& cancel) {
              ReadOptions options;
              options.cancel = &cancel;
              return self.source->Take(ids, columns, options);
            })};
          },
          nb::arg("row_ids"), nb::arg("columns"));

  nb::class_<Database>(module, "Database", "A folder of tables.")
      .def_prop_ro("uri", &Database::uri)
      .def("table_names",
           [](const Database& self) {
             return RunReleased([&](const CancelToken&) { return self.TableNames(); });
           })
      .def(
          "table_uri",
          [](const Database& self, const std::string& name) {
            return ValueOrRaise(self.TableUri(name));
          },
          nb::arg("name"))
      .def(
          "open_table",
          [](const Database& self, const std::string& name) {
            return TableHandle{
                RunReleased([&](const CancelToken&) { return self.OpenTable(name); })};
          },
          nb::arg("name"));

  module.def(
      "open_database", [](const std::string& uri) { return ValueOrRaise(Database::Open(uri)); },
      nb::arg("uri"));
  module.def("open_dataset", &OpenDataset, nb::arg("uri"));
  module.def("make_memory_table", &MakeTable, nb::arg("name"), nb::arg("rows"));
}

}  // namespace croupier::python
