#include "croupier/format/page/page.h"

#include <algorithm>
#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/page/array_page.h"
#include "croupier/format/page/blob_page.h"
#include "croupier/format/page/chunk_page.h"
#include "croupier/format/page/constant_page.h"
#include "croupier/format/page/record_page.h"

namespace croupier::format {

namespace {

arrow::Status CheckBuffers(const PageMetadata& metadata, size_t min, size_t max) {
  const size_t count = metadata.buffers.size();
  if (count >= min && count <= max) return arrow::Status::OK();
  return arrow::Status::SerializationError("a page of the layout ", Describe(metadata.layout),
                                           " has ", count, " buffers");
}

arrow::Result<std::shared_ptr<const Page>> OpenByLayout(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  if (const auto* mini_block = metadata.layout.As<MiniBlockLayout>()) {
    const size_t min =
        2 + (mini_block->dictionary != nullptr) + (mini_block->repetition_index_depth > 0);
    ARROW_RETURN_NOT_OK(CheckBuffers(metadata, min, 4));
    return OpenChunkPage(metadata, std::move(path), headers);
  }
  if (metadata.layout.As<FullZipLayout>() != nullptr) {
    ARROW_RETURN_NOT_OK(CheckBuffers(metadata, 1, 2));
    return OpenRecordPage(metadata, std::move(path), headers);
  }
  if (metadata.layout.As<ConstantLayout>() != nullptr) {
    ARROW_RETURN_NOT_OK(CheckBuffers(metadata, 0, 3));
    return OpenConstantPage(metadata, std::move(path), headers);
  }
  if (metadata.layout.As<ArrayLayout>() != nullptr) {
    return OpenArrayPage(metadata, std::move(path), headers);
  }
  return OpenBlobPage(metadata, std::move(path), headers);
}

// Ranges of the small buffers of a page with these buffers.
std::vector<ByteRange> HeaderRangesOf(const PageLayout& layout,
                                      const std::vector<ByteRange>& buffers) {
  if (const auto* mini_block = layout.As<MiniBlockLayout>()) {
    // All but the chunks: dictionary and repetition index follow them, if there are any.
    std::vector<ByteRange> headers;
    const size_t end =
        2 + (mini_block->dictionary != nullptr) + (mini_block->repetition_index_depth > 0);
    for (size_t i = 0; i < std::min(end, buffers.size()); ++i) {
      if (i != 1) headers.push_back(buffers[i]);
    }
    return headers;
  }
  if (layout.As<FullZipLayout>() != nullptr) {
    return buffers.size() < 2 ? std::vector<ByteRange>{} : std::vector<ByteRange>{buffers[1]};
  }
  if (layout.As<ConstantLayout>() != nullptr) return buffers;
  return {};
}

}  // namespace

std::vector<ByteRange> Page::HeaderRanges(const PageMetadata& metadata) {
  if (metadata.layout.As<ArrayLayout>() != nullptr) return ArrayHeaderRanges(metadata);
  const auto* blob = metadata.layout.As<BlobLayout>();
  return HeaderRangesOf(blob != nullptr ? *blob->inner : metadata.layout, metadata.buffers);
}

arrow::Result<std::shared_ptr<const Page>> Page::Open(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  auto page = OpenByLayout(metadata, std::move(path), headers);
  if (page.status().IsNotImplemented()) {
    return page.status().WithMessage(page.status().message(), " [layout ",
                                     Describe(metadata.layout), "]");
  }
  return page;
}

}  // namespace croupier::format
