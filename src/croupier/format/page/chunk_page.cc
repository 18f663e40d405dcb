#include "croupier/format/page/chunk_page.h"

#include <algorithm>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/mini_block_codec.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/rep_def.h"

namespace croupier::format {

namespace {

constexpr int64_t kMaxChunkItems = 1 << 20;
constexpr int64_t kMaxChunkLevels = 1 << 23;
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
    ARROW_ASSIGN_OR_RAISE(shape_, LeafShape::OfStored(*type()));
    rep_compression_ = layout.rep_compression;
    def_compression_ = layout.def_compression;
    large_chunks_ = layout.has_large_chunk;
    ARROW_RETURN_NOT_OK(OpenValues(layout, headers));
    if (static_cast<uint64_t>(codec_->num_buffers()) != layout.num_buffers) {
      return arrow::Status::SerializationError(
          "a chunk has ", layout.num_buffers, " value buffers, the encoding ",
          Describe(*layout.value_compression), " has ", codec_->num_buffers());
    }
    const auto array_type =
        dictionary_ == nullptr ? type() : arrow::dictionary(arrow::int32(), type());
    ARROW_ASSIGN_OR_RAISE(levels_, PageLevels::Make(*path(), layout.layers, array_type));
    const bool has_lists = path()->num_lists() > 0;
    if (has_lists != (rep_compression_ != nullptr) ||
        has_lists != (layout.repetition_index_depth != 0)) {
      return arrow::Status::SerializationError(
          "repetition levels or their index are missing, or are there without lists");
    }
    if (!has_lists && layout.num_items != static_cast<uint64_t>(num_rows())) {
      return arrow::Status::SerializationError("the page has ", layout.num_items, " items and ",
                                               num_rows(), " rows");
    }
    if (layout.num_items > INT64_MAX) {
      return arrow::Status::SerializationError("the page has ", layout.num_items, " items");
    }
    ARROW_RETURN_NOT_OK(OpenChunks(metadata, static_cast<int64_t>(layout.num_items), *headers[0]));
    return has_lists ? OpenRepetitionIndex(layout.repetition_index_depth, *headers.back())
                     : arrow::Status::OK();
  }

  int64_t memory_bytes() const override {
    return static_cast<int64_t>((first_items_.size() + offsets_.size() + row_starts_.size()) *
                                sizeof(int64_t)) +
           dictionary_bytes_;
  }

  int64_t num_chunks() const override { return std::ssize(offsets_) - 1; }

  Chunk chunk(int64_t chunk_index) const override {
    const auto i = static_cast<size_t>(chunk_index);
    const ByteRange bytes{data_offset_bytes_ + offsets_[i], offsets_[i + 1] - offsets_[i]};
    if (row_starts_.empty()) {
      return {first_items_[i], first_items_[i + 1] - first_items_[i], bytes};
    }
    const int64_t first_row = row_starts_[i] - continues_[i];
    return {first_row, row_starts_[i + 1] - first_row, bytes};
  }

  int64_t ChunkOf(int64_t row) const override {
    if (!row_starts_.empty()) {
      // Of chunks in which no row begins, and the one after them, this finds the last.
      return std::upper_bound(row_starts_.begin(), row_starts_.end(), row) - row_starts_.begin() -
             1;
    }
    if (uniform_chunk_bits_ >= 0) return std::min(row >> uniform_chunk_bits_, num_chunks() - 1);
    return std::upper_bound(first_items_.begin(), first_items_.end(), row) - first_items_.begin() -
           1;
  }

  arrow::Result<DecodedRows> DecodeChunk(int64_t chunk_index, Bytes bytes,
                                         arrow::MemoryPool* pool) const override {
    auto decoded = DecodeBytes(chunk_index, bytes, pool);
    if (!decoded.ok()) {
      return decoded.status().WithMessage("chunk ", chunk_index, ": ", decoded.status().message());
    }
    return decoded;
  }

