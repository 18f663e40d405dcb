#include "croupier/format/page/blob_page.h"

#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

namespace croupier::format {

namespace {

// Give a null bitmap to descriptors with a position but no size: that holds levels instead.
arrow::Status MarkNulls(arrow::ArrayData* descriptors, arrow::MemoryPool* pool) {
  const auto* positions = descriptors->child_data[0]->GetValues<uint64_t>(1);
  const auto* sizes = descriptors->child_data[1]->GetValues<uint64_t>(1);
  for (int64_t row = 0; row < descriptors->length; ++row) {
    if (sizes[row] != 0 || positions[row] == 0) continue;
    auto& bitmap = descriptors->buffers[0];
    if (bitmap == nullptr) {
      ARROW_ASSIGN_OR_RAISE(bitmap, arrow::AllocateBitmap(descriptors->length, pool));
      arrow::bit_util::SetBitsTo(bitmap->mutable_data(), 0, bitmap->size() * 8, true);
    }
    arrow::bit_util::ClearBit(bitmap->mutable_data(), row);
    descriptors->child_data[0]->GetMutableValues<uint64_t>(1)[row] = 0;
  }
  descriptors->null_count = arrow::kUnknownNullCount;
  return arrow::Status::OK();
}

class BlobPage : public ChunkPage {
 public:
  BlobPage(PageMetadata inner_metadata, std::shared_ptr<const LeafPath> path)
      : ChunkPage(inner_metadata.num_rows, std::move(path)),
        inner_metadata_(std::move(inner_metadata)) {}

  arrow::Status Open(const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    ARROW_ASSIGN_OR_RAISE(inner_, Page::Open(inner_metadata_, path(), headers));
    if (inner_->AsChunks() != nullptr) return arrow::Status::OK();
    return arrow::Status::NotImplemented("cannot read blobs whose descriptors are not in chunks");
  }

  int64_t memory_bytes() const override { return inner_->memory_bytes(); }
  int64_t num_chunks() const override { return chunks().num_chunks(); }
  Chunk chunk(int64_t chunk_index) const override { return chunks().chunk(chunk_index); }
  int64_t ChunkOf(int64_t row) const override { return chunks().ChunkOf(row); }

  arrow::Result<DecodedRows> DecodeChunk(int64_t chunk_index, std::span<const uint8_t> bytes,
                                         arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(auto decoded, chunks().DecodeChunk(chunk_index, bytes, pool));
    auto descriptors = std::make_shared<arrow::ArrayData>(*decoded.array);
    ARROW_RETURN_NOT_OK(MarkNulls(descriptors.get(), pool));
    decoded.array = std::move(descriptors);
    return decoded;
  }

 private:
  const ChunkPage& chunks() const { return *inner_->AsChunks(); }

  const PageMetadata inner_metadata_;
  std::shared_ptr<const Page> inner_;
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenBlobPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  const auto& layout = *metadata.layout.As<BlobLayout>();
  // Levels lie in the positions of blobs without size: those of layers above are not taken apart.
  if (!path->layers().empty() || layout.layers.size() != 1) {
    return arrow::Status::NotImplemented("cannot read blobs below structs or lists yet");
  }
  const auto& type = *path->leaf_type();
  if (type.id() != arrow::Type::STRUCT || type.num_fields() != 2 ||
      type.field(0)->type()->id() != arrow::Type::UINT64 ||
      type.field(1)->type()->id() != arrow::Type::UINT64) {
    return arrow::Status::SerializationError("a page of blobs for values of the type ",
                                             type.ToString());
  }
  PageMetadata inner{metadata.first_row, metadata.num_rows, metadata.buffers, *layout.inner};
  auto page = std::make_shared<BlobPage>(std::move(inner), std::move(path));
  ARROW_RETURN_NOT_OK(page->Open(headers));
  return page;
}

}  // namespace croupier::format
