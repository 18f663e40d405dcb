#pragma once

#include <functional>
#include <memory>
#include <string>

#include <arrow/result.h>

#include "croupier/storage/aws_credentials.h"
#include "croupier/storage/http_client.h"
#include "croupier/storage/storage_settings.h"

namespace croupier::storage {

/// What the chain needs of its process.
struct AwsChainContext {
  AwsLookup lookup;
  std::string region;  ///< of the token service; empty: the profile's, else the global one
  bool allow_http = false;
  /// Reaches the token service.
  std::shared_ptr<HttpClient> http;
  /// Makes a client for what is in the machine, which answers soon or is not there.
  std::function<arrow::Result<std::shared_ptr<HttpClient>>()> make_metadata_http;
};

/// Find keys where the SDKs of AWS do, and renew those that expire.
///
/// In this order: the profile (its keys, its role, its `credential_process`); a role with the file
/// of a web identity (EKS); the service of a container (ECS, EKS); the metadata of the machine
/// (EC2, its version 2 alone). Of these the first that is set up is taken, and it fails if that
/// does. Profiles with a single sign-on or a second factor are NotImplemented, with what to do
/// instead.
/// Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers".
std::shared_ptr<AwsCredentials> MakeAwsCredentialChain(AwsChainContext context);

}  // namespace croupier::storage