 private:
  arrow::Status OpenValues(const MiniBlockLayout& layout,
                           const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    const bool is_dictionary_type = shape_.kind == LeafShape::Kind::kDictionary;
    if (layout.dictionary == nullptr) {
      if (is_dictionary_type) {
        return arrow::Status::NotImplemented(
            "cannot read a page of a dictionary column without a dictionary");
      }
      ARROW_ASSIGN_OR_RAISE(codec_, MiniBlockCodec::Make(*layout.value_compression, shape_));
      return arrow::Status::OK();
    }
    const LeafShape& item_shape = is_dictionary_type ? shape_.members[0] : shape_;
    if (!item_shape.is_plain()) {
      return arrow::Status::SerializationError("a dictionary for values of the type ",
                                               type()->ToString());
    }
    if (layout.num_dictionary_items == 0 || layout.num_dictionary_items > kMaxDictionaryItems) {
      return arrow::Status::SerializationError("a dictionary of ", layout.num_dictionary_items,
                                               " items");
    }
    // Made by the writer, indices have 32 bits; those of dictionary columns are as wide as its type
    // says.
    for (const int64_t bits : {32, 8, 16, 64}) {
      auto codec = MiniBlockCodec::Make(*layout.value_compression, LeafShape::Fixed(bits));
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
    const bool is_variable = item_shape.kind == LeafShape::Kind::kVariable;
    ARROW_ASSIGN_OR_RAISE(
        auto block,
        DecodeBlock(*layout.dictionary,
                    {is_variable, is_variable ? item_shape.offset_bits : item_shape.item_bits},
                    {items.data(), static_cast<size_t>(items.size())},
                    static_cast<int64_t>(layout.num_dictionary_items), DefaultMemoryPool()));
    dictionary_bytes_ = block.data->size() + (is_variable ? block.offsets->size() : 0);
    item_type_ = is_dictionary_type
                     ? static_cast<const arrow::DictionaryType&>(*type()).value_type()
                     : type();
    ARROW_ASSIGN_OR_RAISE(dictionary_, MakeLeafArray(item_type_, item_shape, std::move(block), {}));
    return arrow::Status::OK();
  }

  arrow::Status OpenChunks(const PageMetadata& metadata, int64_t num_items,
                           const arrow::Buffer& words) {
    const int64_t word_bytes = large_chunks_ ? 4 : 2;
    const int64_t count = words.size() / word_bytes;
    if (count == 0 || words.size() % word_bytes != 0) {
      return arrow::Status::SerializationError("the chunk words have ", words.size(), " bytes");
    }
    first_items_.reserve(static_cast<size_t>(count) + 1);
    offsets_.reserve(static_cast<size_t>(count) + 1);
    int64_t item = 0;
    int64_t offset = 0;
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* source = words.data() + i * word_bytes;
      const uint32_t word =
          large_chunks_ ? LoadLittleEndian<uint32_t>(source) : LoadLittleEndian<uint16_t>(source);
      const int bits = static_cast<int>(word & 0xf);
      const bool is_last = i + 1 == count;
      const int64_t items = is_last ? num_items - item : int64_t{1} << bits;
      if ((!is_last && bits == 0) || (is_last && bits != 0 && items != int64_t{1} << bits) ||
          items <= 0 || items > kMaxChunkItems) {
        return arrow::Status::SerializationError("chunk ", i, " of ", count, " has ", items,
                                                 " items (log2 ", bits, ")");
      }
      if (i == 0) uniform_chunk_bits_ = is_last ? 20 : bits;
      if (!is_last && bits != uniform_chunk_bits_) uniform_chunk_bits_ = -1;
      first_items_.push_back(item);
      offsets_.push_back(offset);
      item += items;
      offset += (int64_t{word >> 4} + 1) * 8;
    }
    first_items_.push_back(item);
    offsets_.push_back(offset);
    // A last chunk may be larger than the others: then items beyond their size are its too.
    if (item != num_items || offset != metadata.buffers[1].size_bytes) {
      return arrow::Status::SerializationError("the chunks have ", item, " items of ", num_items,
                                               " and ", offset, " bytes of ",
                                               metadata.buffers[1].size_bytes);
    }
    data_offset_bytes_ = metadata.buffers[1].offset_bytes;
    return arrow::Status::OK();
  }

