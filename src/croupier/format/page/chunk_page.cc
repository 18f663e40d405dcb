#include "croupier/format/page/chunk_page.h"

#include <algorithm>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/encoding/mini_block_codec.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/rep_def.h"

namespace croupier::format {

namespace {

constexpr int64_t kMaxChunkRows = 1 << 20;
constexpr uint64_t kMaxDictionaryItems = 1 << 24;

// Indices into the dictionary as int32, which Arrow's dictionary arrays use, or none if they are
// out of range. Those of null rows mean nothing and become 0.
template <typename Index>
arrow::Result<std::shared_ptr<arrow::Buffer>> CheckIndices(const ValueBlock& block,
                                                           const Validity& validity,
                                                           int64_t num_items,
                                                           arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto checked, arrow::AllocateBuffer(block.num_values * 4, pool));
  auto* out = reinterpret_cast<int32_t*>(checked->mutable_data());
  const auto* indices = reinterpret_cast<const Index*>(block.data->data());
  for (int64_t i = 0; i < block.num_values; ++i) {
    const bool in_range = static_cast<uint64_t>(indices[i]) < static_cast<uint64_t>(num_items);
    if (!in_range &&
        (validity.bitmap == nullptr || arrow::bit_util::GetBit(validity.bitmap->data(), i))) {
      return arrow::Status::SerializationError(
          "a dictionary index is out of range: ", uint64_t{indices[i]}, " of ", num_items);
    }
    out[i] = in_range ? static_cast<int32_t>(indices[i]) : 0;
  }
  return checked;
}

class MiniBlockPage : public ChunkPage {
 public:
  MiniBlockPage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : ChunkPage(num_rows, std::move(path)) {}

  arrow::Status Open(const PageMetadata& metadata, const MiniBlockLayout& layout,
                     const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::Of(*type()));
    if (layout.rep_compression != nullptr || layout.repetition_index_depth != 0) {
      return arrow::Status::NotImplemented("cannot read values below lists yet");
    }
    ARROW_RETURN_NOT_OK(CheckLeafLayers(layout.layers));
    def_compression_ = layout.def_compression;
    large_chunks_ = layout.has_large_chunk;
    ARROW_RETURN_NOT_OK(OpenValues(layout, headers));
    if (static_cast<uint64_t>(codec_->num_buffers()) != layout.num_buffers) {
      return arrow::Status::SerializationError(
          "a chunk has ", layout.num_buffers, " value buffers, the encoding ",
          Describe(*layout.value_compression), " has ", codec_->num_buffers());
    }
    if (layout.num_items != static_cast<uint64_t>(num_rows())) {
      return arrow::Status::SerializationError("the page has ", layout.num_items, " items and ",
                                               num_rows(), " rows");
    }
    return OpenChunks(metadata, *headers[0]);
  }

  int64_t memory_bytes() const override {
    return static_cast<int64_t>((first_rows_.size() + offsets_.size()) * sizeof(int64_t)) +
           dictionary_bytes_;
  }

  int64_t num_chunks() const override { return std::ssize(first_rows_) - 1; }

  Chunk chunk(int64_t chunk_index) const override {
    const auto i = static_cast<size_t>(chunk_index);
    return {first_rows_[i],
            first_rows_[i + 1] - first_rows_[i],
            {data_offset_bytes_ + offsets_[i], offsets_[i + 1] - offsets_[i]}};
  }

  int64_t ChunkOf(int64_t row) const override {
    if (uniform_chunk_bits_ >= 0) return std::min(row >> uniform_chunk_bits_, num_chunks() - 1);
    return std::upper_bound(first_rows_.begin(), first_rows_.end(), row) - first_rows_.begin() - 1;
  }

  arrow::Result<DecodedRows> DecodeChunk(int64_t chunk_index, Bytes bytes,
                                         arrow::MemoryPool* pool) const override {
    const int64_t num_values = chunk(chunk_index).num_rows;
    auto decoded = DecodeBytes(bytes, num_values, pool);
    if (!decoded.ok()) {
      return decoded.status().WithMessage("chunk ", chunk_index, ": ", decoded.status().message());
    }
    return DecodedRows{*std::move(decoded)};
  }

