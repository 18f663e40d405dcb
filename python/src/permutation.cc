#include "croupier/permutation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrow_objects.h"
#include "async_calls.h"
#include "integers.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

struct PermutationTableHandle {
  std::shared_ptr<const PermutationTable> table;
};

Remainder ParseRemainder(const std::string& name) {
  if (name == "drop") return Remainder::kDrop;
  if (name == "spread") return Remainder::kSpread;
  if (name == "repeat") return Remainder::kRepeat;
  throw nb::value_error("remainder must be 'drop', 'spread' or 'repeat'");
}

BuildOptions MakeBuildOptions(int64_t list_bytes, std::string spill_directory,
                              const CancelToken& cancel) {
  BuildOptions options;
  options.list_bytes = list_bytes;
  options.spill_directory = std::move(spill_directory);
  options.cancel = &cancel;
  return options;
}

PermutationHandle MakePermutation(const TableHandle& base, const PermutationTableHandle* table,
                                  int64_t split) {
  return {RunReleased([&](const CancelToken&) {
    return Permutation::Make(base.source, table == nullptr ? nullptr : table->table, split);
  })};
}

PermutationHandle Join(const std::vector<PermutationHandle>& parts, std::optional<uint64_t> seed) {
  std::vector<std::shared_ptr<const Permutation>> permutations;
  for (const auto& part : parts) permutations.push_back(part.permutation);
  std::optional<ShuffleSpec> shuffle;
  if (seed.has_value()) shuffle = ShuffleSpec{.seed = *seed};
  return {ValueOrRaise(Permutation::Join(permutations, shuffle))};
}

// Reads positions that count from `begin`, each in [0, end - begin); with `from_end`, negative ones
// count from the end.
std::vector<int64_t> ReadPlaces(const PermutationHandle& self, const nb::object& positions,
                                int64_t begin, int64_t end, bool from_end) {
  std::vector<int64_t> places = ReadPositions(positions);
  const int64_t num_rows = (end < 0 ? self.permutation->num_rows() : end) - begin;
  for (int64_t& place : places) {
    if (place < (from_end ? -num_rows : 0) || place >= num_rows) {
      RaiseStatus(arrow::Status::IndexError("position out of range: ", place, " of ", num_rows));
    }
    place += place < 0 ? begin + num_rows : begin;
  }
  return places;
}

auto TakeOf(const PermutationHandle& self, const nb::object& positions,
            std::vector<std::string> columns, int64_t begin, int64_t end, bool from_end) {
  return
      [permutation = self.permutation, places = ReadPlaces(self, positions, begin, end, from_end),
       columns = std::move(columns)](const CancelToken& cancel) {
        ReadOptions options;
        options.cancel = &cancel;
        return permutation->Take(places, columns, options);
      };
}

nb::object Take(const PermutationHandle& self, const nb::object& positions,
                std::vector<std::string> columns, int64_t begin, int64_t end, bool from_end) {
  return GiveBatch(RunReleased(TakeOf(self, positions, std::move(columns), begin, end, from_end)));
}

std::shared_ptr<AsyncCall> StartTake(const PermutationHandle& self,
                                     std::shared_ptr<Completions> completions,
                                     const nb::object& positions, std::vector<std::string> columns,
                                     int64_t begin, int64_t end, bool from_end) {
  return AsyncCall::Start(std::move(completions),
                          TakeOf(self, positions, std::move(columns), begin, end, from_end),
                          GiveBatch);
}

SplitSizes MakeSizes(std::optional<std::vector<double>> ratios,
                     std::optional<std::vector<int64_t>> counts, std::optional<int64_t> fixed,
                     const std::string& remainder) {
  SplitSizes sizes;
  sizes.ratios = std::move(ratios);
  sizes.counts = std::move(counts);
  sizes.fixed = fixed;
  sizes.remainder = ParseRemainder(remainder);
  return sizes;
}

