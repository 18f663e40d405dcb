#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/page/page.h"

namespace croupier::format {

/// Open a page of the full-zip layout whose leaf is below lists (see Page::Open).
///
///     buffer 0: records; buffer 1: where the records of each row begin, and the end of the last
///     record: control word; of a value also: u32 | u64 length, if variable-width and not null;
///     bytes
///
/// The records of a row are consecutive; one of a null or empty list has no value.
///
/// Source: lance-encodings.md, section 7.
arrow::Result<std::shared_ptr<const Page>> OpenListRecordPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

}  // namespace croupier::format
