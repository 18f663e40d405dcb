#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/cancel.h"

namespace croupier::storage {

/// Who sends requests to a service of AWS.
struct AwsKeys {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< of temporary credentials, else empty
  /// When they end, by the clock of this machine; nothing if they do not.
  std::optional<std::chrono::system_clock::time_point> expires_at;
};

/// Gives the keys that requests are signed with. Any number of threads. Belongs to one process.
class AwsCredentials {
 public:
  virtual ~AwsCredentials() = default;

  /// Get keys that hold now; may wait for the network.
  ///
  /// \return null if requests are not to be signed; a failure (FailureOf) without credentials, that
  ///         says where they were looked for
  virtual arrow::Result<std::shared_ptr<const AwsKeys>> Get(const CancelToken& cancel) = 0;

  /// Do not give keys again that the service says have expired.
  ///
  /// \return whether others may be had
  virtual bool Renew(const AwsKeys& refused) = 0;
};

/// Give always the same; null: do not sign.
std::shared_ptr<AwsCredentials> FixedAwsCredentials(std::shared_ptr<const AwsKeys> keys);

/// Give what `fetch` gives, and fetch anew before that expires.
///
/// One thread at a time fetches. Others go on with the keys there are, and wait only where those
/// have expired; so they do while a fetch fails. What fails for good is not tried again for a few
/// seconds.
/// \param fetch called under a lock; may wait for the network
/// \param now the clock
std::shared_ptr<AwsCredentials> RenewedAwsCredentials(
    std::function<arrow::Result<AwsKeys>(const CancelToken& cancel)> fetch,
    std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now);

}  // namespace croupier::storage
