#include "croupier/format/page/constant_page.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/byte_size.h>

#include "croupier/base/byte_reader.h"
#include "croupier/base/memory_pool.h"
#include "croupier/format/encoding/mini_block_codec.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/rep_def.h"

namespace croupier::format {

namespace {

// Rows of the array that holds the constant over and over, so that long runs are copied in one go.
constexpr int64_t kMaxRepeats = 1024;
constexpr int64_t kMaxRepeatedBytes = 64 << 10;
// Levels that compressed ones may become, whatever they say.
constexpr uint64_t kMaxPageLevels = 1 << 24;

class SameValuePage : public ConstantPage {
 public:
  SameValuePage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : ConstantPage(num_rows, std::move(path)) {}

  arrow::Status Open(const ConstantLayout& layout,
                     const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    const bool has_scalar_buffer = headers.size() == 1 || headers.size() == 3;
    if (layout.inline_value.has_value() && has_scalar_buffer) {
      return arrow::Status::SerializationError("a constant both inline and in a buffer");
    }
    const bool has_value = layout.inline_value.has_value() || has_scalar_buffer;
    if (path()->kind() == LeafKind::kEmptyStruct) return OpenEmptyStruct(has_value);
    ARROW_ASSIGN_OR_RAISE(const auto shape, LeafShape::Of(*type()));
    if (has_value) {
      if (shape.kind == LeafShape::Kind::kNull || !shape.dimensions.empty()) {
        return arrow::Status::SerializationError("a constant of the type ", type()->ToString());
      }
      if (layout.inline_value.has_value()) {
        const auto& value = *layout.inline_value;
        ARROW_RETURN_NOT_OK(
            OpenFixed(shape, {reinterpret_cast<const uint8_t*>(value.data()), value.size()}));
      } else {
        ARROW_RETURN_NOT_OK(
            OpenScalar(shape, {headers[0]->data(), static_cast<size_t>(headers[0]->size())}));
      }
    }
    const bool has_levels = headers.size() >= 2;
    if (!has_value && !has_levels) {
      // All rows are null, in every layer; the page has but the layer of its leaf.
      const auto leaf = LeafPath::Flat(type());
      return PageLevels::Make(*leaf, layout.layers, type()).status();
    }
    const auto array_type = !has_value ? arrow::null()
                            : has_levels && !path()->layers().empty()
                                ? arrow::dictionary(arrow::int32(), type())
                                : value_->type;
    ARROW_ASSIGN_OR_RAISE(const auto levels, PageLevels::Make(*path(), layout.layers, array_type));
    if (has_levels) {
      return OpenLevels(layout, levels, *headers[headers.size() - 2], *headers.back());
    }
    return NestValue(levels);
  }

  int64_t memory_bytes() const override {
    return (value_ != nullptr ? kMaxRepeatedBytes : 0) +
           (validity_.bitmap != nullptr ? validity_.bitmap->size() : 0) +
           (rows_.array != nullptr ? arrow::util::TotalBufferSize(*rows_.array) : 0);
  }

  arrow::Status Decode(std::span<const RowRun> runs, ColumnAssembler* assembler) const override {
    if (rows_.array != nullptr) return assembler->Append(rows_, runs);
    if (value_ == nullptr) return assembler->AppendNulls(runs);
    std::vector<RowRun> valid;
    std::vector<RowRun> null;
    for (const RowRun& run : runs) SplitRun(run, &valid, &null);
    ARROW_RETURN_NOT_OK(assembler->Append({value_}, valid));
    return null.empty() ? arrow::Status::OK() : assembler->AppendNulls(null);
  }

