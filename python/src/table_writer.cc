#include "croupier/table_writer.h"

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <cxxabi.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "arrow_objects.h"
#include "croupier/base/memory_pool.h"
#include "croupier/expression.h"
#include "croupier/table_edit.h"
#include "register.h"
#include "signal_cancel.h"

namespace croupier::python {

namespace {

using Options = std::map<std::string, std::string>;
using NamedTexts = std::vector<std::pair<std::string, std::string>>;

// Calls Python from within a call that has released the GIL, on its thread. What Python raises is
// raised again as it was when that call has ended.
class Callbacks {
 public:
  template <typename Function>
  auto Call(Function function) -> arrow::Result<decltype(function())> {
    const GilAcquired acquired;
    try {
      return function();
    } catch (const abi::__forced_unwind&) {
      SleepForEver();
    } catch (...) {
      raised_ = std::current_exception();
      return arrow::Status::UnknownError("a Python callback raised");
    }
  }

  template <typename Function>
  auto RunReleased(Function function) {
    try {
      return python::RunReleased(function);
    } catch (...) {
      if (raised_ != nullptr) std::rethrow_exception(raised_);
      throw;
    }
  }

 private:
  std::exception_ptr raised_;
};

// A pyarrow.RecordBatchReader, read within a call that has released the GIL.
class GivenRows : public arrow::RecordBatchReader {
 public:
  // The GIL is held, also when it is destroyed.
  GivenRows(nb::object reader, Callbacks* callbacks)
      : reader_(std::move(reader)),
        schema_(TakeOverSchema(reader_.attr("schema"))),
        callbacks_(callbacks) {
    if (PyIter_Check(reader_.ptr()) == 0) throw nb::type_error("expected a RecordBatchReader");
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_ASSIGN_OR_RAISE(*batch, callbacks_->Call([this] { return Next(); }));
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<arrow::RecordBatch> Next() {
    const auto next = nb::steal(PyIter_Next(reader_.ptr()));
    if (next.is_valid()) return TakeOverBatch(next);
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
    return nullptr;
  }

  const nb::object reader_;
  const std::shared_ptr<arrow::Schema> schema_;
  Callbacks* const callbacks_;
};

template <typename T>
T SetUp(T options, const CancelToken& cancel, const nb::object& progress, Callbacks* callbacks) {
  options.cancel = &cancel;
  if (progress.is_none()) return options;
  options.progress = [&progress, callbacks](const WriteProgress& done) -> arrow::Status {
    return callbacks
        ->Call([&] {
          progress(done.num_rows, done.num_bytes, done.num_files);
          return true;
        })
        .status();
  };
  return options;
}

nb::dict DictOf(const WriteResult& result) {
  nb::dict dict;
  dict["version"] = result.version;
  dict["num_rows_added"] = result.num_rows_added;
  dict["num_rows_removed"] = result.num_rows_removed;
  dict["num_attempts"] = result.num_attempts;
  return dict;
}

LanceOptions LanceOptionsOf(std::optional<std::string> branch, Options storage_options) {
  LanceOptions options;
  options.at.branch = std::move(branch);
  options.storage_options = std::move(storage_options);
  return options;
}

WriteOptions FilesOf(std::optional<int64_t> max_rows_per_file,
                     std::optional<int64_t> max_bytes_per_file, bool keeps_batches) {
  WriteOptions options;
  options.max_rows_per_file = max_rows_per_file.value_or(options.max_rows_per_file);
  options.max_bytes_per_file = max_bytes_per_file.value_or(options.max_bytes_per_file);
  options.keeps_batches = keeps_batches;
  return options;
}

nb::dict Create(const std::string& uri, const nb::object& rows, std::string data_format_version,
                bool stable_row_ids, std::optional<int64_t> max_rows_per_file,
                std::optional<int64_t> max_bytes_per_file, bool keeps_batches,
                const nb::object& progress, Options storage_options) {
  CreateOptions create;
  static_cast<WriteOptions&>(create) =
      FilesOf(max_rows_per_file, max_bytes_per_file, keeps_batches);
  create.data_format_version = std::move(data_format_version);
  create.stable_row_ids = stable_row_ids;
  Callbacks callbacks;
  const auto stream = std::make_shared<GivenRows>(rows, &callbacks);
  return DictOf(callbacks.RunReleased([&](const CancelToken& cancel) {
    return TableWriter::Create(uri, stream, SetUp(create, cancel, progress, &callbacks),
                               LanceOptionsOf(std::nullopt, storage_options));
  }));
}

std::unique_ptr<TableWriter> Open(const std::string& uri, std::optional<std::string> branch,
                                  Options storage_options) {
  auto options = LanceOptionsOf(std::move(branch), std::move(storage_options));
  return RunReleased([&](const CancelToken& cancel) {
    options.cancel = &cancel;
    return TableWriter::Open(uri, options);
  });
}

nb::dict Append(TableWriter& self, const nb::object& rows, std::optional<int64_t> max_rows_per_file,
                std::optional<int64_t> max_bytes_per_file, bool keeps_batches,
                const nb::object& progress) {
  const auto options = FilesOf(max_rows_per_file, max_bytes_per_file, keeps_batches);
  Callbacks callbacks;
  const auto stream = std::make_shared<GivenRows>(rows, &callbacks);
  return DictOf(callbacks.RunReleased([&](const CancelToken& cancel) {
    return self.Append(stream, SetUp(options, cancel, progress, &callbacks));
  }));
}

nb::dict Overwrite(TableWriter& self, const nb::object& rows,
                   std::optional<int64_t> max_rows_per_file,
                   std::optional<int64_t> max_bytes_per_file, bool keeps_batches,
                   const nb::object& progress) {
  const auto options = FilesOf(max_rows_per_file, max_bytes_per_file, keeps_batches);
  Callbacks callbacks;
  const auto stream = std::make_shared<GivenRows>(rows, &callbacks);
  return DictOf(callbacks.RunReleased([&](const CancelToken& cancel) {
    return self.Overwrite(stream, SetUp(options, cancel, progress, &callbacks));
  }));
}

arrow::Result<std::optional<Expression>> ParseOptional(const std::optional<std::string>& text) {
  if (!text.has_value()) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(auto expression, Expression::Parse(*text));
  return expression;
}

nb::dict Delete(TableWriter& self, const std::string& where) {
  return DictOf(RunReleased([&](const CancelToken& cancel) -> arrow::Result<WriteResult> {
    ARROW_ASSIGN_OR_RAISE(const auto filter, Expression::Parse(where));
    WriteOptions options;
    options.cancel = &cancel;
    return DeleteRows(&self, filter, options);
  }));
}

nb::dict Update(TableWriter& self, const std::optional<std::string>& where,
                const NamedTexts& values) {
  return DictOf(RunReleased([&](const CancelToken& cancel) -> arrow::Result<WriteResult> {
    ARROW_ASSIGN_OR_RAISE(const auto filter, ParseOptional(where));
    std::vector<ColumnUpdate> updates;
    for (const auto& [column, text] : values) {
      ARROW_ASSIGN_OR_RAISE(auto value, Expression::Parse(text));
      updates.push_back({column, std::move(value)});
    }
    WriteOptions options;
    options.cancel = &cancel;
    return UpdateRows(&self, filter, updates, options);
  }));
}

nb::dict Merge(TableWriter& self, const nb::object& rows, std::vector<std::string> on,
               bool update_matched, const std::optional<std::string>& update_where,
               bool insert_unmatched, bool delete_unmatched,
               const std::optional<std::string>& delete_where) {
  const auto source = TakeOverTable(rows);
  const auto result = RunReleased([&](const CancelToken& cancel) -> arrow::Result<MergeResult> {
    MergePlan plan;
    plan.on = std::move(on);
    plan.update_matched = update_matched;
    plan.insert_unmatched = insert_unmatched;
    plan.delete_unmatched = delete_unmatched;
    ARROW_ASSIGN_OR_RAISE(plan.update_where, ParseOptional(update_where));
    ARROW_ASSIGN_OR_RAISE(plan.delete_where, ParseOptional(delete_where));
    WriteOptions options;
    options.cancel = &cancel;
    return MergeRows(&self, source, plan, options);
  });
  auto dict = DictOf(result);
  dict["num_inserted"] = result.num_inserted;
  dict["num_updated"] = result.num_updated;
  dict["num_deleted"] = result.num_deleted;
  return dict;
}

// Columns by name and expression.
nb::dict AddComputedColumns(TableWriter& self, const TableHandle& table,
                            const NamedTexts& columns) {
  return DictOf(RunReleased([&](const CancelToken& cancel) -> arrow::Result<WriteResult> {
    std::vector<std::pair<std::string, Expression>> parsed;
    for (const auto& [name, text] : columns) {
      ARROW_ASSIGN_OR_RAISE(auto value, Expression::Parse(text));
      parsed.emplace_back(name, std::move(value));
    }
    ARROW_ASSIGN_OR_RAISE(const auto added, ComputeColumns(table.source->schema(), parsed));
    WriteOptions options;
    options.cancel = &cancel;
    return self.AddColumns(added, options);
  }));
}

nb::dict DropColumns(TableWriter& self, const std::vector<std::string>& names) {
  return DictOf(RunReleased([&](const CancelToken& cancel) {
    WriteOptions options;
    options.cancel = &cancel;
    return self.DropColumns(names, options);
  }));
}

// `compute(batch)` makes a pyarrow.Table of a pyarrow.RecordBatch.
nb::dict AddColumns(TableWriter& self, const nb::object& schema, std::vector<std::string> inputs,
                    const nb::object& compute, const nb::object& progress) {
  NewColumns columns;
  columns.schema = TakeOverSchema(schema);
  columns.inputs = std::move(inputs);
  Callbacks callbacks;
  if (!compute.is_none()) {
    columns.compute = [&](const std::shared_ptr<arrow::RecordBatch>& batch)
        -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
      ARROW_ASSIGN_OR_RAISE(const auto table, callbacks.Call([&] {
        return TakeOverTable(compute(GiveBatch(batch)));
      }));
      return table->CombineChunksToBatch(DefaultMemoryPool());
    };
  }
  return DictOf(callbacks.RunReleased([&](const CancelToken& cancel) {
    return self.AddColumns(columns, SetUp(WriteOptions(), cancel, progress, &callbacks));
  }));
}

nb::dict Compact(TableWriter& self, std::optional<int64_t> target_rows_per_fragment,
                 std::optional<double> max_deleted_share, const nb::object& progress) {
  CompactOptions compact;
  compact.target_rows_per_fragment =
      target_rows_per_fragment.value_or(compact.target_rows_per_fragment);
  compact.max_deleted_share = max_deleted_share.value_or(compact.max_deleted_share);
  Callbacks callbacks;
  return DictOf(callbacks.RunReleased([&](const CancelToken& cancel) {
    return self.Compact(SetUp(compact, cancel, progress, &callbacks));
  }));
}

nb::dict Restore(TableWriter& self, std::optional<uint64_t> version, std::string tag) {
  const VersionRef ref{version, std::move(tag), std::nullopt};
  return DictOf(RunReleased([&](const CancelToken& cancel) {
    WriteOptions options;
    options.cancel = &cancel;
    return self.Restore(ref, options);
  }));
}

void SetTag(TableWriter& self, const std::string& name, std::optional<uint64_t> version,
            bool replace) {
  const VersionRef ref{version, "", std::nullopt};
  RunReleased([&](const CancelToken&) { return ResultOf(self.SetTag(name, ref, replace)); });
}

void DeleteTag(TableWriter& self, const std::string& name) {
  RunReleased([&](const CancelToken&) { return ResultOf(self.DeleteTag(name)); });
}

nb::dict CleanUp(TableWriter& self, std::optional<int64_t> older_than_us,
                 std::optional<int64_t> grace_us) {
  CleanupOptions options;
  options.older_than_us = older_than_us.value_or(options.older_than_us);
  options.grace_us = grace_us.value_or(options.grace_us);
  const auto result = RunReleased([&](const CancelToken& cancel) {
    options.cancel = &cancel;
    return self.CleanUp(options);
  });
  nb::dict dict;
  dict["num_versions"] = result.num_versions;
  dict["num_files"] = result.num_files;
  dict["num_bytes"] = result.num_bytes;
  return dict;
}

}  // namespace

void RegisterTableWriter(nb::module_& module) {
  nb::class_<TableWriter>(module, "TableWriter", "Changes a Lance table, one commit a call.")
      .def_static("create", &Create, nb::arg("uri"), nb::arg("rows"), nb::kw_only(),
                  nb::arg("data_format_version") = "2.2", nb::arg("stable_row_ids") = false,
                  nb::arg("max_rows_per_file") = nb::none(),
                  nb::arg("max_bytes_per_file") = nb::none(), nb::arg("keeps_batches") = false,
                  nb::arg("progress") = nb::none(), nb::arg("storage_options") = Options())
      .def_static("open", &Open, nb::arg("uri"), nb::kw_only(), nb::arg("branch") = nb::none(),
                  nb::arg("storage_options") = Options())
      .def("append", &Append, nb::arg("rows"), nb::kw_only(),
           nb::arg("max_rows_per_file") = nb::none(), nb::arg("max_bytes_per_file") = nb::none(),
           nb::arg("keeps_batches") = false, nb::arg("progress") = nb::none())
      .def("overwrite", &Overwrite, nb::arg("rows"), nb::kw_only(),
           nb::arg("max_rows_per_file") = nb::none(), nb::arg("max_bytes_per_file") = nb::none(),
           nb::arg("keeps_batches") = false, nb::arg("progress") = nb::none())
      .def("delete", &Delete, nb::arg("where"))
      .def("update", &Update, nb::arg("where").none(), nb::arg("values"))
      .def("merge", &Merge, nb::arg("rows"), nb::kw_only(), nb::arg("on"),
           nb::arg("update_matched"), nb::arg("update_where").none(), nb::arg("insert_unmatched"),
           nb::arg("delete_unmatched"), nb::arg("delete_where").none())
      .def("add_computed_columns", &AddComputedColumns, nb::arg("table"), nb::arg("columns"))
      .def("drop_columns", &DropColumns, nb::arg("names"))
      .def("add_columns", &AddColumns, nb::arg("schema"), nb::arg("inputs"),
           nb::arg("compute") = nb::none(), nb::kw_only(), nb::arg("progress") = nb::none())
      .def("compact", &Compact, nb::kw_only(), nb::arg("target_rows_per_fragment") = nb::none(),
           nb::arg("max_deleted_share") = nb::none(), nb::arg("progress") = nb::none())
      .def("restore", &Restore, nb::arg("version") = nb::none(), nb::arg("tag") = "")
      .def("set_tag", &SetTag, nb::arg("name"), nb::arg("version") = nb::none(), nb::kw_only(),
           nb::arg("replace") = false)
      .def("delete_tag", &DeleteTag, nb::arg("name"))
      .def("clean_up", &CleanUp, nb::kw_only(), nb::arg("older_than_us") = nb::none(),
           nb::arg("grace_us") = nb::none());
}

}  // namespace croupier::python
