#include <limits>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>

#include "croupier/base/memory_pool.h"
#include "croupier/format/page/array_values.h"

namespace croupier::format {

namespace {

/// Indices into the items of the page. For Arrow dictionaries index k is item k; for strings 0 is
/// null, and k is item k - 1. A row whose item is null is null.
class DictionaryArrayValues : public ArrayValues {
 public:
  arrow::Status Open(const DictionaryArray& encoding, const std::shared_ptr<arrow::DataType>& type,
                     int64_t num_rows, const ArrayBuffers& buffers) {
    const bool is_arrow_dictionary = type->id() == arrow::Type::DICTIONARY;
    const auto& value_type =
        is_arrow_dictionary ? static_cast<const arrow::DictionaryType&>(*type).value_type() : type;
    first_index_ = is_arrow_dictionary ? 0 : 1;
    type_ = arrow::dictionary(arrow::int32(), value_type);
    const auto* flat = encoding.indices->WithoutNoNulls().As<FlatArray>();
    if (flat != nullptr &&
        (flat->bits_per_value == 8 || flat->bits_per_value == 16 || flat->bits_per_value == 32)) {
      index_bits_ = static_cast<int64_t>(flat->bits_per_value);
    }
    ARROW_ASSIGN_OR_RAISE(data_, LocateFlat(*encoding.indices, index_bits_, num_rows, buffers));
    return OpenItems(encoding, value_type, buffers);
  }

  int64_t memory_bytes() const override { return memory_bytes_; }
  int64_t mean_row_bits() const override { return index_bits_; }
  int64_t row_alignment() const override { return 1; }

  ByteRange DataRange(int64_t begin, int64_t end) const override {
    return {data_.offset_bytes + begin * index_bits_ / 8, (end - begin) * index_bits_ / 8};
  }

  arrow::Result<std::shared_ptr<arrow::ArrayData>> Decode(int64_t begin, int64_t end, Bytes bytes,
                                                          arrow::MemoryPool* pool) const override {
    const int64_t num_rows = end - begin;
    if (std::ssize(bytes) != DataRange(begin, end).size_bytes) {
      return arrow::Status::SerializationError("dictionary indices are cut off");
    }
    const FlatIntegers stored{bytes, index_bits_};
    ARROW_ASSIGN_OR_RAISE(auto indices, arrow::AllocateBuffer(num_rows * 4, pool));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> validity,
                          arrow::AllocateEmptyBitmap(num_rows, pool));
    const auto num_items = static_cast<uint64_t>(num_items_);
    const auto num_kept_items = static_cast<uint64_t>(items_->length);
    const uint8_t* item_validity =
        items_->buffers[0] != nullptr ? items_->buffers[0]->data() : nullptr;
    auto* out = reinterpret_cast<int32_t*>(indices->mutable_data());
    int64_t null_count = 0;
    for (int64_t i = 0; i < num_rows; ++i) {
      const uint64_t index = stored[i] - first_index_;  // of null: the largest of all
      const bool is_null = first_index_ == 1 && stored[i] == 0;
      if (!is_null && index >= num_items) {
        return arrow::Status::SerializationError("a dictionary index is out of range: ", stored[i],
                                                 " of ", num_items, " items");
      }
      // Items behind those that are kept are null.
      const bool is_valid = !is_null && index < num_kept_items &&
                            (item_validity == nullptr ||
                             arrow::bit_util::GetBit(item_validity, static_cast<int64_t>(index)));
      out[i] = is_valid ? static_cast<int32_t>(index) : 0;
      if (is_valid) {
        arrow::bit_util::SetBit(validity->mutable_data(), i);
      } else {
        ++null_count;
      }
    }
    if (null_count == 0) validity.reset();
    auto array = arrow::ArrayData::Make(type_, num_rows, {std::move(validity), std::move(indices)},
                                        null_count);
    array->dictionary = items_;
    return array;
  }

 private:
  arrow::Status OpenItems(const DictionaryArray& encoding,
                          const std::shared_ptr<arrow::DataType>& value_type,
                          const ArrayBuffers& buffers) {
    const int64_t num_items = encoding.num_dictionary_items;
    num_items_ = num_items;
    const auto* nullable = encoding.items->As<NullableArray>();
    const bool all_are_null = nullable != nullptr && nullable->values == nullptr;
    if (all_are_null && first_index_ == 0 && num_items > 0) {
      ARROW_ASSIGN_OR_RAISE(const auto none,
                            arrow::MakeEmptyArray(value_type, DefaultMemoryPool()));
      items_ = none->data();
      return arrow::Status::OK();
    }
    // Strings take no bytes of the file that would be decoded twice.
    if (num_items == 0 || num_items > std::numeric_limits<int32_t>::max() || all_are_null ||
        encoding.items->WithoutNoNulls().As<DictionaryArray>() != nullptr) {
      return arrow::Status::NotImplemented("cannot read a dictionary of ", num_items,
                                           " items in the encoding ", Describe(*encoding.items));
    }
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          ArrayValues::Open(*encoding.items, value_type, num_items, buffers));
    ARROW_ASSIGN_OR_RAISE(const Bytes bytes, buffers.Slice(values->DataRange(0, num_items)));
    ARROW_ASSIGN_OR_RAISE(items_, values->Decode(0, num_items, bytes, DefaultMemoryPool()));
    if (first_index_ == 0) LeaveOutLastNulls();
    for (const auto& buffer : items_->buffers) {
      if (buffer != nullptr) memory_bytes_ += buffer->size();
    }
    return arrow::Status::OK();
  }

  // Null rows of an Arrow dictionary point to a null item behind all others, which Arrow does not
  // need and cannot unify.
  void LeaveOutLastNulls() {
    const uint8_t* validity = items_->buffers[0] != nullptr ? items_->buffers[0]->data() : nullptr;
    if (validity == nullptr) return;
    int64_t num_kept = items_->length;
    while (num_kept > 0 && !arrow::bit_util::GetBit(validity, num_kept - 1)) --num_kept;
    items_ = items_->Slice(0, num_kept);
    if (items_->GetNullCount() == 0) items_->buffers[0] = nullptr;
  }

  std::shared_ptr<arrow::DataType> type_;
  int64_t num_items_ = 0;
  uint64_t first_index_ = 0;  // the index of the first item
  int64_t index_bits_ = 64;
  ByteRange data_;
  std::shared_ptr<arrow::ArrayData> items_;
  int64_t memory_bytes_ = 0;
};

}  // namespace

arrow::Result<std::unique_ptr<const ArrayValues>> OpenDictionaryArray(
    const DictionaryArray& encoding, const std::shared_ptr<arrow::DataType>& type, int64_t num_rows,
    const ArrayBuffers& buffers) {
  auto values = std::make_unique<DictionaryArrayValues>();
  ARROW_RETURN_NOT_OK(values->Open(encoding, type, num_rows, buffers));
  return values;
}

}  // namespace croupier::format
