#pragma once

#include <arrow/status.h>

namespace croupier::expression {

/// Tell whether Arrow's compute functions are registered; to be called before the use of one.
///
/// They are registered when the library is loaded. At a first use it would be under locks of
/// Arrow's, which a fork by another thread at that moment leaves locked in the child for good.
const arrow::Status& CheckKernels();

}  // namespace croupier::expression
