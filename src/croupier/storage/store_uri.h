#pragma once

#include <string>

#include <arrow/result.h>

namespace croupier::storage {

/// The parts of `scheme://bucket/prefix`.
struct StoreUri {
  std::string scheme;   ///< lower case
  std::string bucket;   ///< bucket or container
  std::string account;  ///< of Azure, where the URI names it, else empty
  std::string prefix;   ///< decoded, without '/' at either end; may be empty

  /// The URI without '/' at the end: as the user named it, to be parsed again.
  std::string location;

  /// The store itself, for counters and messages: `s3://bucket`.
  std::string store() const { return scheme + "://" + bucket; }

  /// Parse the URI of an object store.
  ///
  /// Parts of the path are percent-decoded. Azure also as `abfss://container@account.host/path`.
  /// \return Invalid if there is no bucket, or if there is what may be a secret: user, password or
  ///         query; the message does not repeat the URI
  static arrow::Result<StoreUri> Parse(const std::string& uri);
};

}  // namespace croupier::storage
