#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

namespace croupier::table {

/// Says which files outside of a dataset's directory may be read, and whether with its credentials.
///
/// Manifests and blob columns name such places, and they are hostile. A place is followed within
/// the file system of a local dataset and within the bucket of one in an object store; any other
/// place only where the user allows it. Immutable.
class ExternalPaths {
 public:
  /// A place that may be read.
  struct Place {
    std::string uri;
    /// Whether the dataset's storage options may be used: the place is with the same service.
    bool with_credentials = false;
  };

  /// \param root of the dataset: an absolute path or a URI
  /// \param allow_external paths or URIs: what is at them and below them is allowed
  /// \return Invalid if one of them is malformed
  static arrow::Result<ExternalPaths> Make(std::string_view root,
                                           const std::vector<std::string>& allow_external);

  /// Check a place that a file names: a path or a URI. A relative path is one of this machine, from
  /// the current directory on, as writers mean it that were given such a path.
  ///
  /// \return SerializationError if it is neither, leads up by "..", or has parts that stores read
  /// in
  ///         different ways; IOError (permission denied) if it is not allowed, with the remedy
  arrow::Result<Place> Resolve(std::string_view path_or_uri) const;

 private:
  // A URI in its parts, percent-encoding undone. A path has the scheme "file".
  struct Location {
    std::string scheme;
    std::string authority;  // the bucket
    std::vector<std::string> parts;

    static arrow::Result<Location> Parse(std::string_view path_or_uri);
    bool is_local() const { return scheme == "file"; }
    bool IsAtOrBelow(const Location& other) const;
  };

  Location root_;
  std::vector<Location> allowed_;
};

/// Split a place that ExternalPaths allows into the directory, as a URI, and the name of the file
/// in it (percent-encoding undone).
struct DirectoryAndName {
  std::string directory;
  std::string name;

  static arrow::Result<DirectoryAndName> Split(const std::string& path_or_uri);
};

}  // namespace croupier::table