  // For each chunk: u64 rows that end in it, u64 levels of the row that goes on in the next chunk.
  arrow::Status OpenRepetitionIndex(uint32_t depth, const arrow::Buffer& index) {
    if (depth != 1) {
      return arrow::Status::NotImplemented("cannot read a repetition index of the depth ", depth);
    }
    if (index.size() != 16 * num_chunks()) {
      return arrow::Status::SerializationError("the repetition index of ", num_chunks(),
                                               " chunks has ", index.size(), " bytes");
    }
    const auto bad_index = [](int64_t i) {
      return arrow::Status::SerializationError("the repetition index is wrong at chunk ", i);
    };
    int64_t row = 0;
    bool continues = false;
    for (int64_t i = 0; i < num_chunks(); ++i) {
      const auto num_ended = LoadLittleEndian<uint64_t>(index.data() + 16 * i);
      const bool goes_on = LoadLittleEndian<uint64_t>(index.data() + 16 * i + 8) != 0;
      if (num_ended > static_cast<uint64_t>(num_rows())) return bad_index(i);
      const int64_t num_begun = static_cast<int64_t>(num_ended) + goes_on - continues;
      if (num_begun < 0 || num_begun + continues == 0 || num_begun > num_rows() - row) {
        return bad_index(i);
      }
      row_starts_.push_back(row);
      continues_.push_back(continues);
      row += num_begun;
      continues = goes_on;
    }
    row_starts_.push_back(row);
    if (row != num_rows() || continues) return bad_index(num_chunks() - 1);
    return arrow::Status::OK();
  }

  // The bytes of one chunk, cut at its buffers.
  struct ChunkBytes {
    int64_t num_levels = 0;
    Bytes rep;
    Bytes def;
    std::vector<Bytes> values;
  };

  arrow::Result<ChunkBytes> CutChunk(Bytes bytes) const {
    ChunkBytes chunk;
    ByteReader reader(bytes);
    ARROW_ASSIGN_OR_RAISE(chunk.num_levels, reader.Read<uint16_t>());
    uint64_t rep_bytes = 0;
    if (rep_compression_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(rep_bytes, reader.Read<uint16_t>());
    }
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
    if (rep_compression_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(chunk.rep, next(rep_bytes));
    }
    if (def_compression_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(chunk.def, next(def_bytes));
    }
    for (const uint64_t size : sizes) {
      ARROW_ASSIGN_OR_RAISE(const auto buffer, next(size));
      chunk.values.push_back(buffer);
    }
    return chunk;
  }

