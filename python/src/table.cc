#include "croupier/table.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/table.h>
#include <arrow/type.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "arrow_objects.h"
#include "async_calls.h"
#include "batch_stream.h"
#include "croupier/database.h"
#include "croupier/storage.h"
#include "integers.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"
#include "table_description.h"
#include "table_history.h"

namespace croupier::python {

namespace {

std::shared_ptr<BatchStream> StartScan(const TableHandle& self, std::vector<std::string> columns,
                                       int64_t batch_rows,
                                       const std::optional<std::string>& filter) {
  return BatchStream::Start(
      [&](const CancelToken* cancel) -> arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> {
        ScanOptions options;
        options.columns = std::move(columns);
        options.batch_rows = batch_rows;
        if (filter.has_value()) {
          ARROW_ASSIGN_OR_RAISE(options.filter, Expression::Parse(*filter));
        }
        options.cancel = cancel;
        return self.source->Scan(options);
      });
}

int64_t CountRows(const TableHandle& self, const std::optional<std::string>& filter) {
  return RunReleased([&](const CancelToken& cancel) -> arrow::Result<int64_t> {
    if (!filter.has_value()) return self.source->CountRows();
    ARROW_ASSIGN_OR_RAISE(const auto expression, Expression::Parse(*filter));
    ReadOptions options;
    options.cancel = &cancel;
    return self.source->CountRowsWhere(expression, options);
  });
}

LanceOptions MakeLanceOptions(std::optional<uint64_t> version, std::string tag,
                              std::optional<std::string> branch,
                              std::vector<std::string> allow_external, bool read_blobs) {
  LanceOptions options;
  options.at = {version, std::move(tag), std::move(branch)};
  options.allow_external = std::move(allow_external);
  if (read_blobs) options.blobs = BlobHandling::kBytes;
  return options;
}

TableHandle OpenDataset(const std::string& uri, std::optional<uint64_t> version, std::string tag,
                        std::optional<std::string> branch, std::vector<std::string> allow_external,
                        bool read_blobs, StorageOptions storage_options) {
  auto options = MakeLanceOptions(version, std::move(tag), std::move(branch),
                                  std::move(allow_external), read_blobs);
  options.storage_options = std::move(storage_options);
  return {RunReleased([&](const CancelToken& cancel) {
    options.cancel = &cancel;
    return OpenLanceTable(uri, options);
  })};
}

TableHandle OpenTable(const Database& self, const std::string& name,
                      std::optional<uint64_t> version, std::string tag,
                      std::optional<std::string> branch, std::vector<std::string> allow_external,
                      bool read_blobs) {
  auto options = MakeLanceOptions(version, std::move(tag), std::move(branch),
                                  std::move(allow_external), read_blobs);
  return {RunReleased([&](const CancelToken& cancel) {
    options.cancel = &cancel;
    return self.OpenTable(name, options);
  })};
}

// Calls a member of the table that takes row ids or offsets.
template <auto kTake>
auto TakeOf(const TableHandle& self, const nb::object& rows, std::vector<std::string> columns) {
  return [source = self.source, numbers = ReadRowIds(rows),
          columns = std::move(columns)](const CancelToken& cancel) {
    ReadOptions options;
    options.cancel = &cancel;
    return ((*source).*kTake)(numbers, columns, options);
  };
}

template <auto kTake>
nb::object TakeRows(const TableHandle& self, const nb::object& rows,
                    std::vector<std::string> columns) {
  return GiveBatch(RunReleased(TakeOf<kTake>(self, rows, std::move(columns))));
}

std::shared_ptr<AsyncCall> StartTake(const TableHandle& self,
                                     std::shared_ptr<Completions> completions,
                                     const nb::object& row_ids, std::vector<std::string> columns) {
  return AsyncCall::Start(std::move(completions),
                          TakeOf<&TableSource::Take>(self, row_ids, std::move(columns)), GiveBatch);
}

}  // namespace

void RegisterTable(nb::module_& module) {
  nb::class_<TableHandle>(module, "TableSource", "Rows with a schema at one version.")
      .def("schema", [](const TableHandle& self) { return GiveSchema(self.source->schema()); })
      .def_prop_ro("version", [](const TableHandle& self) { return self.source->version(); })
      .def_prop_ro("location", [](const TableHandle& self) { return self.source->location(); })
      .def_prop_ro("identity", [](const TableHandle& self) { return self.source->identity(); })
      .def(
          "with_computed_columns",
          [](const TableHandle& self, const std::map<std::string, std::string>& expressions) {
            std::vector<ComputedColumn> columns;
            for (const auto& [name, text] : expressions) {
              columns.push_back({name, ValueOrRaise(Expression::Parse(text))});
            }
            return TableHandle{ValueOrRaise(WithComputedColumns(self.source, std::move(columns)))};
          },
          nb::arg("expressions"))
      .def("count_rows", &CountRows, nb::arg("filter") = nb::none())
      .def(
          "project_schema",
          [](const TableHandle& self, const std::vector<std::string>& columns) {
            return GiveSchema(ValueOrRaise(ProjectSchema(*self.source->schema(), columns)));
          },
          nb::arg("columns"))
      .def("scan", &StartScan, nb::arg("columns"), nb::arg("batch_rows"),
           nb::arg("filter") = nb::none())
      .def("take", &TakeRows<&TableSource::Take>, nb::arg("row_ids"), nb::arg("columns"))
      .def("take_offsets", &TakeRows<&TableSource::TakeOffsets>, nb::arg("offsets"),
           nb::arg("columns"))
      .def("start_take", &StartTake, nb::arg("completions"), nb::arg("row_ids"), nb::arg("columns"))
      .def("take_blobs", &TakeBlobs, nb::arg("row_ids"), nb::arg("column"))
      .def_prop_ro("branch", [](const TableHandle& self) { return self.source->branch(); })
      .def("checkout", &Checkout, nb::kw_only(), nb::arg("version") = nb::none(),
           nb::arg("tag") = "", nb::arg("branch") = nb::none())
      .def("list_versions", &ListVersions)
      .def("list_tags", &ListTags)
      .def("list_branches", &ListBranches)
      .def("describe", &Describe, nb::arg("detail"));

  nb::class_<Database>(module, "Database", "A folder of tables.")
      .def_prop_ro("uri", &Database::uri)
      .def("table_names",
           [](const Database& self) {
             return RunReleased([&](const CancelToken& cancel) { return self.TableNames(cancel); });
           })
      .def(
          "table_uri",
          [](const Database& self, const std::string& name) {
            return ValueOrRaise(self.TableUri(name));
          },
          nb::arg("name"))
      .def(
          "drop_table",
          [](const Database& self, const std::string& name) {
            RunReleased([&](const CancelToken&) { return ResultOf(self.DropTable(name)); });
          },
          nb::arg("name"))
      .def(
          "rename_table",
          [](const Database& self, const std::string& name, const std::string& new_name) {
            RunReleased(
                [&](const CancelToken&) { return ResultOf(self.RenameTable(name, new_name)); });
          },
          nb::arg("name"), nb::arg("new_name"))
      .def("open_table", &OpenTable, nb::arg("name"), nb::kw_only(),
           nb::arg("version") = nb::none(), nb::arg("tag") = "", nb::arg("branch") = nb::none(),
           nb::arg("allow_external") = std::vector<std::string>(), nb::arg("read_blobs") = false);

  module.def(
      "open_database",
      [](const std::string& uri, const StorageOptions& storage_options) {
        return ValueOrRaise(Database::Open(uri, storage_options));
      },
      nb::arg("uri"), nb::kw_only(), nb::arg("storage_options") = StorageOptions());
  module.def("open_dataset", &OpenDataset, nb::arg("uri"), nb::kw_only(),
             nb::arg("version") = nb::none(), nb::arg("tag") = "", nb::arg("branch") = nb::none(),
             nb::arg("allow_external") = std::vector<std::string>(), nb::arg("read_blobs") = false,
             nb::arg("storage_options") = StorageOptions());
}

}  // namespace croupier::python
