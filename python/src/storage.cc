#include "croupier/storage.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include "croupier/storage/memory_store.h"
#include "register.h"
#include "signal_cancel.h"
#include "status.h"

namespace croupier::python {

namespace {

// A folder in memory as Python holds it; it ends with the last that was opened of it.
struct MemoryFolder {
  std::shared_ptr<const storage::ObjectStore> store;
};

MemoryFolder MakeMemoryFolder(const std::string& name, const nb::dict& files) {
  storage::MemoryObjects objects;
  for (const auto& [path, content] : files) {
    const auto bytes = nb::cast<nb::bytes>(content);
    objects[nb::cast<std::string>(path)] =
        arrow::Buffer::FromString(std::string(bytes.c_str(), bytes.size()));
  }
  return {storage::MakeTransientMemoryStore(name, std::move(objects))};
}

arrow::Status ListAll(const storage::ObjectStore& store, const std::string& directory,
                      std::vector<std::string>* paths) {
  ARROW_ASSIGN_OR_RAISE(const auto files, store.ListFiles(directory));
  for (const auto& name : files) paths->push_back(directory + "/" + name);
  ARROW_ASSIGN_OR_RAISE(const auto directories, store.ListDirectories(directory));
  for (const auto& name : directories) {
    ARROW_RETURN_NOT_OK(ListAll(store, directory + "/" + name, paths));
  }
  return arrow::Status::OK();
}

// The content of all files below a directory, by path.
nb::dict ReadFiles(const MemoryFolder& self, const std::string& directory) {
  std::vector<std::string> paths;
  const auto contents = RunReleased(
      [&](const CancelToken&) -> arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> {
        ARROW_RETURN_NOT_OK(ListAll(*self.store, directory, &paths));
        ARROW_ASSIGN_OR_RAISE(const auto objects, self.store->OpenAll(paths));
        return storage::ReadWhole(objects, INT64_MAX);
      });
  nb::dict files;
  for (size_t i = 0; i < paths.size(); ++i) {
    files[paths[i].c_str()] =
        nb::bytes(contents[i]->data(), static_cast<size_t>(contents[i]->size()));
  }
  return files;
}

}  // namespace

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
  nb::class_<MemoryFolder>(module, "MemoryFolder", "Files in memory, at memory://name.")
      .def("read_files", &ReadFiles, nb::arg("directory"));
  module.def("make_memory_folder", &MakeMemoryFolder, nb::arg("name"), nb::arg("files"));
  module.def("without_credentials", &WithoutCredentials, nb::arg("storage_options"),
             "Give options without those that hold credentials.");
}

}  // namespace croupier::python