// Shares of all rows, each in [0, 1]; written so that NaN fails.
std::vector<int64_t> ToRatioUnits(const std::vector<double>& ratios) {
  // Ratios as 1/3 sum to 1 but for rounding; the last split gets what that leaves over.
  constexpr double kRounding = 1e-9;
  std::vector<int64_t> units;
  int64_t rest = SplitRule::kRatioUnit;
  double sum = 0;
  for (const double ratio : ratios) {
    if (!(ratio >= 0.0 && ratio <= 1.0)) {
      throw nb::value_error("Split percentages must be between 0.0 and 1.0");
    }
    sum += ratio;
    if (sum > 1.0 + kRounding) throw nb::value_error("Split percentages must sum to 1.0 or less");
    const auto unit = std::llround(ratio * static_cast<double>(SplitRule::kRatioUnit));
    units.push_back(std::min<int64_t>(unit, rest));
    rest -= units.back();
  }
  if (sum > 1.0 - kRounding) units.back() += rest;
  return units;
}

void RegisterBuilder(nb::module_& module) {
  nb::class_<PermutationBuilder>(module, "PermutationBuilder", "Describes a permutation.")
      .def("__init__", [](PermutationBuilder* self,
                          const TableHandle& base) { new (self) PermutationBuilder(base.source); })
      .def(
          "filter",
          [](PermutationBuilder& self, const std::string& filter) {
            OkOrRaise(self.Filter(filter));
          },
          nb::arg("filter"))
      .def(
          "split_random",
          [](PermutationBuilder& self, std::optional<std::vector<double>> ratios,
             std::optional<std::vector<int64_t>> counts, std::optional<int64_t> fixed,
             const std::string& remainder, std::optional<uint64_t> seed, int64_t clump_size,
             std::vector<std::string> split_names) {
            OkOrRaise(
                self.SplitRandom(MakeSizes(std::move(ratios), std::move(counts), fixed, remainder),
                                 seed, std::move(split_names), clump_size));
          },
          nb::kw_only(), nb::arg("ratios").none(), nb::arg("counts").none(),
          nb::arg("fixed").none(), nb::arg("remainder"), nb::arg("seed").none(),
          nb::arg("clump_size"), nb::arg("split_names"))
      .def(
          "split_sequential",
          [](PermutationBuilder& self, std::optional<std::vector<double>> ratios,
             std::optional<std::vector<int64_t>> counts, std::optional<int64_t> fixed,
             const std::string& remainder, std::vector<std::string> split_names) {
            OkOrRaise(self.SplitSequential(
                MakeSizes(std::move(ratios), std::move(counts), fixed, remainder),
                std::move(split_names)));
          },
          nb::kw_only(), nb::arg("ratios").none(), nb::arg("counts").none(),
          nb::arg("fixed").none(), nb::arg("remainder"), nb::arg("split_names"))
      .def(
          "split_hash",
          [](PermutationBuilder& self, std::vector<std::string> columns,
             std::vector<int64_t> weights, int64_t discard_weight,
             std::vector<std::string> split_names) {
            SplitRule rule;
            rule.columns = std::move(columns);
            rule.weights = std::move(weights);
            rule.discard_weight = discard_weight;
            OkOrRaise(self.SplitBy(std::move(rule), std::move(split_names)));
          },
          nb::arg("columns"), nb::arg("weights"), nb::arg("discard_weight"), nb::arg("split_names"))
      .def(
          "split_calculated",
          [](PermutationBuilder& self, std::string expression,
             std::vector<std::string> split_names) {
            SplitRule rule;
            rule.kind = SplitRule::Kind::kCalculated;
            rule.expression = std::move(expression);
            OkOrRaise(self.SplitBy(std::move(rule), std::move(split_names)));
          },
          nb::arg("expression"), nb::arg("split_names"))
      .def(
          "split_by_value",
          [](PermutationBuilder& self, bool grouped, std::vector<std::string> columns,
             const std::vector<double>& ratios, uint64_t seed,
             std::vector<std::string> split_names) {
            SplitRule rule;
            rule.kind = grouped ? SplitRule::Kind::kGrouped : SplitRule::Kind::kStratified;
            rule.columns = std::move(columns);
            rule.ratios = ToRatioUnits(ratios);
            rule.seed = seed;
            OkOrRaise(self.SplitBy(std::move(rule), std::move(split_names)));
          },
          nb::kw_only(), nb::arg("grouped"), nb::arg("columns"), nb::arg("ratios"), nb::arg("seed"),
          nb::arg("split_names"))
      .def(
          "shuffle",
          [](PermutationBuilder& self, std::optional<uint64_t> seed, int64_t clump_size,
             int64_t window_clumps) { OkOrRaise(self.Shuffle(seed, clump_size, window_clumps)); },
          nb::kw_only(), nb::arg("seed").none(), nb::arg("clump_size"), nb::arg("window_clumps"))
      .def(
          "shard",
          [](PermutationBuilder& self, int64_t num_shards, int64_t index,
             const std::string& remainder) {
            OkOrRaise(self.Shard({num_shards, index, ParseRemainder(remainder)}));
          },
          nb::arg("num_shards"), nb::arg("index"), nb::arg("remainder"))
      .def(
          "execute",
          [](PermutationBuilder& self, int64_t list_bytes, const std::string& spill_directory) {
            // Another thread may have the GIL, and the builder, while this one scans.
            PermutationBuilder builder = self;
            return PermutationTableHandle{RunReleased([&](const CancelToken& cancel) {
              return builder.Execute(MakeBuildOptions(list_bytes, spill_directory, cancel));
            })};
          },
          nb::kw_only(), nb::arg("list_bytes"), nb::arg("spill_directory"));
}

