#include "croupier/storage.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include "register.h"

namespace croupier::python {

void RegisterStorage(nb::module_& module) {
  module.def(
      "read_store_counters",
      [] {
        nb::dict stores;
        for (const auto& [store, counters] : ReadStoreCounters()) {
          nb::dict counts;
          counts["requests"] = counters.num_requests;
          counts["bytes"] = counters.num_bytes;
          counts["retries"] = counters.num_retries;
          counts["throttled"] = counters.num_throttled;
          counts["errors"] = counters.num_errors;
          stores[store.c_str()] = std::move(counts);
        }
        return stores;
      },
      "Read the counters of every store that was used, by name.");
  module.def("without_credentials", &WithoutCredentials, nb::arg("storage_options"),
             "Give options without those that hold credentials.");
}

}  // namespace croupier::python