 private:
  // Structs without members are all valid, and so is what is above them: their pages do not say.
  arrow::Status OpenEmptyStruct(bool has_value) {
    if (has_value) {
      return arrow::Status::SerializationError("a constant of the type ", type()->ToString());
    }
    if (path()->num_lists() > 0) {
      return arrow::Status::NotImplemented("cannot read lists of nothing but empty structs: ",
                                           path()->type()->ToString());
    }
    value_ = arrow::ArrayData::Make(type(), kMaxRepeats, {nullptr}, 0);
    const std::vector<RepDefLayer> layers(path()->layers().size() + 1, RepDefLayer::kAllValidItem);
    ARROW_ASSIGN_OR_RAISE(const auto levels, PageLevels::Make(*path(), layers, type()));
    return NestValue(levels);
  }

  // Put the repeated value into its layers, which are all valid.
  arrow::Status NestValue(const PageLevels& levels) {
    if (levels.is_flat()) return arrow::Status::OK();
    if (levels.max_rep() > 0) {
      return arrow::Status::SerializationError("lists without repetition levels");
    }
    const Levels none{nullptr, nullptr, value_->length};
    ARROW_ASSIGN_OR_RAISE(auto nesting, levels.Unravel(none, value_->length, DefaultMemoryPool()));
    value_ = levels.Nest(std::move(nesting), value_->Copy()).array;
    return arrow::Status::OK();
  }

  arrow::Status OpenLevels(const ConstantLayout& layout, const PageLevels& page_levels,
                           const arrow::Buffer& rep_bytes, const arrow::Buffer& def_bytes) {
    auto* pool = DefaultMemoryPool();
    ARROW_ASSIGN_OR_RAISE(auto rep,
                          DecodeLevels(layout.rep_compression, layout.num_rep_values, rep_bytes));
    ARROW_ASSIGN_OR_RAISE(const auto def,
                          DecodeLevels(layout.def_compression, layout.num_def_values, def_bytes));
    Levels levels;
    levels.count = def != nullptr ? def->size() / 2 : rep != nullptr ? rep->size() / 2 : num_rows();
    if (rep == nullptr && page_levels.max_rep() > 0) {
      // No list has an item, so that every entry is a row.
      ARROW_ASSIGN_OR_RAISE(rep, arrow::AllocateBuffer(2 * levels.count, pool));
      auto* begin = reinterpret_cast<uint16_t*>(rep->mutable_data());
      std::fill(begin, begin + levels.count, page_levels.max_rep());
    }
    if (rep != nullptr && page_levels.max_rep() == 0) {
      return arrow::Status::SerializationError("repetition levels without lists");
    }
    if (rep != nullptr && rep->size() / 2 != levels.count) {
      return arrow::Status::SerializationError(rep->size() / 2, " repetition and ", levels.count,
                                               " definition levels");
    }
    if (rep != nullptr) levels.rep = reinterpret_cast<const uint16_t*>(rep->data());
    if (def != nullptr) levels.def = reinterpret_cast<const uint16_t*>(def->data());
    const int64_t num_items = page_levels.CountValues(levels);
    ARROW_ASSIGN_OR_RAISE(auto nesting, page_levels.Unravel(levels, num_items, pool));
    if (nesting.num_rows != num_rows() || nesting.continued_lists > 0) {
      return arrow::Status::SerializationError("the levels are those of ", nesting.num_rows,
                                               " rows, the page has ", num_rows());
    }
    if (page_levels.is_flat()) {
      validity_ = std::move(nesting.leaf);
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto leaf, RepeatValue(num_items, std::move(nesting.leaf)));
    rows_ = page_levels.Nest(std::move(nesting), std::move(leaf));
    return arrow::Status::OK();
  }