void RegisterPermutationTable(nb::module_& module) {
  nb::class_<PermutationTableHandle>(module, "PermutationTable",
                                     "An order of the rows of a table, divided into splits.")
      .def_static(
          "read",
          [](const TableHandle& kept, const TableHandle& base) {
            return PermutationTableHandle{RunReleased([&](const CancelToken& cancel) {
              return PermutationTable::Read(*kept.source, *base.source,
                                            MakeBuildOptions(0, {}, cancel));
            })};
          },
          nb::arg("kept"), nb::arg("base"))
      .def_static(
          "base_of",
          [](const TableHandle& kept) {
            const auto base = ValueOrRaise(PermutationTable::BaseOf(*kept.source));
            return nb::make_tuple(base.version, base.branch);
          },
          nb::arg("kept"))
      .def_static(
          "from_bytes",
          [](const nb::bytes& bytes, const TableHandle& base, StorageOptions storage_options) {
            return PermutationTableHandle{RunReleased([&](const CancelToken& cancel) {
              LanceOptions kept;
              kept.storage_options = std::move(storage_options);
              kept.cancel = &cancel;
              return PermutationTable::Deserialize(std::string_view(bytes.c_str(), bytes.size()),
                                                   base.source, MakeBuildOptions(0, {}, cancel),
                                                   kept);
            })};
          },
          nb::arg("bytes"), nb::arg("base"), nb::kw_only(), nb::arg("storage_options"))
      .def(
          "to_bytes",
          [](const PermutationTableHandle& self, const std::vector<int64_t>& splits) {
            const std::string bytes =
                RunReleased([&](const CancelToken&) { return self.table->Serialize(splits); });
            return nb::bytes(bytes.data(), bytes.size());
          },
          nb::arg("splits"))
      .def(
          "as_table",
          [](const PermutationTableHandle& self, const TableHandle& base) {
            return TableHandle{ValueOrRaise(self.table->AsTable(base.source))};
          },
          nb::arg("base"))
      .def(
          "keep",
          [](const PermutationTableHandle& self, const TableHandle& base, const std::string& uri,
             bool materialize, StorageOptions storage_options) {
            RunReleased([&](const CancelToken& cancel) {
              CreateOptions create;
              create.cancel = &cancel;
              LanceOptions options;
              options.storage_options = std::move(storage_options);
              return ResultOf(self.table->Keep(base.source, uri, materialize, create, options));
            });
          },
          nb::arg("base"), nb::arg("uri"), nb::kw_only(), nb::arg("materialize"),
          nb::arg("storage_options"))
      .def_prop_ro("order",
                   [](const PermutationTableHandle& self) { return self.table->spec().ToString(); })
      .def_prop_ro("order_id",
                   [](const PermutationTableHandle& self) { return self.table->order_id(); })
      .def_prop_ro(
          "is_computed",
          [](const PermutationTableHandle& self) { return self.table->spec().is_computed(); })
      .def_prop_ro("base_version",
                   [](const PermutationTableHandle& self) { return self.table->base_version(); })
      .def_prop_ro("base_branch",
                   [](const PermutationTableHandle& self) { return self.table->base_branch(); })
      .def_prop_ro(
          "num_base_rows",
          [](const PermutationTableHandle& self) { return self.table->spec().num_base_rows; })
      .def_prop_ro(
          "num_selected_rows",
          [](const PermutationTableHandle& self) { return self.table->spec().num_selected_rows; })
      .def_prop_ro("num_rows",
                   [](const PermutationTableHandle& self) { return self.table->num_rows(); })
      .def_prop_ro("num_list_bytes",
                   [](const PermutationTableHandle& self) { return self.table->num_list_bytes(); })
      .def_prop_ro("shuffle_seed",
                   [](const PermutationTableHandle& self) -> std::optional<uint64_t> {
                     const auto& spec = self.table->spec();
                     if (spec.shuffle.has_value()) return spec.shuffle->seed;
                     if (spec.split == OrderSpec::Split::kRandom) return spec.split_shuffle.seed;
                     return std::nullopt;
                   })
      .def_prop_ro("split_names",
                   [](const PermutationTableHandle& self) { return self.table->split_names(); })
      .def_prop_ro("split_sizes", [](const PermutationTableHandle& self) {
        std::vector<int64_t> sizes;
        for (int64_t split = 0; split < self.table->num_splits(); ++split) {
          sizes.push_back(self.table->split_num_rows(split));
        }
        return sizes;
      });
}

}  // namespace

