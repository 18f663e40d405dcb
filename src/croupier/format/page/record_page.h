#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/page/page.h"

namespace croupier::format {

/// Open a page of the full-zip layout (see Page::Open).
///
///     buffer 0: records; buffer 1: index of variable-width records (rows + 1 offsets of 1, 2, 4 or
///     8 bytes) record: control word (definition level; 0, 1, 2 or 4 bytes);
///             fixed width: the value, also of a null row
///             variable width: length (4 or 8 bytes) and bytes, both absent for a null row
///
/// Source: lance-encodings.md, section 7.
arrow::Result<std::shared_ptr<const Page>> OpenRecordPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

}  // namespace croupier::format
