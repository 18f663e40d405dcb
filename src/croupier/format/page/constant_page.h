#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>

#include "croupier/format/page/page.h"

namespace croupier::format {

/// Open a page of the constant layout (see Page::Open).
///
/// \param headers every buffer of the page: none, (rep, def), (scalar) or (scalar, rep, def)
/// Source: lance-encodings.md, section 8.
arrow::Result<std::shared_ptr<const Page>> OpenConstantPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers);

}  // namespace croupier::format
