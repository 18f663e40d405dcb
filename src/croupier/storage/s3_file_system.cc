#include "croupier/storage/s3_file_system.h"

#include <atomic>
#include <string_view>

#include <dlfcn.h>

namespace croupier::storage {

namespace {

constexpr char kLibrary[] = CROUPIER_S3_LIBRARY;

// The directory of the program or library that this code is in; empty if that is unknown.
std::string OwnDirectory() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&LoadS3Library), &info) == 0) return "";
  const std::string_view path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : std::string(path.substr(0, slash + 1));
}

arrow::Result<MakeS3FileSystemFunction*> FindFunction() {
  static std::atomic<MakeS3FileSystemFunction*> found{nullptr};
  if (auto* const function = found.load()) return function;
  // Loading twice gives the same library: no lock is needed.
  void* library = nullptr;
  std::string reason;
  for (const std::string& path : {OwnDirectory() + kLibrary, std::string(kLibrary)}) {
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    reason += (reason.empty() ? "" : "; ") + std::string(dlerror());
  }
  if (library == nullptr) {
    return arrow::Status::NotImplemented(
        "s3:// cannot be read: ", kLibrary,
        " was not found beside the program or by the loader, or does not load (", reason, ")");
  }
  auto* const function =
      reinterpret_cast<MakeS3FileSystemFunction*>(dlsym(library, kMakeS3FileSystemName));
  if (function == nullptr) {
    return arrow::Status::NotImplemented("s3:// cannot be read: ", kLibrary,
                                         " is of another version of croupier");
  }
  found.store(function);
  return function;
}

}  // namespace

arrow::Status LoadS3Library() { return FindFunction().status(); }

arrow::Result<std::shared_ptr<arrow::fs::FileSystem>> MakeS3FileSystem(const S3Settings& settings,
                                                                       const std::string& bucket) {
  ARROW_ASSIGN_OR_RAISE(auto* const make, FindFunction());
  arrow::Result<std::shared_ptr<arrow::fs::FileSystem>> made = arrow::Status::UnknownError("");
  make(&settings, &bucket, &made);
  return made;
}

}  // namespace croupier::storage
