#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "croupier/format/page/page.h"

namespace croupier::format {

/// Open a page of format 2.0, in which each layer above a leaf has a column of its own: wide rows
/// as records, others as chunks of some KiB, nulls alone as a constant page, offsets of lists as a
/// ListPage.
arrow::Result<std::shared_ptr<const Page>> OpenArrayPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

/// List the ranges of the headers of such a page.
std::vector<ByteRange> ArrayHeaderRanges(const PageMetadata& metadata);

}  // namespace croupier::format
