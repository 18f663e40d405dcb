#include "croupier/format/page/blob_page.h"

#include <optional>
#include <utility>
#include <vector>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>

#include "croupier/format/page/rep_def.h"

namespace croupier::format {

namespace {

// A descriptor with a position but no size is no blob: the position holds its levels.
bool IsBlob(uint64_t position, uint64_t size) { return size != 0 || position == 0; }

class BlobPage : public ChunkPage {
 public:
  BlobPage(PageMetadata inner_metadata, std::shared_ptr<const LeafPath> path)
      : ChunkPage(inner_metadata.num_rows, std::move(path)),
        inner_metadata_(std::move(inner_metadata)) {}

  arrow::Status Open(const std::vector<RepDefLayer>& layers,
                     const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    ARROW_ASSIGN_OR_RAISE(auto levels, PageLevels::Make(*path(), layers, path()->leaf_type()));
    levels_.emplace(std::move(levels));
    const auto flat = LeafPath::Flat(path()->leaf_type(), path()->kind());
    ARROW_ASSIGN_OR_RAISE(inner_, Page::Open(inner_metadata_, flat, headers));
    if (inner_->AsChunks() != nullptr) return arrow::Status::OK();
    return arrow::Status::NotImplemented("cannot read blobs whose descriptors are not in chunks");
  }

  int64_t memory_bytes() const override { return inner_->memory_bytes(); }
  int64_t num_chunks() const override { return chunks().num_chunks(); }
  Chunk chunk(int64_t chunk_index) const override { return chunks().chunk(chunk_index); }
  int64_t ChunkOf(int64_t row) const override { return chunks().ChunkOf(row); }

  arrow::Result<DecodedRows> DecodeChunk(int64_t chunk_index, std::span<const uint8_t> bytes,
                                         arrow::MemoryPool* pool) const override {
    ARROW_ASSIGN_OR_RAISE(const auto decoded, chunks().DecodeChunk(chunk_index, bytes, pool));
    auto descriptors = decoded.array->Copy();
    ARROW_ASSIGN_OR_RAISE(const auto def, TakeLevels(descriptors.get(), pool));
    const Levels levels{nullptr, reinterpret_cast<const uint16_t*>(def->data()),
                        descriptors->length};
    ARROW_ASSIGN_OR_RAISE(auto nesting, levels_->Unravel(levels, descriptors->length, pool));
    descriptors->buffers[0] = std::move(nesting.leaf.bitmap);
    descriptors->null_count = nesting.leaf.null_count;
    if (levels_->is_flat()) return DecodedRows{std::move(descriptors)};
    return levels_->Nest(std::move(nesting), std::move(descriptors));
  }

 private:
  const ChunkPage& chunks() const { return *inner_->AsChunks(); }

  // The definition levels of all rows, whose place in the descriptors is cleared.
  arrow::Result<std::shared_ptr<arrow::Buffer>> TakeLevels(arrow::ArrayData* descriptors,
                                                           arrow::MemoryPool* pool) const {
    const int64_t count = descriptors->length;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> levels,
                          arrow::AllocateBuffer(2 * count, pool));
    auto* def = reinterpret_cast<uint16_t*>(levels->mutable_data());
    auto* positions = descriptors->child_data[0]->GetMutableValues<uint64_t>(1);
    const auto* sizes = descriptors->child_data[1]->GetValues<uint64_t>(1);
    for (int64_t row = 0; row < count; ++row) {
      def[row] = 0;
      if (IsBlob(positions[row], sizes[row])) continue;
      if (levels_->is_flat()) {
        def[row] = 1;  // whatever the level: files of format 2.0 have 1 for the position
      } else {
        // The repetition level, 0 without lists, below the definition level.
        if ((positions[row] & 0xffff) != 0 || positions[row] >> 32 != 0) {
          return arrow::Status::SerializationError("a blob of no bytes at ", positions[row]);
        }
        def[row] = static_cast<uint16_t>(positions[row] >> 16);
      }
      positions[row] = 0;
    }
    return levels;
  }

  const PageMetadata inner_metadata_;
  std::optional<const PageLevels> levels_;
  std::shared_ptr<const Page> inner_;
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenBlobPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  const auto& layout = *metadata.layout.As<BlobLayout>();
  // The reference reader cannot read them either.
  if (path->num_lists() > 0) {
    return arrow::Status::NotImplemented("cannot read blobs below lists");
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
  ARROW_RETURN_NOT_OK(page->Open(layout.layers, headers));
  return page;
}

}  // namespace croupier::format
