#include "croupier/cancel.h"

namespace croupier {

namespace {

// Made when the library is loaded, and never destroyed: threads may read until the process ends.
const CancelToken& never = *new CancelFlag();

}  // namespace

const CancelToken& CancelToken::Never() { return never; }

}  // namespace croupier
