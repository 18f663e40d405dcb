#pragma once

#include <functional>

#include <arrow/status.h>

#include "croupier/cancel.h"
#include "croupier/storage/failure.h"
#include "croupier/storage/storage_settings.h"
#include "croupier/storage/store_tally.h"

namespace croupier::storage {

/// Send a request, again where it may help: with growing, random pauses, within the policy.
///
/// Pauses are drawn from [0, limit), where the limit doubles with every retry; after a refusal for
/// too many requests from [limit / 2, limit). Counts in `tally`. Waits in the calling thread.
/// \param send one request
/// \return OK; Cancelled within 0.1 s of the token, if not in the middle of a request; else the
///         status of the last request, with the number of attempts if there were several
arrow::Status SendWithRetries(const RetryPolicy& policy, const CancelToken& cancel,
                              StoreTally* tally,
                              const std::function<Failure(const arrow::Status&)>& classify,
                              const std::function<arrow::Status()>& send);

}  // namespace croupier::storage