  // Levels of 16 bits; null if there are none.
  static arrow::Result<std::shared_ptr<arrow::Buffer>> DecodeLevels(const EncodingPtr& encoding,
                                                                    uint64_t count,
                                                                    const arrow::Buffer& buffer) {
    if (buffer.size() == 0 && (encoding == nullptr || count == 0)) return nullptr;
    auto* pool = DefaultMemoryPool();
    const Bytes bytes{buffer.data(), static_cast<size_t>(buffer.size())};
    if (encoding == nullptr) {
      if (bytes.size() % 2 != 0) {
        return arrow::Status::SerializationError(bytes.size(), " bytes of levels");
      }
      return CopyBytes(bytes, pool);
    }
    if (count > kMaxPageLevels) {
      return arrow::Status::SerializationError("a page of ", count, " levels");
    }
    ARROW_ASSIGN_OR_RAISE(
        auto block, DecodeBlock(*encoding, {false, 16}, bytes, static_cast<int64_t>(count), pool));
    return std::move(block.data);
  }

  // The leaf of a page with levels: indices that all point at the value, or nothing but nulls.
  arrow::Result<std::shared_ptr<arrow::ArrayData>> RepeatValue(int64_t num_items,
                                                               Validity validity) const {
    if (value_ == nullptr) {
      return arrow::ArrayData::Make(arrow::null(), num_items, {nullptr}, num_items);
    }
    ARROW_ASSIGN_OR_RAISE(auto indices,
                          arrow::AllocateEmptyBitmap(num_items * 32, DefaultMemoryPool()));
    auto leaf = arrow::ArrayData::Make(arrow::dictionary(arrow::int32(), type()), num_items,
                                       {std::move(validity.bitmap), std::move(indices)},
                                       validity.null_count);
    leaf->dictionary = value_->dictionary != nullptr ? value_->dictionary : value_->Copy();
    return leaf;
  }

  // One value, many times over.
  arrow::Status OpenFixed(const LeafShape& shape, Bytes value) {
    if (shape.kind != LeafShape::Kind::kFixed ||
        std::ssize(value) != BytesForValues(1, shape.item_bits)) {
      return arrow::Status::SerializationError("a constant of ", value.size(),
                                               " bytes for the type ", type()->ToString());
    }
    const int64_t num_repeats = std::clamp<int64_t>(
        kMaxRepeatedBytes / std::max<int64_t>(std::ssize(value), 1), 1, kMaxRepeats);
    ValueBlock block;
    block.num_values = num_repeats;
    if (shape.item_bits == 1) {
      ARROW_ASSIGN_OR_RAISE(auto bits,
                            arrow::AllocateEmptyBitmap(num_repeats, DefaultMemoryPool()));
      if ((value[0] & 1) != 0) {
        std::memset(bits->mutable_data(), 0xff, static_cast<size_t>(bits->size()));
      }
      block.data = std::move(bits);
    } else {
      ARROW_ASSIGN_OR_RAISE(
          auto bytes, arrow::AllocateBuffer(num_repeats * std::ssize(value), DefaultMemoryPool()));
      for (int64_t i = 0; i < num_repeats; ++i) {
        std::memcpy(bytes->mutable_data() + i * std::ssize(value), value.data(), value.size());
      }
      block.data = std::move(bytes);
    }
    ARROW_ASSIGN_OR_RAISE(value_, MakeLeafArray(type(), shape, std::move(block), {}));
    return arrow::Status::OK();
  }

  // u32 n; u32 length of each of n Arrow buffers; the buffers, without validity.
  arrow::Status OpenScalar(const LeafShape& shape, Bytes scalar) {
    ByteReader reader(scalar);
    ARROW_ASSIGN_OR_RAISE(const auto num_buffers, reader.Read<uint32_t>());
    const bool is_variable = shape.kind == LeafShape::Kind::kVariable;
    if (num_buffers != (is_variable ? 2u : 1u)) {
      return arrow::Status::SerializationError("a constant of ", num_buffers,
                                               " buffers for the type ", type()->ToString());
    }
    std::vector<uint32_t> lengths;
    for (uint32_t i = 0; i < num_buffers; ++i) {
      ARROW_ASSIGN_OR_RAISE(const auto length, reader.Read<uint32_t>());
      lengths.push_back(length);
    }
    ARROW_ASSIGN_OR_RAISE(const auto first, reader.ReadBytes(lengths[0]));
    if (!is_variable) return OpenFixed(shape, first);
    ARROW_ASSIGN_OR_RAISE(const auto bytes, reader.ReadBytes(lengths[1]));
    if (std::ssize(first) < 2 * shape.offset_bits / 8) {
      return arrow::Status::SerializationError("a constant with ", first.size(),
                                               " bytes of offsets");
    }
    const auto offset = [&](size_t i) -> uint64_t {
      return shape.offset_bits == 32 ? LoadLittleEndian<uint32_t>(first.data() + 4 * i)
                                     : LoadLittleEndian<uint64_t>(first.data() + 8 * i);
    };
    if (offset(0) > offset(1) || offset(1) > bytes.size()) {
      return arrow::Status::SerializationError("a constant from ", offset(0), " to ", offset(1),
                                               " of ", bytes.size(), " bytes");
    }
    return OpenVariable(shape, bytes.subspan(offset(0), offset(1) - offset(0)));
  }

