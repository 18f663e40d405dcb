#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/page.h"

namespace croupier::format {

/// Open a page of blob descriptors of version 1: struct<position: uint64, size: uint64> values in
/// the page's inner layout, where a position without a size says that the blob is null.
///
/// Source: lance-encodings.md, section 9.
arrow::Result<std::shared_ptr<const Page>> OpenBlobPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

}  // namespace croupier::format
