#include "croupier/format/page/page.h"

#include <utility>

#include <arrow/status.h>
#include <arrow/type.h>

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
    const size_t min = mini_block->dictionary != nullptr ? 3 : 2;
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
  return arrow::Status::NotImplemented("cannot read a page of the layout ",
                                       Describe(metadata.layout), " yet");
}

}  // namespace

std::vector<ByteRange> Page::HeaderRanges(const PageMetadata& metadata) {
  const auto& buffers = metadata.buffers;
  if (const auto* mini_block = metadata.layout.As<MiniBlockLayout>()) {
    if (mini_block->dictionary != nullptr && buffers.size() > 2) return {buffers[0], buffers[2]};
    return buffers.empty() ? buffers : std::vector<ByteRange>{buffers[0]};
  }
  if (metadata.layout.As<FullZipLayout>() != nullptr) {
    return buffers.size() < 2 ? std::vector<ByteRange>{} : std::vector<ByteRange>{buffers[1]};
  }
  if (metadata.layout.As<ConstantLayout>() != nullptr) return buffers;
  return {};
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