 private:
  arrow::Status OpenValues(const MiniBlockLayout& layout,
                           const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    if (layout.dictionary == nullptr) {
      ARROW_ASSIGN_OR_RAISE(codec_, MiniBlockCodec::Make(*layout.value_compression, shape_));
      return arrow::Status::OK();
    }
    if (shape_.kind == LeafShape::Kind::kNull || !shape_.dimensions.empty()) {
      return arrow::Status::SerializationError("a dictionary for values of the type ",
                                               type()->ToString());
    }
    if (layout.num_dictionary_items == 0 || layout.num_dictionary_items > kMaxDictionaryItems) {
      return arrow::Status::SerializationError("a dictionary of ", layout.num_dictionary_items,
                                               " items");
    }
    // Made by the writer, indices have 32 bits; other widths are legal.
    LeafShape index_shape;
    index_shape.kind = LeafShape::Kind::kFixed;
    for (const int64_t bits : {32, 8, 16, 64}) {
      index_shape.item_bits = bits;
      auto codec = MiniBlockCodec::Make(*layout.value_compression, index_shape);
      if (codec.ok()) {
        codec_ = *std::move(codec);
        index_bits_ = bits;
        break;
      }
      if (!codec.status().IsSerializationError()) return codec.status();
    }
    if (codec_ == nullptr) {
      return arrow::Status::SerializationError("the encoding ", Describe(*layout.value_compression),
                                               " cannot give dictionary indices");
    }
    const auto& items = *headers[1];
    const bool is_variable = shape_.kind == LeafShape::Kind::kVariable;
    ARROW_ASSIGN_OR_RAISE(
        auto block, DecodeBlock(*layout.dictionary,
                                {is_variable, is_variable ? shape_.offset_bits : shape_.item_bits},
                                {items.data(), static_cast<size_t>(items.size())},
                                static_cast<int64_t>(layout.num_dictionary_items),
                                arrow::default_memory_pool()));
    dictionary_bytes_ = block.data->size() + (is_variable ? block.offsets->size() : 0);
    ARROW_ASSIGN_OR_RAISE(dictionary_, MakeLeafArray(type(), shape_, std::move(block), {}));
    return arrow::Status::OK();
  }

  arrow::Status OpenChunks(const PageMetadata& metadata, const arrow::Buffer& words) {
    const int64_t word_bytes = large_chunks_ ? 4 : 2;
    const int64_t count = words.size() / word_bytes;
    if (count == 0 || words.size() % word_bytes != 0) {
      return arrow::Status::SerializationError("the chunk words have ", words.size(), " bytes");
    }
    first_rows_.reserve(static_cast<size_t>(count) + 1);
    offsets_.reserve(static_cast<size_t>(count) + 1);
    int64_t row = 0;
    int64_t offset = 0;
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* source = words.data() + i * word_bytes;
      const uint32_t word =
          large_chunks_ ? LoadLittleEndian<uint32_t>(source) : LoadLittleEndian<uint16_t>(source);
      const int bits = static_cast<int>(word & 0xf);
      const bool is_last = i + 1 == count;
      const int64_t rows = is_last ? num_rows() - row : int64_t{1} << bits;
      if ((!is_last && bits == 0) || (is_last && bits != 0 && rows != int64_t{1} << bits) ||
          rows <= 0 || rows > kMaxChunkRows) {
        return arrow::Status::SerializationError("chunk ", i, " of ", count, " has ", rows,
                                                 " rows (log2 ", bits, ")");
      }
      if (i == 0) uniform_chunk_bits_ = is_last ? 20 : bits;
      if (!is_last && bits != uniform_chunk_bits_) uniform_chunk_bits_ = -1;
      first_rows_.push_back(row);
      offsets_.push_back(offset);
      row += rows;
      offset += (int64_t{word >> 4} + 1) * 8;
    }
    first_rows_.push_back(row);
    offsets_.push_back(offset);
    // A last chunk may be larger than the others: then rows beyond their size are its too.
    if (row != num_rows() || offset != metadata.buffers[1].size_bytes) {
      return arrow::Status::SerializationError("the chunks have ", row, " rows of ", num_rows(),
                                               " and ", offset, " bytes of ",
                                               metadata.buffers[1].size_bytes);
    }
    data_offset_bytes_ = metadata.buffers[1].offset_bytes;
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> DecodeBytes(Bytes bytes, int64_t num_values,
                                                               arrow::MemoryPool* pool) const {
    ByteReader reader(bytes);
    ARROW_ASSIGN_OR_RAISE(const auto num_levels, reader.Read<uint16_t>());
    uint64_t def_bytes = 0;
    if (def_compression_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(def_bytes, reader.Read<uint16_t>());
    }
    std::vector<uint64_t> sizes;
    for (int i = 0; i < codec_->num_buffers(); ++i) {
      uint64_t size = 0;
      if (large_chunks_) {
        ARROW_ASSIGN_OR_RAISE(size, reader.Read<uint32_t>());
      } else {
        ARROW_ASSIGN_OR_RAISE(size, reader.Read<uint16_t>());
      }
      sizes.push_back(size);
    }
    const auto next = [&](uint64_t size) -> arrow::Result<Bytes> {
      // Parts begin at multiples of 8 bytes of the chunk.
      ARROW_RETURN_NOT_OK(reader.ReadBytes((8 - reader.position() % 8) % 8));
      return reader.ReadBytes(size);
    };
    Validity validity;
    if (def_compression_ != nullptr) {
      if (num_levels != num_values) {
        return arrow::Status::SerializationError("the chunk has ", num_levels, " levels and ",
                                                 num_values, " values");
      }
      ARROW_ASSIGN_OR_RAISE(const auto level_bytes, next(def_bytes));
      ARROW_ASSIGN_OR_RAISE(const auto levels, DecodeBlock(*def_compression_, {false, 16},
                                                           level_bytes, num_values, pool));
      ARROW_ASSIGN_OR_RAISE(validity, ValidityFromLevels({levels.data->data(),
                                                          static_cast<size_t>(levels.data->size())},
                                                         num_values, pool));
    }
    std::vector<Bytes> buffers;
    for (const uint64_t size : sizes) {
      ARROW_ASSIGN_OR_RAISE(const auto buffer, next(size));
      buffers.push_back(buffer);
    }
    ARROW_ASSIGN_OR_RAISE(auto block, codec_->Decode(buffers, num_values, pool));
    if (dictionary_ == nullptr)
      return MakeLeafArray(type(), shape_, std::move(block), std::move(validity));
    return MakeDictionaryArray(block, std::move(validity), pool);
  }

