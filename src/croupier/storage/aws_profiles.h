#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace croupier::storage {

/// Settings of a profile by their names, in lower case.
using AwsProfile = std::map<std::string, std::string, std::less<>>;
using AwsProfiles = std::map<std::string, AwsProfile, std::less<>>;

/// Which of the two files of AWS a text is: their sections are named differently.
enum class AwsFile { kConfig, kCredentials };

/// Add the profiles of a file to those there are; its settings replace others of their name.
///
/// What is no setting of a profile is skipped: other sections, nested settings, anything else.
/// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
void AddAwsProfiles(std::string_view text, AwsFile file, AwsProfiles* profiles);

}  // namespace croupier::storage
