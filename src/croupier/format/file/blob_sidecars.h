#pragma once

#include <memory>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include "croupier/base/byte_sink.h"

namespace croupier::format {

/// Makes the files beside a data file that hold its larger blobs.
///
/// They belong into the folder that is named as the data file is, without ".lance".
class BlobSidecars {
 public:
  virtual ~BlobSidecars() = default;

  /// Begin a file of that folder; `name` is its name there: 32 digits and ".blob".
  virtual arrow::Result<std::unique_ptr<ByteSink>> Open(const std::string& name) = 0;
  /// End a file: all of it is there.
  virtual arrow::Status Close(std::unique_ptr<ByteSink> file) = 0;
};

}  // namespace croupier::format
