#include "croupier/expression/arrow_kernels.h"

#include <arrow/compute/exec.h>
#include <arrow/compute/initialize.h>
#include <arrow/datum.h>
#include <arrow/memory_pool.h>

namespace croupier::expression {

namespace {

// The first call of a function makes more of what is then shared.
arrow::Status Register() {
  ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
  // Not DefaultMemoryPool, which may be made later: this is called when the library is loaded.
  arrow::compute::ExecContext context(arrow::system_memory_pool());
  const arrow::Datum one(int64_t{1});
  return arrow::compute::CallFunction("equal", {one, one}, &context).status();
}

// Never destroyed: threads may read until the process ends.
const arrow::Status& registered = *new arrow::Status(Register());

}  // namespace

const arrow::Status& CheckKernels() { return registered; }

}  // namespace croupier::expression
