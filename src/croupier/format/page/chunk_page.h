#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/page/page.h"

namespace croupier::format {

/// Open a page of the mini-block layout (see Page::Open).
///
///     buffer 0: chunk words; buffer 1: chunks; then: dictionary, repetition index, if there are
///     any word = (bytes / 8 - 1) << 4 | log2(items); u16 in files of 2.1, u32 in files of 2.2
///     chunk: u16 levels, u16 size of repetition levels (if any), u16 size of definition levels (if
///            any), u16 | u32 size of each value buffer;
///            then these, each padded to 8 bytes
///
/// Source: lance-encodings.md, section 6.
arrow::Result<std::shared_ptr<const Page>> OpenChunkPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

}  // namespace croupier::format
