#include "croupier/format/page/constant_page.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/byte_reader.h"
#include "croupier/format/page/leaf_array.h"
#include "croupier/format/page/leaf_shape.h"
#include "croupier/format/page/rep_def.h"

namespace croupier::format {

namespace {

// Rows of the array that holds the constant over and over, so that long runs are copied in one go.
constexpr int64_t kMaxRepeats = 1024;
constexpr int64_t kMaxRepeatedBytes = 64 << 10;

class SameValuePage : public ConstantPage {
 public:
  SameValuePage(int64_t num_rows, std::shared_ptr<const LeafPath> path)
      : ConstantPage(num_rows, std::move(path)) {}

  arrow::Status Open(const ConstantLayout& layout,
                     const std::vector<std::shared_ptr<arrow::Buffer>>& headers) {
    ARROW_ASSIGN_OR_RAISE(const auto shape, LeafShape::Of(*type()));
    ARROW_RETURN_NOT_OK(CheckLeafLayers(layout.layers).status());
    const bool has_scalar_buffer = headers.size() == 1 || headers.size() == 3;
    if (layout.inline_value.has_value() && has_scalar_buffer) {
      return arrow::Status::SerializationError("a constant both inline and in a buffer");
    }
    if (!layout.inline_value.has_value() && !has_scalar_buffer) {
      return arrow::Status::OK();  // no valid value: levels say nothing more about a leaf
    }
    if (shape.kind == LeafShape::Kind::kNull || !shape.dimensions.empty()) {
      return arrow::Status::SerializationError("a constant of the type ", type()->ToString());
    }
    if (headers.size() >= 2) {
      ARROW_RETURN_NOT_OK(OpenLevels(*headers[headers.size() - 2], *headers.back()));
    }
    if (layout.inline_value.has_value()) {
      const auto& value = *layout.inline_value;
      return OpenFixed(shape, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
    }
    return OpenScalar(shape, {headers[0]->data(), static_cast<size_t>(headers[0]->size())});
  }

  int64_t memory_bytes() const override {
    return (value_ != nullptr ? kMaxRepeatedBytes : 0) +
           (validity_.bitmap != nullptr ? validity_.bitmap->size() : 0);
  }

  arrow::Status Decode(std::span<const RowRun> runs, ColumnAssembler* assembler) const override {
    if (value_ == nullptr) return assembler->AppendNulls(runs);
    std::vector<RowRun> valid;
    std::vector<RowRun> null;
    for (const RowRun& run : runs) SplitRun(run, &valid, &null);
    ARROW_RETURN_NOT_OK(assembler->Append({value_}, valid));
    return null.empty() ? arrow::Status::OK() : assembler->AppendNulls(null);
  }

 private:
  arrow::Status OpenLevels(const arrow::Buffer& rep, const arrow::Buffer& def) {
    if (rep.size() != 0) return arrow::Status::NotImplemented("cannot read values below lists yet");
    if (def.size() == 0) return arrow::Status::OK();
    if (def.size() != 2 * num_rows()) {
      return arrow::Status::SerializationError(def.size(), " bytes of definition levels for ",
                                               num_rows(), " rows");
    }
    ARROW_ASSIGN_OR_RAISE(
        validity_, ValidityFromLevels({def.data(), static_cast<size_t>(def.size())}, num_rows(),
                                      arrow::default_memory_pool()));
    return arrow::Status::OK();
  }

  // One value, many times over.
  arrow::Status OpenFixed(const LeafShape& shape, Bytes value) {
    if (shape.kind != LeafShape::Kind::kFixed ||
        std::ssize(value) != BytesForValues(1, shape.item_bits)) {
      return arrow::Status::SerializationError("a constant of ", value.size(),
                                               " bytes for the type ", type()->ToString());
    }
    const int64_t num_repeats =
        std::clamp<int64_t>(kMaxRepeatedBytes / std::ssize(value), 1, kMaxRepeats);
    ValueBlock block;
    block.num_values = num_repeats;
    if (shape.item_bits == 1) {
      ARROW_ASSIGN_OR_RAISE(auto bits, arrow::AllocateEmptyBitmap(num_repeats));
      if ((value[0] & 1) != 0) {
        std::memset(bits->mutable_data(), 0xff, static_cast<size_t>(bits->size()));
      }
      block.data = std::move(bits);
    } else {
      ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::AllocateBuffer(num_repeats * std::ssize(value)));
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
    auto* pool = arrow::default_memory_pool();
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

  std::shared_ptr<const arrow::ArrayData> value_;  // null: every row is null
  Validity validity_;                              // of the rows of the page
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
