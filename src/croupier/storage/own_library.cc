#include "croupier/storage/own_library.h"

#include <string>
#include <string_view>

#include <arrow/status.h>
#include <dlfcn.h>

namespace croupier::storage {

namespace {

const char kInThisLibrary = 0;

// The directory of the program or library that this code is in; empty if that is unknown.
std::string OwnDirectory() {
  Dl_info info;
  if (dladdr(&kInThisLibrary, &info) == 0) return "";
  const std::string_view path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : std::string(path.substr(0, slash + 1));
}

}  // namespace

arrow::Result<void*> OwnLibrary::Load() {
  if (auto* const function = function_.load()) return function;
  // Loading twice gives the same library: no lock is needed.
  void* library = nullptr;
  std::string reason;
  for (const std::string& path : {OwnDirectory() + file_name_, std::string(file_name_)}) {
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    reason += (reason.empty() ? "" : "; ") + std::string(dlerror());
  }
  if (library == nullptr) {
    return arrow::Status::NotImplemented(
        without_, ": ", file_name_,
        " was not found beside the program or by the loader, or does not load (", reason, ")");
  }
  auto* const function = dlsym(library, function_name_);
  if (function == nullptr) {
    return arrow::Status::NotImplemented(without_, ": ", file_name_,
                                         " is of another version of croupier");
  }
  function_.store(function);
  return function;
}

}  // namespace croupier::storage
