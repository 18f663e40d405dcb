#include "croupier/expression/arrow_kernels.h"

#include <arrow/compute/initialize.h>

namespace croupier::expression {

namespace {

// Never destroyed: threads may read until the process ends.
const arrow::Status& registered = *new arrow::Status(arrow::compute::Initialize());

}  // namespace

const arrow::Status& CheckKernels() { return registered; }

}  // namespace croupier::expression
