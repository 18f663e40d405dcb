#include <arrow/memory_pool.h>
#include <nanobind/stl/string.h>

#include "croupier/base/memory_pool.h"
#include "croupier/base/process_resources.h"
#include "register.h"
#include "status.h"

namespace croupier::python {

void RegisterConfig(nb::module_& module) {
  module.def(
      "allocated_bytes", [] { return DefaultMemoryPool()->bytes_allocated(); },
      "Bytes of Arrow buffers that the library has allocated, and not freed.");
  module.def(
      "read_config",
      [] {
        const Config config = ValueOrRaise(Config::FromProcess());
        nb::dict settings;
        const auto add = [&](const char* name, const auto& setting) {
          settings[name] = nb::make_tuple(setting.value, setting.source);
        };
        add("num_threads", config.num_threads);
        add("prefetch_bytes", config.prefetch_bytes);
        add("cache_bytes", config.cache_bytes);
        add("metadata_bytes", config.metadata_bytes);
        add("order_bytes", config.order_bytes);
        add("io_threads", config.io_threads);
        return settings;
      },
      "Read the settings as they are now: name to (value, source).");
}

}  // namespace croupier::python