  // Indices and dictionary stay apart: values are looked up only for the rows that are asked for.
  arrow::Result<std::shared_ptr<arrow::ArrayData>> MakeDictionaryArray(
      const ValueBlock& block, Validity validity, arrow::MemoryPool* pool) const {
    const int64_t num_items = dictionary_->length;
    std::shared_ptr<arrow::Buffer> indices;
    switch (index_bits_) {
      case 8: {
        ARROW_ASSIGN_OR_RAISE(indices, CheckIndices<uint8_t>(block, validity, num_items, pool));
        break;
      }
      case 16: {
        ARROW_ASSIGN_OR_RAISE(indices, CheckIndices<uint16_t>(block, validity, num_items, pool));
        break;
      }
      case 32: {
        ARROW_ASSIGN_OR_RAISE(indices, CheckIndices<uint32_t>(block, validity, num_items, pool));
        break;
      }
      default: {
        ARROW_ASSIGN_OR_RAISE(indices, CheckIndices<uint64_t>(block, validity, num_items, pool));
        break;
      }
    }
    auto array = arrow::ArrayData::Make(arrow::dictionary(arrow::int32(), type()), block.num_values,
                                        {std::move(validity.bitmap), std::move(indices)},
                                        validity.null_count);
    array->dictionary = dictionary_;
    return array;
  }

  LeafShape shape_;
  EncodingPtr def_compression_;
  bool large_chunks_ = false;
  std::unique_ptr<MiniBlockCodec> codec_;
  std::shared_ptr<arrow::ArrayData> dictionary_;  // null: the codec gives the values themselves
  int64_t dictionary_bytes_ = 0;
  int64_t index_bits_ = 0;

  std::vector<int64_t> first_rows_;  // of each chunk, and the end
  std::vector<int64_t> offsets_;     // of each chunk in buffer 1, and the end
  int64_t data_offset_bytes_ = 0;
  int uniform_chunk_bits_ = -1;  // log2 of the rows of every chunk but the last, if all are equal
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenChunkPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  auto page = std::make_shared<MiniBlockPage>(metadata.num_rows, std::move(path));
  ARROW_RETURN_NOT_OK(page->Open(metadata, *metadata.layout.As<MiniBlockLayout>(), headers));
  return page;
}

}  // namespace croupier::format
