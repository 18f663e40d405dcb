#pragma once

#include <atomic>

#include <arrow/result.h>

namespace croupier::storage {

/// A shared library of this project that is loaded when it is first needed, and kept until the
/// process ends.
///
/// Any thread may ask, also in a forked child: there is no lock.
class OwnLibrary {
 public:
  /// \param file_name looked for beside the code of this library (the Python package, a program),
  ///        then wherever the loader finds it
  /// \param function the name of its one function
  /// \param without what cannot be done without it, for messages
  constexpr OwnLibrary(const char* file_name, const char* function, const char* without)
      : file_name_(file_name), function_name_(function), without_(without) {}

  /// Load the library, and find its function.
  ///
  /// \return NotImplemented, saying why, if that fails
  arrow::Result<void*> Load();

 private:
  const char* const file_name_;
  const char* const function_name_;
  const char* const without_;
  std::atomic<void*> function_{nullptr};
};

}  // namespace croupier::storage
