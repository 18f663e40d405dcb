#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/manifest/manifest.h"

namespace croupier::format {

/// The whole file of a manifest, with the sections in front of the message. Borrows the bytes.
///
/// Source: lance-table.md, section 4.
struct ManifestFile {
  std::shared_ptr<const Manifest> manifest;
  std::span<const uint8_t> message;                     ///< of the Manifest
  std::span<const uint8_t> index_section;               ///< empty: the table has no indexes
  std::optional<std::span<const uint8_t>> transaction;  ///< message, if it is in the file
  std::string transaction_file;                         ///< below `_transactions/`; may be empty

  /// \return SerializationError if a section lies outside the file; errors as for Manifest::Parse
  static arrow::Result<ManifestFile> Parse(std::span<const uint8_t> file);
};

/// Check that this library may write the next version of a table.
///
/// \return NotImplemented, naming the feature flags that it does not know
arrow::Status CheckWriterFlags(const Manifest& manifest);

}  // namespace croupier::format