void RegisterPermutation(nb::module_& module) {
  RegisterPermutationTable(module);
  RegisterBuilder(module);

  nb::class_<PermutationHandle>(module, "Permutation", "Rows of a table in an order.")
      .def_static("make", &MakePermutation, nb::arg("base"),
                  nb::arg("permutation_table").none() = nb::none(), nb::arg("split") = 0)
      .def_static("join", &Join, nb::arg("parts"), nb::arg("seed").none())
      .def_prop_ro("num_rows",
                   [](const PermutationHandle& self) { return self.permutation->num_rows(); })
      .def(
          "with_base",
          [](const PermutationHandle& self, const TableHandle& base) {
            return PermutationHandle{ValueOrRaise(self.permutation->WithBase(base.source))};
          },
          nb::arg("base"))
      .def(
          "slice",
          [](const PermutationHandle& self, int64_t begin, int64_t step, int64_t count) {
            return PermutationHandle{ValueOrRaise(self.permutation->Slice(begin, step, count))};
          },
          nb::arg("begin"), nb::arg("step"), nb::arg("count"))
      .def(
          "shard",
          [](const PermutationHandle& self, int64_t num_shards, int64_t index,
             const std::string& remainder) {
            return PermutationHandle{ValueOrRaise(
                self.permutation->Shard({num_shards, index, ParseRemainder(remainder)}))};
          },
          nb::arg("num_shards"), nb::arg("index"), nb::arg("remainder"))
      .def(
          "repeat",
          [](const PermutationHandle& self, int64_t times) {
            return PermutationHandle{ValueOrRaise(self.permutation->Repeat(times))};
          },
          nb::arg("times"))
      .def(
          "sort_by",
          [](const PermutationHandle& self, const std::string& column, bool descending) {
            return PermutationHandle{RunReleased([&](const CancelToken& cancel) {
              return self.permutation->SortBy(column, descending, MakeBuildOptions(0, {}, cancel));
            })};
          },
          nb::arg("column"), nb::arg("descending"))
      .def(
          "row_ids",
          [](const PermutationHandle& self, const nb::object& positions, int64_t begin,
             int64_t end) {
            const auto places = ReadPlaces(self, positions, begin, end, /*from_end=*/false);
            return RunReleased([&](const CancelToken& cancel) {
              ReadOptions options;
              options.cancel = &cancel;
              return self.permutation->RowIds(places, options);
            });
          },
          nb::arg("positions"), nb::arg("begin") = 0, nb::arg("end") = -1)
      .def("take", &Take, nb::arg("positions"), nb::arg("columns"), nb::arg("begin") = 0,
           nb::arg("end") = -1, nb::arg("from_end") = false)
      .def("start_take", &StartTake, nb::arg("completions"), nb::arg("positions"),
           nb::arg("columns"), nb::arg("begin") = 0, nb::arg("end") = -1,
           nb::arg("from_end") = false);
}

}  // namespace croupier::python
