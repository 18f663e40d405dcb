#include "croupier/permutation.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrow_capsule.h"
#include "batch_stream.h"
#include "integers.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

struct PermutationTableHandle {
  std::shared_ptr<const PermutationTable> table;
};

PermutationHandle MakePermutation(const TableHandle& base, const PermutationTableHandle* table,
                                  int64_t split) {
  return {RunReleased([&](const CancelToken&) {
    return Permutation::Make(base.source, table == nullptr ? nullptr : table->table, split);
  })};
}

// Reads positions that count from `begin`, each in [0, end - begin).
ArrowBatch Take(const PermutationHandle& self, const nb::object& positions,
                const std::vector<std::string>& columns, int64_t begin, int64_t end) {
  std::vector<int64_t> places = ReadPositions(positions);
  const int64_t num_rows = (end < 0 ? self.permutation->num_rows() : end) - begin;
  for (int64_t& place : places) {
    if (place < 0 || place >= num_rows) {
      RaiseStatus(arrow::Status::IndexError("position out of range: ", place, " of ", num_rows));
    }
    place += begin;
  }
  return {RunReleased([&](const CancelToken& cancel) {
    ReadOptions options;
    options.cancel = &cancel;
    return self.permutation->Take(places, columns, options);
  })};
}

PermutationTableHandle ParseTable(const std::string& order, std::vector<std::string> split_names,
                                  std::string base_branch) {
  OrderSpec spec = ValueOrRaise(OrderSpec::Parse(order));
  return {ValueOrRaise(
      PermutationTable::Make(std::move(spec), std::move(split_names), std::move(base_branch)))};
}

SplitSizes MakeSizes(std::optional<std::vector<double>> ratios,
                     std::optional<std::vector<int64_t>> counts, std::optional<int64_t> fixed) {
  SplitSizes sizes;
  sizes.ratios = std::move(ratios);
  sizes.counts = std::move(counts);
  sizes.fixed = fixed;
  return sizes;
}

void RegisterBuilder(nb::module_& module) {
  nb::class_<PermutationBuilder>(module, "PermutationBuilder", "Describes a permutation.")
      .def("__init__", [](PermutationBuilder* self,
                          const TableHandle& base) { new (self) PermutationBuilder(base.source); })
      .def(
          "split_random",
          [](PermutationBuilder& self, std::optional<std::vector<double>> ratios,
             std::optional<std::vector<int64_t>> counts, std::optional<int64_t> fixed,
             std::optional<uint64_t> seed, std::vector<std::string> split_names) {
            OkOrRaise(self.SplitRandom(MakeSizes(std::move(ratios), std::move(counts), fixed), seed,
                                       std::move(split_names)));
          },
          nb::kw_only(), nb::arg("ratios").none(), nb::arg("counts").none(),
          nb::arg("fixed").none(), nb::arg("seed").none(), nb::arg("split_names"))
      .def(
          "split_sequential",
          [](PermutationBuilder& self, std::optional<std::vector<double>> ratios,
             std::optional<std::vector<int64_t>> counts, std::optional<int64_t> fixed,
             std::vector<std::string> split_names) {
            OkOrRaise(self.SplitSequential(MakeSizes(std::move(ratios), std::move(counts), fixed),
                                           std::move(split_names)));
          },
          nb::kw_only(), nb::arg("ratios").none(), nb::arg("counts").none(),
          nb::arg("fixed").none(), nb::arg("split_names"))
      .def(
          "shuffle",
          [](PermutationBuilder& self, std::optional<uint64_t> seed) {
            OkOrRaise(self.Shuffle(seed));
          },
          nb::kw_only(), nb::arg("seed").none())
      .def("execute", [](PermutationBuilder& self) {
        return PermutationTableHandle{
            RunReleased([&](const CancelToken&) { return self.Execute(); })};
      });
}

}  // namespace

void RegisterPermutation(nb::module_& module) {
  nb::class_<PermutationTableHandle>(module, "PermutationTable",
                                     "An order of the rows of a table, divided into splits.")
      .def_static("parse", &ParseTable, nb::arg("order"), nb::arg("split_names"),
                  nb::arg("base_branch"))
      .def("schema",
           [](const PermutationTableHandle& self) {
             return ArrowSchemaExport{self.table->schema()};
           })
      .def_prop_ro("order",
                   [](const PermutationTableHandle& self) { return self.table->spec().ToString(); })
      .def_prop_ro("order_id",
                   [](const PermutationTableHandle& self) { return self.table->order_id(); })
      .def_prop_ro("base_version",
                   [](const PermutationTableHandle& self) { return self.table->base_version(); })
      .def_prop_ro(
          "num_base_rows",
          [](const PermutationTableHandle& self) { return self.table->spec().num_base_rows; })
      .def_prop_ro("num_rows",
                   [](const PermutationTableHandle& self) { return self.table->num_rows(); })
      .def_prop_ro("split_names",
                   [](const PermutationTableHandle& self) { return self.table->split_names(); })
      .def_prop_ro(
          "split_sizes",
          [](const PermutationTableHandle& self) { return self.table->spec().split_sizes; })
      .def(
          "rows",
          [](const PermutationTableHandle& self, const TableHandle& base) {
            return BatchStream::Start(
                [&](const CancelToken*) { return self.table->ToReader(base.source); });
          },
          nb::arg("base"));

  nb::class_<PermutationHandle>(module, "Permutation", "Rows of a table in an order.")
      .def_static("make", &MakePermutation, nb::arg("base"),
                  nb::arg("permutation_table").none() = nb::none(), nb::arg("split") = 0)
      .def_prop_ro("num_rows",
                   [](const PermutationHandle& self) { return self.permutation->num_rows(); })
      .def("take", &Take, nb::arg("positions"), nb::arg("columns"), nb::arg("begin") = 0,
           nb::arg("end") = -1);

  RegisterBuilder(module);
}

}  // namespace croupier::python