  // One value in a dictionary, and indices that all point at it.
  arrow::Status OpenVariable(const LeafShape& shape, Bytes value) {
    auto* pool = DefaultMemoryPool();
    ValueBlock item;
    item.num_values = 1;
    ARROW_ASSIGN_OR_RAISE(item.data, CopyBytes(value, pool));
    ARROW_ASSIGN_OR_RAISE(auto offsets, arrow::AllocateEmptyBitmap(2 * shape.offset_bits, pool));
    const auto size = static_cast<uint64_t>(value.size());
    std::memcpy(offsets->mutable_data() + shape.offset_bits / 8, &size,
                static_cast<size_t>(shape.offset_bits / 8));
    item.offsets = std::move(offsets);
    ARROW_ASSIGN_OR_RAISE(auto dictionary, MakeLeafArray(type(), shape, std::move(item), {}));
    ARROW_ASSIGN_OR_RAISE(auto indices, arrow::AllocateEmptyBitmap(kMaxRepeats * 32, pool));
    auto array = arrow::ArrayData::Make(arrow::dictionary(arrow::int32(), type()), kMaxRepeats,
                                        {nullptr, std::move(indices)}, 0);
    array->dictionary = std::move(dictionary);
    value_ = std::move(array);
    return arrow::Status::OK();
  }

  // Cut a run into valid rows, which all come from the front of value_, and null rows.
  void SplitRun(RowRun run, std::vector<RowRun>* valid, std::vector<RowRun>* null) const {
    for (uint32_t i = 0; i < run.count;) {
      const auto is_valid = [&](uint32_t k) {
        return validity_.bitmap == nullptr ||
               arrow::bit_util::GetBit(validity_.bitmap->data(), int64_t{run.row} + k);
      };
      const bool first = is_valid(i);
      uint32_t end = i + 1;
      if (validity_.bitmap == nullptr) {
        end = run.count;
      } else {
        while (end < run.count && is_valid(end) == first) ++end;
      }
      for (; first && i < end;) {
        const auto count = static_cast<uint32_t>(std::min<int64_t>(end - i, value_->length));
        valid->push_back({0, run.slot + i, count});
        i += count;
      }
      if (!first) null->push_back({0, run.slot + i, end - i});
      i = end;
    }
  }

  // The value over and over, in its layers unless rows_ are set; null: every value is null.
  std::shared_ptr<const arrow::ArrayData> value_;
  Validity validity_;  // of the rows of a page without layers above its leaf
  DecodedRows rows_;   // all of the page, if it has such layers and levels
};

}  // namespace

arrow::Result<std::shared_ptr<const Page>> OpenConstantPage(
    const PageMetadata& metadata, std::shared_ptr<const LeafPath> path,
    const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
  auto page = std::make_shared<SameValuePage>(metadata.num_rows, std::move(path));
  ARROW_RETURN_NOT_OK(page->Open(*metadata.layout.As<ConstantLayout>(), headers));
  return page;
}

}  // namespace croupier::format