  arrow::Result<DecodedRows> DecodeBytes(int64_t chunk_index, Bytes bytes,
                                         arrow::MemoryPool* pool) const {
    const auto i = static_cast<size_t>(chunk_index);
    const int64_t num_items = first_items_[i + 1] - first_items_[i];
    ARROW_ASSIGN_OR_RAISE(auto chunk, CutChunk(bytes));
    ARROW_ASSIGN_OR_RAISE(auto nesting, DecodeLevels(chunk, num_items, pool));
    if (!row_starts_.empty()) {
      const int64_t num_rows = this->chunk(chunk_index).num_rows;
      if (nesting.num_rows != num_rows || (nesting.continued_lists > 0) != continues_[i]) {
        return arrow::Status::SerializationError(
            "the levels are those of ", nesting.num_rows, " rows, the repetition index has ",
            num_rows, ", or a row goes on from the chunk before in only one of them");
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto block, codec_->Decode(chunk.values, num_items, pool));
    std::shared_ptr<arrow::ArrayData> leaf;
    if (dictionary_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(
          leaf, MakeLeafArray(type(), shape_, std::move(block), std::move(nesting.leaf)));
    } else {
      ARROW_ASSIGN_OR_RAISE(leaf, MakeDictionaryArray(block, std::move(nesting.leaf), pool));
    }
    return levels_.Nest(std::move(nesting), std::move(leaf));
  }

  arrow::Result<Nesting> DecodeLevels(const ChunkBytes& chunk, int64_t num_items,
                                      arrow::MemoryPool* pool) const {
    Levels levels;
    std::shared_ptr<arrow::Buffer> rep;
    std::shared_ptr<arrow::Buffer> def;
    levels.count = num_items;
    if (rep_compression_ != nullptr || def_compression_ != nullptr) {
      levels.count = chunk.num_levels;
    }
    if (rep_compression_ != nullptr) {
      ARROW_RETURN_NOT_OK(RepairCount(*rep_compression_, chunk.rep, &levels.count));
      ARROW_ASSIGN_OR_RAISE(rep,
                            DecodeLevelBlock(*rep_compression_, chunk.rep, levels.count, pool));
      levels.rep = reinterpret_cast<const uint16_t*>(rep->data());
    }
    if (def_compression_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(def,
                            DecodeLevelBlock(*def_compression_, chunk.def, levels.count, pool));
      levels.def = reinterpret_cast<const uint16_t*>(def->data());
    }
    return levels_.Unravel(levels, num_items, pool);
  }

  static arrow::Result<std::shared_ptr<arrow::Buffer>> DecodeLevelBlock(
      const CompressiveEncoding& encoding, Bytes bytes, int64_t count, arrow::MemoryPool* pool) {
    ARROW_ASSIGN_OR_RAISE(auto block, DecodeBlock(encoding, {false, 16}, bytes, count, pool));
    return std::move(block.data);
  }

  // A released writer let the count of levels overflow 16 bits where they are runs; these know.
  static arrow::Status RepairCount(const CompressiveEncoding& encoding, Bytes bytes,
                                   int64_t* count) {
    if (encoding.As<RleEncoding>() == nullptr || bytes.size() < 8) return arrow::Status::OK();
    const auto value_bytes = LoadLittleEndian<uint64_t>(bytes.data());
    if (value_bytes > bytes.size() - 8) return arrow::Status::OK();  // an error of its decoder
    int64_t sum = 0;
    for (const uint8_t length : bytes.subspan(8 + static_cast<size_t>(value_bytes))) sum += length;
    if (sum <= *count || sum % (1 << 16) != *count) return arrow::Status::OK();
    if (sum > kMaxChunkLevels) {
      return arrow::Status::SerializationError("a chunk of ", sum, " levels");
    }
    *count = sum;
    return arrow::Status::OK();
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
    auto array = arrow::ArrayData::Make(
        arrow::dictionary(arrow::int32(), item_type_), block.num_values,
        {std::move(validity.bitmap), std::move(indices)}, validity.null_count);
    array->dictionary = dictionary_;
    return array;
  }

  LeafShape shape_;
  PageLevels levels_;
  EncodingPtr rep_compression_;  // null: no repetition levels
  EncodingPtr def_compression_;  // null: no definition levels
  bool large_chunks_ = false;
  std::unique_ptr<MiniBlockCodec> codec_;
  std::shared_ptr<arrow::DataType> item_type_;    // of the dictionary
  std::shared_ptr<arrow::ArrayData> dictionary_;  // null: the codec gives the values themselves
  int64_t dictionary_bytes_ = 0;
  int64_t index_bits_ = 0;

  std::vector<int64_t> first_items_;  // of each chunk, and the end; without lists they are rows
  std::vector<int64_t> offsets_;      // of each chunk in buffer 1, and the end
  int64_t data_offset_bytes_ = 0;
  int uniform_chunk_bits_ = -1;  // log2 of the items of every chunk but the last, if all are equal
  // With lists:
  std::vector<int64_t>
      row_starts_;               // the first row that begins in or after each chunk, and the end
  std::vector<bool> continues_;  // whether each chunk begins with the rest of a row
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
