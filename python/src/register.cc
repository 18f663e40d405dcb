#include "register.h"

#include "arrow_objects.h"
#include "async_calls.h"
#include "batch_stream.h"
#include "croupier/base/background_work.h"
#include "croupier/version.h"

#if !defined(CROUPIER_EXTENSION)
#error "CROUPIER_EXTENSION names the module"
#endif

NB_MODULE(CROUPIER_EXTENSION, module) {
  // At interpreter exit objects may outlive the module; that is no leak of ours to report.
  nanobind::set_leak_warnings(false);
  // After the interpreter, before exit(): threads that it left behind, and those of loaders.
  Py_AtExit([] { static_cast<void>(croupier::BackgroundWork::StopAll()); });
  module.attr("__version__") = CROUPIER_VERSION;
  croupier::python::RegisterArrow();
  croupier::python::RegisterAsyncCalls(module);
  croupier::python::RegisterBatchStream(module);
  croupier::python::RegisterBlob(module);
  croupier::python::RegisterConfig(module);
  croupier::python::RegisterExpression(module);
  croupier::python::RegisterStorage(module);
  croupier::python::RegisterTable(module);
  croupier::python::RegisterTableWriter(module);
  croupier::python::RegisterPermutation(module);
  croupier::python::RegisterLoader(module);
}
